"""What following a job means to a tracker, and what every tracker is told about the job itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from store.news import News
from store.tables import Job
from store.trained_models import ModelName
from trainer_core.contract.spec import JobSpec

_NOT_TOLD = {"integrations", "push_to_hub", "metadata"}
"""Parts of a spec that say nothing of how is trained; metadata become tags."""


@dataclass(frozen=True)
class Subject:
    """A job, as trackers know it."""

    tracking_id: str
    """Under it a tracker finds its run again."""
    job: Job
    memory: Mapping[str, Any]
    """What the tracker wanted to be kept, the last time it took something."""
    url: str | None
    """Of the job at this service, if the operator says where that is."""

    @property
    def name(self) -> str:
        """What the job is called."""
        return self.job.spec.suffix or self.job.id

    @property
    def config(self) -> dict[str, Any]:
        """The spec, without what others are told."""
        told = self.job.spec.model_dump(mode="json", exclude=_NOT_TOLD)
        return told | {"base_commit": self.job.base_commit} if self.job.base_commit else told

    @property
    def facts(self) -> dict[str, str]:
        """Where the run comes from, and its model once it is there."""
        told = {"tuneyard.job_id": self.job.id, "tuneyard.project_id": self.job.project_id}
        if self.url:
            told["tuneyard.url"] = self.url
        if self.job.artifact:
            told["tuneyard.model"] = str(ModelName.of(self.job))
            told["tuneyard.artifact_sha256"] = self.job.artifact.manifest_sha256
        return told | {f"tuneyard.metadata.{name}": value for name, value in self.job.spec.metadata.items()}


class Tracker(Protocol):
    """One job's run at a tracker, open. Any exception of its methods means: not taken, try again later."""

    @property
    def url(self) -> str | None:
        """Where people find the run."""

    @property
    def memory(self) -> Mapping[str, Any]:
        """What to keep with the place, to go on there."""

    def tell(self, news: News) -> None:
        """Take points and samples; what was taken since the memory was kept may come again."""

    def end(self, subject: Subject) -> None:
        """The job has ended as its status says."""

    def close(self) -> None:
        """Let go, for now or after `end`; never raises for what is gone already."""


def flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, bool | float | str]]:
    """`{"method": {"rank": 8}}` → `("method.rank", 8)`; lists and null are written as words."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, bool | int | float | str) else str(value)


def described(spec: JobSpec) -> str:
    """One line for people."""
    return f"{spec.method.type} of {spec.base_model} on {spec.train_dataset}"
