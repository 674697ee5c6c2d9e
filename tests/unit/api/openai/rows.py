"""Rows in OpenAI's format."""

import json


def rows(number: int) -> bytes:
    """So many conversations, each with another answer."""
    turns = (
        [{"role": "user", "content": "Which?"}, {"role": "assistant", "content": str(one)}] for one in range(number)
    )
    return "".join(f"{json.dumps({'messages': messages})}\n" for messages in turns).encode()
