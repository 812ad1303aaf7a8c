"""`python -m workbench`: the same as the console script."""

from workbench.cli.main import run

if __name__ == "__main__":
    run()
