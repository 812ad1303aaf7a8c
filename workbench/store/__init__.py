"""The store: one append-only log in SQLite over immutable Parquet objects."""
