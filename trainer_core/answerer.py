"""Carries out the order for chats: one after the other, by a model that stays loaded until another is asked for."""

import gc
import logging
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import torch

from trainer_core.contract.chat import SAID, Answered, Question, RefusalCode, Refused, Said, TextWritten, Told
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.sources import ModelSource
from trainer_core.data.asking import NotAsked
from trainer_core.training.answering import Answering
from trainer_core.training.failures import failure_of

_CODES = {
    FailureCode.OUT_OF_MEMORY: RefusalCode.OUT_OF_MEMORY,
    FailureCode.BASE_MODEL_UNUSABLE: RefusalCode.MODEL_UNUSABLE,
    FailureCode.INVALID_SPEC: RefusalCode.MODEL_UNUSABLE,
}

log = logging.getLogger(__name__)


class Answerer:
    """Answers what is asked on stdin; a line of `told` is what is said of it."""

    def __init__(self, told: TextIO) -> None:
        self._told = told
        self._asked: queue.SimpleQueue[Question | None] = queue.SimpleQueue()
        self._is_unwanted = threading.Event()
        self._loaded: tuple[ModelSource, Answering] | None = None

    def run(self) -> int:
        """Answer until stdin ends; gives the exit code."""
        threading.Thread(target=self._hear, name="questions", daemon=True).start()
        for question in self._questions():
            self._tell(self._outcome(question))
        return 0

    def _questions(self) -> Iterator[Question]:
        while (question := self._asked.get()) is not None:
            yield question

    def _hear(self) -> None:
        try:
            with Path("/dev/stdin").open("rb") as lines:
                for line in lines:
                    self._take(SAID.validate_json(line))
        finally:  # else nobody would hear a question any more, and whoever asks would wait for ever
            self._is_unwanted.set()
            self._asked.put(None)

    def _take(self, said: Said) -> None:
        if isinstance(said, Question):
            self._is_unwanted.clear()  # who asks has heard the end of the answer before
            self._asked.put(said)
        else:
            self._is_unwanted.set()

    def _outcome(self, question: Question) -> Answered | Refused:
        try:
            return self._answering(question.source).answer(question.chat, self._write, self._is_wanted)
        except NotAsked as refusal:
            return Refused(code=refusal.code, message=str(refusal))
        except Exception as error:
            failure = failure_of(error)
            if failure.code not in _CODES:
                log.exception("a chat was not answered")
            return Refused(code=_CODES.get(failure.code, RefusalCode.BROKE_DOWN), message=failure.message)

    def _answering(self, source: ModelSource) -> Answering:
        """The model; the one before leaves the device first."""
        if self._loaded is None or self._loaded[0] != source:
            self._loaded = None
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self._loaded = source, Answering(source)
        return self._loaded[1]

    def _is_wanted(self) -> bool:
        return not self._is_unwanted.is_set()

    def _write(self, text: str) -> None:
        self._tell(TextWritten(text=text))

    def _tell(self, one: Told) -> None:
        self._told.write(f"{one.model_dump_json()}\n")
        self._told.flush()
