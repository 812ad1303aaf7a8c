"""The parts of the records screen."""
