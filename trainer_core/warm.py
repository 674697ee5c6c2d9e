"""A process that has everything imported and forks another for each order (`contract/orders.py`).

Forking takes some milliseconds and hardly any memory. What is forked must not have started threads that it needs, nor
CUDA: neither survives. What a fork had to import, a model's own code say, is imported here for the next one. It knows
neither torch nor what an order is about.
"""

import gc
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module

from trainer_core.contract.line import hear, say
from trainer_core.contract.orders import ORDER, ChatOrder, Order, RunOrder
from trainer_core.contract.role import take_role

CarryOut = Callable[[Order, socket.socket], int]
"""`(order, line to whoever asked) -> exit code`."""
_BROKEN_DOWN = 70
"""EX_SOFTWARE of sysexits.h."""
_MOST_NEWS_BYTES = 1 << 16


def serve(carry_out: CarryOut, learned: Sequence[str] = ()) -> int:
    """Fork for every line that comes, until whoever sends them is gone; stdin is the way by which they come.

    Args:
        carry_out: What a fork does.
        learned: Packages of which modules that a fork has imported are imported for those to come.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the dead
    news, to_news = os.pipe()
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as lines:
        while True:
            gc.freeze()  # a collection in a fork would write to every object, and so copy what is shared
            readable, _, _ = select.select([lines.fileno(), news], [], [])
            if news in readable:
                _import(os.read(news, _MOST_NEWS_BYTES).decode().split())
                continue
            _, files = hear(lines)
            if not files:
                return 0
            if os.fork() == 0:
                lines.close()
                _answer(socket.socket(fileno=files[0]), carry_out, to_news, learned)
            os.close(files[0])


def _import(names: Sequence[str]) -> None:
    for name in names:
        with suppress(Exception):  # whoever needs it will be told
            import_module(name)


def _answer(line: socket.socket, carry_out: CarryOut, to_news: int, learned: Sequence[str]) -> None:
    """Wait for one order, carry it out and end."""
    exit_code, known = _BROKEN_DOWN, set(sys.modules)
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        say(line, str(os.getpid()))
        message, files = hear(line)
        if message:
            order = ORDER.validate_json(message)
            _prepare(order, files)
            exit_code = carry_out(order, line)
            new = " ".join(name for name in sys.modules if name not in known and name.split(".")[0] in learned)
            os.write(to_news, f"{new} ".encode()[: select.PIPE_BUF])
    except BaseException:  # noqa: BLE001 - whatever it is, its last words go to stderr
        traceback.print_exc()
    finally:
        _end(line, exit_code)


def _prepare(order: Order, files: list[int]) -> None:
    """Become what was ordered: its environment, beside what the command has set, and its files."""
    own = os.open(os.devnull, os.O_RDONLY)  # stdin is the way of the lines, which is not ours
    os.dup2(own, 0)
    os.close(own)
    if isinstance(order, RunOrder | ChatOrder):
        take_role("trainer" if isinstance(order, RunOrder) else "chat")
        os.environ.update(order.environment)
        for number, file in enumerate(files[:3]):
            os.dup2(file, number)
            os.close(file)


def _end(line: socket.socket, exit_code: int) -> None:
    sys.stderr.flush()
    try:
        say(line, str(exit_code))
    finally:
        # All that counts is written. Python's own end takes two seconds, and a thread that writes could abort it.
        os._exit(exit_code)
