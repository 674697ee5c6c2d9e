"""Weights & Biases: a run by its own client, which reads `WANDB_API_KEY`, `WANDB_BASE_URL`, `WANDB_MODE` and the like.

The client writes what it is told to a file of its own and sends it from there, so that nothing here waits for the
network. A row of the run's history is what one step told at once; its `step` is the job's, by which everything is
drawn: rows that come again after a crash draw the same line.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import wandb

from store.lifecycle import JobStatus
from store.news import News, Samples, TimedPoint
from trainer_core.contract.integrations import Wandb
from worker.trackers.tracker import Subject, described

_STEP = "step"
_INIT_SECONDS = 60
_EXIT_CODES = {JobStatus.SUCCEEDED: 0, JobStatus.CANCELLED: 255}
"""W&B calls a run that ended with another than 0 failed; 255 is what it has of one that was interrupted."""
_COLUMNS: list[str | int] = ["line", "question", "target", "output", "scores"]


class WandbRun:
    """The run of a job."""

    memory: Mapping[str, Any] = {}

    def __init__(self, subject: Subject, target: Wandb, folder: str) -> None:
        self._exit_code = 0
        self._run = wandb.init(
            project=target.project,
            entity=target.entity,
            name=target.name or subject.name,
            tags=target.tags,
            notes=described(subject.job.spec),
            config=subject.config,
            id=subject.tracking_id.removeprefix("trk_"),
            resume="allow",
            reinit="create_new",  # beside those of other jobs
            dir=folder,
            settings=wandb.Settings(
                console="off",
                silent=True,
                disable_code=True,
                disable_git=True,
                init_timeout=_INIT_SECONDS,
                x_disable_meta=True,
                x_disable_stats=True,
                x_save_requirements=False,
            ),
        )
        self._run.define_metric(_STEP, hidden=True)
        self._run.define_metric("*", step_metric=_STEP, step_sync=True)
        self._run.summary.update(subject.facts)

    @property
    def url(self) -> str | None:
        """The page of the run; offline there is none."""
        return None if self._run.offline else self._run.url

    def tell(self, news: News) -> None:
        """Log points, and samples as tables."""
        for row in _rows(news.points):
            self._run.log(row)
        for samples in news.samples:
            self._run.log({_STEP: samples.step, "samples": _table(samples)})

    def end(self, subject: Subject) -> None:
        """Log where the model is, and have the run end as the job has."""
        self._run.summary.update(subject.facts)
        self._exit_code = _EXIT_CODES.get(subject.job.status, 1)
        self._run.finish(exit_code=self._exit_code)

    def close(self) -> None:
        """End the run as far as it has come; `resume` takes it up again. What was sent needs no copy here."""
        self._run.finish(exit_code=self._exit_code)
        if not self._run.offline:
            shutil.rmtree(Path(self._run.dir).parent, ignore_errors=True)


def _rows(points: tuple[TimedPoint, ...]) -> Iterator[dict[str, Any]]:
    """What each step told at once."""
    for (step, at), some in groupby(points, key=lambda point: (point.step, point.at)):
        yield {_STEP: step, "_timestamp": at.timestamp(), **{point.name: point.value for point in some}}


def _table(samples: Samples) -> wandb.Table:
    rows = [[one.line, one.question, one.target, one.output, json.dumps(one.scores)] for one in samples.predictions]
    return wandb.Table(columns=_COLUMNS, data=rows)
