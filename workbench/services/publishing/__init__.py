"""Let versions and adapters leave, and take in what comes from the Hub."""
