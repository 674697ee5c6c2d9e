"""The starter model in the making: something to train from without downloading anything, made on this machine once."""

from pathlib import Path

from client.child import Program


class Starter:
    """Made by `program`, beside all else, unless `folder` is there; the program makes it appear in one move."""

    def __init__(self, program: Program, folder: Path) -> None:
        self._program = program
        self._process = None if folder.exists() else program.start()

    def is_there(self) -> bool:
        """True once it can be trained from.

        Raises:
            CannotStart: It could not be made.
        """
        exit_code = self._process.poll() if self._process else 0
        if exit_code:
            raise self._program.ended_at_once(exit_code)
        return exit_code == 0
