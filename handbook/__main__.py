"""`python -m handbook`: build the documents into `site/`; a link that leads nowhere fails."""

import subprocess
import sys
from pathlib import Path

from handbook import references

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Write the references, then have Zensical build the site."""
    references.write(ROOT / "docs" / "reference")
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
