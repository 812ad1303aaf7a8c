"""Readers: one module a raw shape, each yields records with their origin, or rejects with their bytes."""
