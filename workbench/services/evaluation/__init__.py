"""Measure runs, compare them, and lead back to the records."""
