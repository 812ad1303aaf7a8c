"""Near duplicates as people judge them: pairs, clusters, verdicts, removals."""
