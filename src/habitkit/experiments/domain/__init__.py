"""The rules of experiments, pure: assignment, statistics, reports."""
