"""Runs what comes as JSON strings, a line each, in one namespace; answers each with what went wrong, or null."""

import json
import os
import sys
import traceback

_answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what the code prints is for people
namespace: dict[str, object] = {"__name__": "__main__"}
for _line in sys.stdin:
    try:
        exec(json.loads(_line), namespace)  # noqa: S102 - it is what this is for
        _fault = None
    except BaseException:  # noqa: BLE001 - whatever it is, it is told
        _fault = traceback.format_exc()
    print(json.dumps(_fault), file=_answers, flush=True)
