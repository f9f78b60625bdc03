"""Turn other trackers' files into facts; one module per tracker."""
