"""The terminal interface in a browser: a server on loopback, and one process of the application a session."""
