"""MLflow: a run on the server that `MLFLOW_TRACKING_URI` names, by MLflow's own client, which reads its credentials.

A run is found again by a tag. Points carry the time at which they were written, so that a server, whose database holds
a point once, takes one that comes again for the same.
"""

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from store.lifecycle import JobStatus
from store.news import News, Samples
from trainer_core.contract.integrations import MLflow
from worker.trackers.tracker import Subject, described, flat

URI_VARIABLE = "MLFLOW_TRACKING_URI"
_TAG = "tuneyard.tracking_id"
_MAX_AT_ONCE = 500
"""A request takes a thousand metrics; fewer are sooner written."""
_MAX_PARAMS = 100
_MAX_VALUE = 500
"""Characters of a parameter that every version of the server keeps."""
_STATUSES: Mapping[str, str] = {
    JobStatus.SUCCEEDED: "FINISHED",
    JobStatus.FAILED: "FAILED",
    JobStatus.CANCELLED: "KILLED",
}
_COLUMNS = ["line", "question", "target", "output", "scores"]


class MlflowRun:
    """The run of a job."""

    memory: Mapping[str, Any] = {}

    def __init__(self, subject: Subject, target: MLflow) -> None:
        self._client = MlflowClient()
        self._experiment_id = _experiment(self._client, target.experiment)
        self._run_id = self._find(subject) or self._make(subject, target)
        params = [Param(name, str(value)[:_MAX_VALUE]) for name, value in flat(subject.config)]
        for first in range(0, len(params), _MAX_PARAMS):
            self._client.log_batch(self._run_id, params=params[first : first + _MAX_PARAMS])

    @property
    def url(self) -> str | None:
        """The page of the run, if there is a server."""
        uri = urlsplit(os.environ[URI_VARIABLE])
        if not uri.scheme.startswith("http"):
            return None
        host = uri.netloc.rpartition("@")[2]  # no password of it
        path = uri.path.rstrip("/")
        return f"{uri.scheme}://{host}{path}/#/experiments/{self._experiment_id}/runs/{self._run_id}"

    def tell(self, news: News) -> None:
        """Log points, and samples as tables."""
        points = [Metric(one.name, one.value, int(one.at.timestamp() * 1000), one.step) for one in news.points]
        for first in range(0, len(points), _MAX_AT_ONCE):
            self._client.log_batch(self._run_id, metrics=points[first : first + _MAX_AT_ONCE])
        for samples in news.samples:
            self._log_table(samples)

    def end(self, subject: Subject) -> None:
        """Log where the model is, and end the run."""
        self._tag(subject.facts)
        assert subject.job.finished_at is not None
        ended_at = int(subject.job.finished_at.timestamp() * 1000)
        self._client.set_terminated(self._run_id, _STATUSES[subject.job.status], ended_at)

    def close(self) -> None:
        """Nothing is open between two calls."""

    def _find(self, subject: Subject) -> str | None:
        """The run that an earlier claim has made, running again."""
        found = self._client.search_runs([self._experiment_id], f"tags.`{_TAG}` = '{subject.tracking_id}'")
        if not found:
            return None
        run_id = str(found[0].info.run_id)
        if found[0].info.status != "RUNNING":
            self._client.update_run(run_id, status="RUNNING")
        return run_id

    def _make(self, subject: Subject, target: MLflow) -> str:
        note = {"mlflow.note.content": described(subject.job.spec)}
        run = self._client.create_run(
            self._experiment_id,
            start_time=int(subject.job.created_at.timestamp() * 1000),
            tags=note | subject.facts | target.tags | {_TAG: subject.tracking_id},
            run_name=target.run_name or subject.name,
        )
        return str(run.info.run_id)

    def _tag(self, tags: Mapping[str, str]) -> None:
        self._client.log_batch(self._run_id, tags=[RunTag(name, value) for name, value in tags.items()])

    def _log_table(self, samples: Samples) -> None:
        """As `log_table` would, which wants pandas."""
        path = f"samples/step-{samples.step:08d}.json"
        rows = [[one.line, one.question, one.target, one.output, json.dumps(one.scores)] for one in samples.predictions]
        self._client.log_dict(self._run_id, {"columns": _COLUMNS, "data": rows}, path)
        logged = self._client.get_run(self._run_id).data.tags.get("mlflow.loggedArtifacts", "[]")
        table = {"path": path, "type": "table"}
        if table not in (tables := json.loads(logged)):
            self._tag({"mlflow.loggedArtifacts": json.dumps([*tables, table])})


def _experiment(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))
