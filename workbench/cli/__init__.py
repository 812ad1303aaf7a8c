"""The command line: a command is parse, one service, print."""
