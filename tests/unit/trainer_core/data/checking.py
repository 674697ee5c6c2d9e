"""`python -m trainer_core.data` on many files, one after the other, in one process: `checking.py FOLDER`.

Prints what came of each run as a line of JSON. It is what the service runs, but for the start of a process; a file that
ends or hangs the process is the first one without a line.
"""

import io
import json
import signal
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from trainer_core.data.__main__ import main

_HANGS_SECONDS = 60
_OPTIONS = (
    ("--output", "{path}.rows", "--most-bytes", "10000000"),
    ("--addresses",),
    ("--uploads",),
    ("--only-images",),
)


def _run(path: Path, options: tuple[str, ...]) -> dict[str, object]:
    sys.argv = ["trainer_core.data", str(path), *(one.format(path=path) for one in options)]
    said, word = io.StringIO(), io.StringIO()
    signal.alarm(_HANGS_SECONDS)
    with redirect_stdout(said), redirect_stderr(word):
        try:
            code = main()
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:  # noqa: BLE001 - whatever it is, it is what is looked for
            code = -1
            traceback.print_exc()
    signal.alarm(0)
    return {
        "file": path.name,
        "asked": options[0],
        "code": code,
        "said": said.getvalue(),
        "word": word.getvalue()[-3000:],
    }


if __name__ == "__main__":
    for path in sorted(Path(sys.argv[1]).iterdir()):
        for options in _OPTIONS:
            sys.stdout.write(json.dumps(_run(path, options)) + "\n")
            sys.stdout.flush()
        Path(f"{path}.rows").unlink(missing_ok=True)
