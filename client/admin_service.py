"""What operators ask of a running service, over HTTP with an admin key."""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2

from client.endpoint import find_service, is_here
from client.errors import ApiError, ConnectionBroken, ServiceUnreachable

_SECONDS = 600.0
"""Collecting garbage of a large bucket takes minutes."""
EVERY_WORKER = "*"
Answer = dict[str, Any]


class Operator:
    """A service as whoever runs it sees it.

    Args:
        url: Where it answers; by default as `Tuneyard` finds it.
        api_key: An admin key of it.
    """

    def __init__(self, url: str | None = None, api_key: str | None = None) -> None:
        found, key = find_service(url, None, api_key)
        self._http = httpx2.Client(
            base_url=found,
            headers={} if key is None else {"Authorization": f"Bearer {key}"},
            timeout=httpx2.Timeout(_SECONDS, connect=5),
            trust_env=not is_here(found),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def keys(self) -> list[Answer]:
        """Every key, without its secret."""
        return list(self._ask("GET", "/keys")["data"])

    def create_key(self, **asked: Any) -> Answer:
        """A new key; its `key` is told this once."""
        return self._ask("POST", "/keys", json=_given(asked))

    def revoke_key(self, key_id: str) -> Answer:
        """Have a key open nothing any more."""
        return self._ask("DELETE", f"/keys/{quote(key_id, safe='')}")

    def projects(self) -> list[Answer]:
        """Every project with its limits."""
        return list(self._ask("GET", "/projects")["data"])

    def project(self, project_id: str) -> Answer:
        """One project."""
        return self._ask("GET", f"/projects/{quote(project_id, safe='')}")

    def create_project(self, name: str, **limits: Any) -> Answer:
        """A new project."""
        return self._ask("POST", "/projects", json={"name": name, **limits})

    def change_project(self, project_id: str, **values: Any) -> Answer:
        """Give a project another name, or other limits; None takes a limit away."""
        return self._ask("PATCH", f"/projects/{quote(project_id, safe='')}", json=values)

    def usage(self) -> Iterator[Answer]:
        """What each project has and has used."""
        for project in self.projects():
            yield self._ask("GET", "/usage", headers={"Tuneyard-Project": project["id"]})

    def drains(self) -> Answer:
        """Which workers are to take nothing new, and how far each has come."""
        return self._ask("GET", "/drains")

    def drain(self, worker: str = EVERY_WORKER, *, gives_back: bool = False) -> Answer:
        """Have a worker take nothing new."""
        return self._ask("PUT", f"/drains/{quote(worker, safe='')}", params={"gives_back": gives_back})

    def resume(self, worker: str = EVERY_WORKER) -> None:
        """Have a worker take jobs again."""
        self._ask("DELETE", f"/drains/{quote(worker, safe='')}")

    def garbage(self) -> Answer:
        """What can go from the storage."""
        return self._ask("GET", "/garbage")

    def collect_garbage(self) -> Answer:
        """Delete it; `has_more` says that more is left."""
        return self._ask("DELETE", "/garbage")

    def _ask(self, method: str, path: str, **content: Any) -> Answer:
        try:
            response = self._http.request(method, path, **content)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise ServiceUnreachable(str(self._http.base_url)) from error
        except httpx2.TransportError as error:
            raise ConnectionBroken(str(self._http.base_url), error) from error
        if response.is_error:
            raise ApiError.of(response)
        return dict(response.json()) if response.content else {}


def _given(asked: Mapping[str, Any]) -> Answer:
    return {name: value for name, value in asked.items() if value is not None}
