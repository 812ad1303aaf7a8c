"""Training: check and prepare a run, train it in its own process, follow it from its folder."""
