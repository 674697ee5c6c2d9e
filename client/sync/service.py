# Made from client/aio/service.py by `make client-sync`: change that file, not this one.
"""What there is of a service besides jobs and files: models, workers, usage, projects, keys, health."""

from collections.abc import Mapping
from typing import Any

from httpx2 import codes

from client.errors import ApiError
from client.sync.transport import Transport
from client.tenant_views import Key, NewKey, Project, Usage
from client.views import ModelList, Readiness, Worker


class Models:
    """Base models to start from."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> ModelList:
        """Models that are registered, and whether ids of the Hugging Face hub may be named as well."""
        return ModelList.model_validate_json((self._transport.get("/models")).content)


class Workers:
    """Who carries out jobs."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> tuple[Worker, ...]:
        """Workers seen in the last half minute, with their slots, memory and GPUs."""
        found = (self._transport.get("/workers")).json()
        return tuple(Worker.model_validate(one) for one in found["data"])


class Usages:
    """What projects have and have used."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def retrieve(self, project_id: str | None = None) -> Usage:
        """Jobs, GPU hours and storage, beside the project's limits.

        Args:
            project_id: Which project, for operators; by default the key's own.
        """
        headers = None if project_id is None else {"Tuneyard-Project": project_id}
        return Usage.model_validate_json((self._transport.get("/usage", headers=headers)).content)


class Projects:
    """Who owns jobs and files. For operators."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, name: str, **limits: Any) -> Project:
        """Make a project.

        Args:
            name: Its name.
            limits: `share`, `max_queued_jobs`, `max_running_jobs`, `max_gpu_hours`, `max_storage_bytes`,
                `max_upload_bytes`, `keep_artifacts_days` and so on; what is left out is without limit.
        """
        return Project.model_validate_json(
            (self._transport.ask("POST", "/projects", json={"name": name, **limits})).content
        )

    def list(self) -> tuple[Project, ...]:
        """Every project, the oldest first."""
        found = (self._transport.get("/projects")).json()
        return tuple(Project.model_validate(one) for one in found["data"])

    def retrieve(self, project_id: str) -> Project:
        """One project."""
        return Project.model_validate_json((self._transport.get(f"/projects/{project_id}")).content)

    def update(self, project_id: str, changes: Mapping[str, Any]) -> Project:
        """Rename a project, or give it other limits; what is left out stays, None takes a limit away."""
        answer = self._transport.ask("PATCH", f"/projects/{project_id}", repeats=True, json=dict(changes))
        return Project.model_validate_json(answer.content)


class Keys:
    """Who may use the service. For operators."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        name: str,
        *,
        scope: str | None = None,
        project_id: str | None = None,
        expires_in_seconds: int | None = None,
    ) -> NewKey:
        """Make a key. The key itself is told in this answer and never again.

        Args:
            name: What it is for.
            scope: `read`, `submit` or `admin`; by default `submit`.
            project_id: Whose it is; by default the first project's.
            expires_in_seconds: When it ends; by default it does not.
        """
        asked = {"name": name, "scope": scope, "project_id": project_id, "expires_in_seconds": expires_in_seconds}
        body = {key: value for key, value in asked.items() if value is not None}
        return NewKey.model_validate_json((self._transport.ask("POST", "/keys", json=body)).content)

    def list(self) -> tuple[Key, ...]:
        """Every key without its secret, the oldest first."""
        found = (self._transport.get("/keys")).json()
        return tuple(Key.model_validate(one) for one in found["data"])

    def revoke(self, key_id: str) -> Key:
        """Have a key open nothing from now on."""
        return Key.model_validate_json((self._transport.ask("DELETE", f"/keys/{key_id}", repeats=True)).content)


class Health:
    """Whether the service answers, and whether it can work."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def is_alive(self) -> bool:
        """True if it answers."""
        return (self._transport.get("/healthz")).is_success

    def is_ready(self) -> Readiness:
        """Whether database and storage answer, and how many workers are there."""
        try:
            answer = (self._transport.get("/readyz", patience_seconds=0)).content
        except ApiError as error:
            if error.status != codes.SERVICE_UNAVAILABLE:
                raise
            answer = error.body
        return Readiness.model_validate_json(answer)
