"""What jobs of these tests train on, and how."""

import subprocess
import sys
from pathlib import Path

_EXAMPLE = Path(__file__).parents[2] / "examples" / "digits" / "dataset.py"
EVALUATED = {
    "eval_dataset": {"fraction": 0.1},
    "evaluation": {"every": 6, "generation": {"max_new_tokens": 4, "num_samples": 4}},
    "checkpointing": {"every": 6},
}


def digits_in(folder: Path, num_rows: int = 160) -> Path:
    """Rows that show a handwritten digit and ask which it is."""
    subprocess.run([sys.executable, _EXAMPLE, folder], check=True, stdout=subprocess.DEVNULL)
    path = folder / "train.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:num_rows]))
    return path
