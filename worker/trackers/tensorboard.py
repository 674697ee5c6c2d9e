"""TensorBoard: an event file of the job on the storage, in which every point stands once.

What is appended is kept only together with the place that it leads to: whoever goes on cuts the file to the length
that was kept before. A crash between the two therefore doubles nothing, and bytes that a reader has seen come again the
same. Where the storage is a bucket, the file is published whole each time.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2, summary_v2
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from store.files import Storage
from store.lifecycle import JobStatus
from store.news import News, Samples
from worker.trackers.tracker import Subject, flat

_VERSION = "brain.Event:2"
"""How a file says what it is."""
_STATUSES = {JobStatus.SUCCEEDED: api_pb2.STATUS_SUCCESS, JobStatus.FAILED: api_pb2.STATUS_FAILURE}


class EventFile:
    """The event file of a job."""

    url = None

    def __init__(self, subject: Subject, storage: Storage) -> None:
        self._storage = storage
        self._place = storage.event_file(subject.job.project_id, subject.job.id)
        self._num_bytes = int(subject.memory.get("num_bytes", 0))
        self._have()
        if not self._num_bytes:
            self._append(_opening(subject))

    @property
    def memory(self) -> Mapping[str, Any]:
        """How long the file is."""
        return {"num_bytes": self._num_bytes}

    def tell(self, news: News) -> None:
        """Append points, and samples as tables."""
        if news.points or news.samples:
            self._append([*_scalars(news), *map(_table, news.samples)])

    def end(self, subject: Subject) -> None:
        """Append how the job ended."""
        assert subject.job.finished_at is not None
        at = subject.job.finished_at.timestamp()
        status = _STATUSES.get(subject.job.status, api_pb2.STATUS_UNKNOWN)
        facts = text_pb("job", _as_code(subject.facts | {"status": str(subject.job.status)}))
        self._append([Event(wall_time=at, summary=_session_end(status, at)), Event(wall_time=at, summary=facts)])

    def close(self) -> None:
        """Keep no copy of what lies in a bucket; nothing else is open between two calls."""
        if not self._storage.is_folder:
            self._place.unlink(missing_ok=True)

    def _have(self) -> None:
        """Have the file on this host, as long as it was."""
        self._place.parent.mkdir(parents=True, exist_ok=True)
        if self._num_bytes and not self._storage.is_folder:
            self._place.unlink(missing_ok=True)  # another host may have gone on with it meanwhile
            self._storage.copy(self._place, self._place)
        with _opened(self._place) as file:
            if file.seek(0, os.SEEK_END) < self._num_bytes:
                raise EventFileCut(self._place)
            file.truncate(self._num_bytes)

    def _append(self, events: list[Event]) -> None:
        with _opened(self._place) as file:
            file.truncate(self._num_bytes)
            file.seek(self._num_bytes)
            writer = RecordWriter(file)
            for event in events:
                writer.write(event.SerializeToString())
            file.flush()
            os.fsync(file.fileno())
            num_bytes = file.tell()
        self._storage.publish(self._place, self._place)
        self._num_bytes = num_bytes


class EventFileCut(Exception):
    """The event file is shorter than what was written: somebody has changed or deleted it."""

    def __init__(self, place: Path) -> None:
        super().__init__(f"the event file {place.name} of the job is shorter than what was written, or gone")


def _opened(place: Path) -> BinaryIO:
    place.touch()
    return place.open("r+b")


def _opening(subject: Subject) -> list[Event]:
    at = subject.job.created_at.timestamp()
    params = summary_v2.hparams_pb(dict(flat(subject.config)), trial_id=subject.job.id, start_time_secs=at)
    spec = text_pb("spec", _as_code(subject.config))
    return [
        Event(wall_time=at, file_version=_VERSION),
        Event(wall_time=at, summary=params),
        Event(wall_time=at, summary=spec),
    ]


def _scalars(news: News) -> Iterator[Event]:
    for point in news.points:
        value = Summary.Value(tag=point.name, simple_value=point.value)
        yield Event(wall_time=point.at.timestamp(), step=point.step, summary=Summary(value=[value]))


def _table(samples: Samples) -> Event:
    rows = [["line", "question", "target", "output", "scores"]]
    rows += [
        [str(one.line), one.question, one.target, one.output, json.dumps(one.scores)] for one in samples.predictions
    ]
    summary = text_pb("samples", np.array(rows, dtype=np.object_))
    return Event(wall_time=samples.at.timestamp(), step=samples.step, summary=summary)


def _session_end(status: int, at: float) -> Summary:
    # As tensorboard.plugins.hparams.summary has it, which wants TensorFlow.
    ended = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=at)
    told = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_end_info=ended))
    value = Summary.Value(tag=metadata.SESSION_END_INFO_TAG, metadata=told, tensor=metadata.NULL_TENSOR)
    return Summary(value=[value])


def _as_code(told: Mapping[str, Any]) -> str:
    """JSON as Markdown has it."""
    return f"```json\n{json.dumps(told, indent=1)}\n```"
