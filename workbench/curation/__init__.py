"""Curation: pure functions over frames of records."""
