"""The terminal interface: it reads and changes a workspace through services only."""
