"""Chats, one after the other, as one process answers them: claimed, resolved, written down piece by piece."""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from store import completions, trained_models
from store.completions import Claim
from store.database import Database
from store.files import BaseModelNotFound, Storage
from store.remote import StorageFull, StorageUnavailable
from telemetry.about import about
from trainer_core.contract.chat import Answered, Question, RefusalCode, Refused, TextWritten
from trainer_core.contract.sources import ModelSource
from worker.answerer import Answerer
from worker.beside import beside
from worker.reporter import BrokenDown
from worker.resolution import source_of
from worker.settings import WorkerSettings

_LOOK_SECONDS = 0.25
"""How often to look whether a job needs the slot."""
_BATCH_SECONDS = 0.05
"""For which text is gathered before it is written."""
_BEAT_SECONDS = 1.0
_CLAIM_SECONDS = 15
"""How long a claim lasts without a renewal."""
_STOP_SECONDS = 10.0
"""How long the process may take to end an answer that nobody wants."""

log = logging.getLogger(__name__)


class NobodyWants(Exception):
    """Whoever asked has gone, or another worker answers."""


class MakeWay(Exception):
    """A job needs the slot, or this worker stops."""


class Answering:
    """The chats of one process.

    Args:
        settings: How long the process may idle.
        database: Where chats and answers are.
        storage: Where models are.
        start: Starts a process that answers; given something to call meanwhile.
        must_end: Tells whether the slot is needed for something else.
        rung: Set when there may be another chat.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        database: Database,
        storage: Storage,
        start: Callable[[Callable[[], None]], Answerer],
        must_end: Callable[[], bool],
        rung: threading.Event,
    ) -> None:
        self._settings = settings
        self._database = database
        self._storage = storage
        self._start = start
        self._process: Answerer | None = None
        self._must_end = must_end
        self._rung = rung
        self._looked_at = self._written_at = time.monotonic()

    def run(self) -> None:
        """Answer until nobody has asked for long.

        Raises:
            MakeWay: The slot is needed.
            BrokenDown: The process is gone, or does not listen.
        """
        try:
            self._run()
        finally:
            if self._process is not None:
                self._process.end()

    def _run(self) -> None:
        used_at = time.monotonic()
        while True:
            self._make_way()
            self._rung.clear()
            if (claim := self._claim()) is not None:
                with about(completion_id=claim.completion_id, project_id=claim.project_id):
                    self._answer(claim)
                used_at = time.monotonic()
            elif time.monotonic() - used_at > self._settings.chat_idle_seconds:
                return
            else:
                self._rung.wait(_LOOK_SECONDS)

    def _claim(self) -> Claim | None:
        with self._database.reading() as session:
            if not completions.is_anything_due(session):
                return None
        with self._database.writing() as session:
            return completions.claim(session, _CLAIM_SECONDS)

    def _answer(self, claim: Claim) -> None:
        log.info("%s: answering by %s, try %d", claim.completion_id, claim.model, claim.attempt)
        try:
            outcome = self._outcome(claim)
        except NobodyWants:
            log.info("%s: nobody wants the answer any more", claim.completion_id)
        except (MakeWay, BrokenDown) as error:
            with self._database.writing() as session:
                completions.give_back(session, claim, is_charged=isinstance(error, BrokenDown))
            raise
        else:
            with self._database.writing() as session:
                completions.finish(session, claim, outcome)

    def _outcome(self, claim: Claim) -> Answered | Refused:
        keep = partial(self._keep, claim, "")
        try:
            source = beside(partial(self._source, claim.model), keep)
        except BaseModelNotFound as error:
            return Refused(code=RefusalCode.MODEL_UNUSABLE, message=str(error))
        except (FileNotFoundError, StorageFull, StorageUnavailable) as error:
            return Refused(code=RefusalCode.BROKE_DOWN, message=f"the model could not be fetched: {error}")
        self._process = process = self._process or self._start(keep)
        process.ask(Question(source=source, chat=claim.chat))
        try:
            return self._follow(claim, process)
        except NobodyWants:
            self._hush(process)
            raise

    def _follow(self, claim: Claim, process: Answerer) -> Answered | Refused:
        while True:
            text, outcome = _hear(process)
            self._keep(claim, text)
            if outcome is not None:
                return outcome

    def _source(self, model: str) -> ModelSource:
        with self._database.reading() as session:
            origin = trained_models.origin(session, model)
        return source_of(origin, self._storage, hub_models=False)

    def _keep(self, claim: Claim, text: str) -> None:
        """Write a piece of the answer, and see whether to go on."""
        now = time.monotonic()
        if text or now - self._written_at > _BEAT_SECONDS:
            self._written_at = now
            with self._database.writing() as session:
                if not completions.write(session, claim, text, _CLAIM_SECONDS):
                    raise NobodyWants
        self._make_way()

    def _make_way(self) -> None:
        now = time.monotonic()
        if now - self._looked_at > _LOOK_SECONDS:
            self._looked_at = now
            if self._must_end():
                raise MakeWay

    def _hush(self, process: Answerer) -> None:
        """Have the process end an answer, and be ready for the next chat."""
        process.stop()
        until = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < until:
            if isinstance(process.hear(_BATCH_SECONDS), Answered | Refused):
                return
            self._make_way()
        raise BrokenDown("whoever answers chats does not end an answer")


def _hear(process: Answerer) -> tuple[str, Answered | Refused | None]:
    """What comes next, text of a moment together."""
    texts: list[str] = []
    until = time.monotonic() + _LOOK_SECONDS
    while (left := until - time.monotonic()) > 0:
        told = process.hear(left)
        if isinstance(told, TextWritten):
            until = min(until, time.monotonic() + _BATCH_SECONDS) if not texts else until
            texts.append(told.text)
        elif told is not None:
            return "".join(texts), told
    return "".join(texts), None
