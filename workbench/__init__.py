"""A terminal workbench for people who fine-tune language models on data they care about."""

__version__ = "0.1.0"
