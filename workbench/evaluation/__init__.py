"""Evaluation: score base and tuned model alike, and turn the scores into numbers."""
