"""What can go wrong for whoever uses the client, told so that a person can act on it.

```
TuneyardError              whatever this package raises on purpose
├─ ApiError                the service refused a request: what, where, and what to do
├─ ServiceUnknown          no URL was given, and no service runs on the data folder
├─ ServiceUnreachable      nobody answers at the URL
├─ BucketUnreachable       the service says where a file is, and nobody answers there
├─ ConnectionBroken        somebody did, then the connection broke, or no answer came in time
├─ DownloadCorrupted       a file came with a wrong checksum, twice
├─ UnsafePath              an artifact names a file outside of the folder it is downloaded to
├─ SweepNotFound           no job names the sweep
├─ UnreadableInput         a file that the user named cannot be used
└─ CannotStart             `tuneyard up` cannot start
```
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from httpx2 import Response

from client.views import fault_in_words

HINTS: Mapping[str, str] = MappingProxyType(
    {
        "checkpoint_not_found": "See which checkpoints there are: tuneyard checkpoints JOB",
        "database_unavailable": "Look whether the database of the service answers, then try again",
        "dataset_not_found": "Upload the file first: tuneyard upload FILE",
        "dataset_too_large": "Split the file, or raise TUNEYARD_MAX_UPLOAD_BYTES where the service runs",
        "expired": "See what its project keeps, and for how long: tuneyard admin projects show PROJECT",
        "file_in_use": "End the jobs that read it first: tuneyard list",
        "file_not_found": "Name a file that was uploaded to this key's project: tuneyard upload FILE",
        "idempotency_key_reused": "Choose a new key for a new job, or leave it out: each submission then has its own",
        "images_not_found": "Upload the images first: tuneyard upload FILE --images ZIP",
        "integration_not_found": "See which trackers are told of it: tuneyard integrations list JOB",
        "integration_not_given_up": "See how far it is: tuneyard integrations list JOB",
        "integration_not_offered": "Leave it out of the spec, or have its operator offer it in TUNEYARD_INTEGRATIONS",
        "internal_error": "The log of the service says more; it lies in the folder `logs` of its data folder",
        "invalid_dataset": "Correct these rows and upload the file again",
        "invalid_key": "Give another with --api-key or TUNEYARD_API_KEY",
        "invalid_request": "Correct these fields; /docs of the service describes each",
        "job_already_ended": "See how: tuneyard show JOB; if it failed or was cancelled: tuneyard retry JOB",
        "job_not_finished": "Wait for its end: tuneyard watch JOB",
        "job_not_found": "See which jobs there are: tuneyard list",
        "job_not_pausable": "Wait until it is queued or trains: tuneyard watch JOB",
        "job_not_paused": "See where it is: tuneyard show JOB; if it failed or was cancelled: tuneyard retry JOB",
        "job_not_retriable": "Follow it: tuneyard watch JOB; or submit its spec again",
        "key_not_found": "See which keys there are: tuneyard admin keys list",
        "missing_key": "Give one with --api-key or TUNEYARD_API_KEY; `tuneyard up` says where its own lies",
        "no_artifact": "See why the job left nothing: tuneyard show JOB",
        "nothing_to_save": "Wait for its first step: tuneyard watch JOB; or end it: tuneyard cancel JOB",
        "project_not_found": "See which projects there are: tuneyard admin projects list",
        "push_not_offered": "Leave push_to_hub out of the spec, or have its operator allow it: docs/integrations.md",
        "quota_exceeded": "See what is used, and of how much: tuneyard usage; operators change limits",
        "report_not_found": "Ask for another; a report is kept for a day: tuneyard validate SPEC",
        "report_not_ready": "Wait for it: tuneyard watch JOB",
        "request_too_large": "Upload rows and images as files: tuneyard upload FILE",
        "row_not_found": "See where rows begin: tuneyard datasets preview DATASET",
        "scope_too_small": "Use a key of a larger scope; operators make them: tuneyard admin keys create NAME",
        "storage_full": "Free room on the disk of the service, then try again",
        "storage_unavailable": "Look whether the storage of the service answers, then try again",
        "too_many_tries": "Give a right key with --api-key or TUNEYARD_API_KEY; wrong ones are heard again in a minute",
        "uncheckable_dataset": "Split the file, or bring it into a format that docs/datasets.md names",
        "unknown_dataset": "Upload the file first: tuneyard upload FILE; or name a local file in the spec",
        "unknown_host": "Reach the service by its address, or name this host in TUNEYARD_ALLOWED_HOSTS where it runs",
        "unknown_model": "Name one of these, or register a folder: tuneyard up --model NAME=FOLDER",
    }
)
"""What to do, by the code of a problem."""
_START = "Start one with `tuneyard up`, or name another with --url or TUNEYARD_URL"


class TuneyardError(Exception):
    """Whatever this package raises on purpose."""

    hint: str | None = None
    """What to do."""
    places: Sequence[str] = ()
    """Where it is wrong, a line each."""

    @property
    def headline(self) -> str:
        """What to say before the places."""
        return str(self)


class ApiError(TuneyardError):
    """The service refused a request."""

    body: bytes = b""
    """What it answered, as it was sent."""

    def __init__(self, status: int, code: str, detail: str, errors: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(f"{detail} ({code})")
        self.status = status
        self.code = code
        """Which kind of problem it is; never renamed."""
        self.detail = detail
        self.errors = tuple(errors)
        """Each place with what is wrong there, as the service sent it."""
        self.hint = HINTS.get(code)
        self.places = tuple(_place(error) for error in self.errors)

    @property
    def headline(self) -> str:
        """Without the detail where the places say it."""
        return f"the service refused this ({self.code}):" if self.places else str(self)

    @classmethod
    def of(cls, response: Response) -> Self:
        """The problem in a response, or what can be said of one without."""
        try:
            problem = response.json()
            error = cls(response.status_code, problem["code"], problem["detail"], problem.get("errors", ()))
        except (ValueError, KeyError, TypeError):
            detail = f"{response.request.url} answered {response.status_code}, and not as a Tuneyard service does"
            error = cls(response.status_code, f"http_{response.status_code}", detail)
        error.body = response.content
        return error


class ServiceUnknown(TuneyardError):
    """No URL was given, and no service runs on the data folder."""

    hint = _START

    def __init__(self, data_dir: Path) -> None:
        super().__init__(f"no service runs on {data_dir}")


class ServiceUnreachable(TuneyardError):
    """Nobody answers at the URL."""

    hint = _START

    def __init__(self, url: str) -> None:
        super().__init__(f"no service at {url}")


class BucketUnreachable(TuneyardError):
    """The service says in which bucket a file is, and nobody answers there."""

    hint = "Have downloads pass through the service: TUNEYARD_REDIRECT_DOWNLOADS=false where it runs"

    def __init__(self, host: str) -> None:
        super().__init__(f"the service sent us to {host}, where its files are, and nobody answers there")


class ConnectionBroken(TuneyardError):
    """The connection broke, or no answer came in time."""

    hint = "Look whether the service still runs, then try again"

    def __init__(self, url: str, reason: Exception) -> None:
        super().__init__(f"the connection to {url} broke: {str(reason) or type(reason).__name__}")


class DownloadCorrupted(TuneyardError):
    """A file came with a wrong checksum, twice."""

    hint = "What was kept is whole. Try again; if it fails again, the disk of the service may be damaged"

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} does not have the checksum that the service names, even when fetched again")


class UnsafePath(TuneyardError):
    """An artifact names a file outside of the folder it is downloaded to."""

    hint = "Nothing was downloaded. Do not trust this service"

    def __init__(self, path: str) -> None:
        super().__init__(f"the artifact names the file {path!r}, which would lie outside of its folder")


class SweepNotFound(TuneyardError):
    """No job names the sweep."""

    hint = "See which jobs there are, with their metadata: tuneyard list --json"

    def __init__(self, sweep_id: str) -> None:
        super().__init__(f"no job belongs to a sweep {sweep_id!r}")


class UnreadableInput(TuneyardError):
    """A file that the user named cannot be used."""


class CannotStart(TuneyardError):
    """`tuneyard up` cannot start."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


def _place(error: Mapping[str, Any]) -> str:
    """`hyperparameters.num_epochs: …` of a request, `line 3, message 0, image 1: …` of a dataset."""
    if "location" in error:
        return f"{error['location']}: {error.get('detail')}"
    return fault_in_words(error)
