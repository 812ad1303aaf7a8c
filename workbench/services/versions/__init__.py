"""Cut versions, compare them, and keep them as plain files."""
