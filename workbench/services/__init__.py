"""Services: one module an intent, called by the command line and the terminal interface alike."""
