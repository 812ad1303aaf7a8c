"""Change single records and take changes back; each change is a row of the log."""
