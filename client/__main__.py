"""`python -m client`: the `tuneyard` command."""

from client.cli import app

if __name__ == "__main__":
    app()
