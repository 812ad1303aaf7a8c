"""Quality flags, one module a family: a new family is a new module here that registers its functions."""
