"""What screens show of a corpus: row numbers, pages and cells, never the whole."""
