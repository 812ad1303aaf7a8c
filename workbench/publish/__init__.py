"""What leaves the workbench: files a person can load anywhere, their card, and the Hub."""
