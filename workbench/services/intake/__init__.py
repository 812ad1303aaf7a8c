"""Take raw files in: told apart, read, mapped, kept or quarantined."""
