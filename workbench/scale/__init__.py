"""The same curation past one machine: the pure functions over frames, run over shards on Daft (extra `scale`)."""
