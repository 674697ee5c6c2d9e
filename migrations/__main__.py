"""`python -m migrations`: bring the database at `TUNEYARD_DATABASE_URL` to the newest revision."""

from pathlib import Path

from alembic import command
from alembic.config import Config


def config() -> Config:
    """Alembic's configuration for the revisions beside this file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    return made


if __name__ == "__main__":
    command.upgrade(config(), "head")
