"""Say what is wrong with a corpus, and what it holds."""
