"""Many readers of one stream in one process: `python -m benchmarks.listening URL NUM_READERS LAST_STEP`.

The key is in `TUNEYARD_API_KEY`. Says `ready` once all are connected, then, as JSON, when the first and the last of
them had each step, by the clock that all processes of a host share.
"""

import asyncio
import json
import os
import re
import resource
import sys
import time
from urllib.parse import urlsplit

_STEP = re.compile(rb'"step":(\d+)')
_AT_ONCE = 50


class Heard:
    """When each step came."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.first_at: dict[int, float] = {}
        self.last_at: dict[int, float] = {}

    def hear(self, step: int) -> None:
        """One reader more has had this step."""
        now = time.monotonic()
        self.counts[step] = self.counts.get(step, 0) + 1
        self.first_at.setdefault(step, now)
        self.last_at[step] = now


async def _read(url: str, last_step: int, heard: Heard, opening: asyncio.Semaphore, is_open: asyncio.Event) -> None:
    address = urlsplit(url)
    async with opening:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        known = f"Host: {address.netloc}\r\nAuthorization: Bearer {os.environ['TUNEYARD_API_KEY']}\r\n"
        writer.write(f"GET {address.path}?types=metric HTTP/1.1\r\n{known}\r\n".encode())
        await reader.readuntil(b"retry:")
    is_open.set()
    step = 0
    while step < last_step:
        line = await reader.readline()
        if not line:
            raise EOFError("the stream was cut")
        if line.startswith(b"data:") and (found := _STEP.search(line)):
            step = int(found[1])
            heard.hear(step)
    writer.close()


async def _listen(url: str, num_readers: int, last_step: int) -> Heard:
    heard, opening = Heard(), asyncio.Semaphore(_AT_ONCE)
    opened = [asyncio.Event() for _ in range(num_readers)]
    async with asyncio.TaskGroup() as tasks:
        for is_open in opened:
            tasks.create_task(_read(url, last_step, heard, opening, is_open))
        for is_open in opened:
            await is_open.wait()
        print("ready", flush=True)
    return heard


def main(url: str, num_readers: int, last_step: int) -> None:
    """Listen to the last step."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    heard = asyncio.run(_listen(url, num_readers, last_step))
    print(json.dumps([[step, heard.counts[step], heard.first_at[step], heard.last_at[step]] for step in heard.counts]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
