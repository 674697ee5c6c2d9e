"""Which class speaks to which tracker: the only place that imports their libraries, each when it is first needed."""

import os
from importlib.util import find_spec

from store.files import Storage
from trainer_core.contract.integrations import MLflow, TensorBoard, TrackerKind, Wandb
from worker.trackers.tracker import Subject, Tracker

_PACKAGES: dict[TrackerKind, str] = {"tensorboard": "tensorboard", "mlflow": "mlflow", "wandb": "wandb"}
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # whoever calls tries again by itself
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "WANDB_ERROR_REPORTING": "false",
}
"""What the libraries are told unless the operator tells them something else: nobody hears of this service through
them."""


class NotReady(Exception):
    """A tracker is offered that cannot be told anything from here."""


def check(kinds: tuple[TrackerKind, ...]) -> None:
    """See that every tracker that is offered can be told something.

    Raises:
        NotReady: A package or a setting is missing.
    """
    for kind in kinds:
        if find_spec(_PACKAGES[kind]) is None:
            raise NotReady(
                f"TUNEYARD_INTEGRATIONS offers {kind}, which is not installed: pip install 'tuneyard[{kind}]'"
            )
    if "mlflow" in kinds and not os.environ.get("MLFLOW_TRACKING_URI"):
        raise NotReady("TUNEYARD_INTEGRATIONS offers mlflow: set MLFLOW_TRACKING_URI to where its server is")
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


def open_run(target: TensorBoard | MLflow | Wandb, subject: Subject, storage: Storage, folder: str) -> Tracker:
    """Begin a job's run at a tracker, or go on with it.

    Args:
        target: Which one, and how the run is called there.
        subject: The job.
        storage: Where an event file goes.
        folder: For files of the tracker's client.
    """
    match target:
        case TensorBoard():
            from worker.trackers.tensorboard import EventFile  # noqa: PLC0415 - the packages are optional

            return EventFile(subject, storage)
        case MLflow():
            from worker.trackers.mlflow import MlflowRun  # noqa: PLC0415

            return MlflowRun(subject, target)
        case Wandb():
            from worker.trackers.wandb import WandbRun  # noqa: PLC0415

            return WandbRun(subject, target, folder)
