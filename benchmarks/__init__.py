"""Benchmarks: ``make bench``. Ratios in one run on one machine; a bare time says little.

``python -m benchmarks --quick`` shows in seconds that all of it works; its figures mean nothing.
"""
