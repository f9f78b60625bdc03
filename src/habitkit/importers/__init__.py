"""Importers of other trackers' files; one module per tracker."""
