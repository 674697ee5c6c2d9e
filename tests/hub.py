"""A stand-in for the Hugging Face hub: enough of its HTTP for huggingface_hub to read, make and commit to repositories.

Files are kept in memory; nothing is checked but what the tests are about: commits, branches and tokens.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_tests"
_LARGE = (".safetensors", ".bin", "tokenizer.json")
"""Files that go by LFS."""
Files = Mapping[str, bytes]


@dataclass
class Repository:
    """Commits by id, and the branches that lead to them."""

    private: bool = False
    commits: dict[str, Files] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def commit(self, files: Files, branch: str = "main") -> str:
        """Add files to a branch; the commit's id."""
        whole = {**self.at(branch), **files}
        sha = hashlib.sha1(repr((len(self.commits), sorted(files))).encode(), usedforsecurity=False).hexdigest()
        self.commits[sha] = whole
        self.branches[branch] = sha
        return sha

    def at(self, branch: str) -> Files:
        """Files of a branch."""
        return self.commits.get(self.branches.get(branch, ""), {})

    def find(self, revision: str) -> str | None:
        """The commit that a revision means."""
        return self.branches.get(revision) or (revision if revision in self.commits else None)


@dataclass
class Hub:
    """The stand-in, running."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    """What came by LFS, by its SHA-256."""
    is_down: bool = False

    def add_folder(self, repo_id: str, folder: Path) -> str:
        """Commit a folder's files to a repository that is there, or made; the commit's id."""
        repository = self.repositories.setdefault(repo_id, Repository())
        return repository.commit({path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()})


@contextmanager
def running_hub() -> Iterator[Hub]:
    """A hub on a free port."""
    hub = Hub()

    class Handler(_Handler):
        pass

    Handler.hub = hub
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield hub
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    @property
    def parts(self) -> list[str]:
        return [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def do_HEAD(self) -> None:
        self._read()

    def do_GET(self) -> None:
        self._read()

    def do_PUT(self) -> None:
        self.hub.uploads[self.parts[-1]] = self._body()
        self._answer(HTTPStatus.OK)

    def do_POST(self) -> None:
        content = self._body()  # read whatever becomes of it: the connection is used again
        if self.hub.is_down:
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR)
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(HTTPStatus.UNAUTHORIZED, {"error": "Invalid credentials"})
        else:
            self._write(content)

    def _read(self) -> None:
        match self.parts:
            case ["api", "models", owner, name, "revision", revision]:
                self._tell_info(f"{owner}/{name}", revision)
            case ["api", "models", owner, name]:
                self._tell_info(f"{owner}/{name}", "main")
            case [owner, name, "resolve", revision, *path]:
                self._send_file(f"{owner}/{name}", revision, "/".join(path))
            case _:
                self._answer(HTTPStatus.NOT_FOUND, code="EntryNotFound")

    def _tell_info(self, repo_id: str, revision: str) -> None:
        repository = self.hub.repositories.get(repo_id)
        sha = repository.find(revision) if repository else None
        if repository is None or sha is None:
            self._answer(HTTPStatus.NOT_FOUND, code="RevisionNotFound" if repository else "RepoNotFound")
            return
        siblings = [{"rfilename": path} for path in repository.commits[sha]]
        self._answer(HTTPStatus.OK, {"id": repo_id, "sha": sha, "private": repository.private, "siblings": siblings})

    def _send_file(self, repo_id: str, revision: str, path: str) -> None:
        repository = self.hub.repositories.get(repo_id)
        sha = repository.find(revision) if repository else None
        if repository is None or sha is None:
            self._answer(HTTPStatus.NOT_FOUND, code="RevisionNotFound" if repository else "RepoNotFound")
        elif path not in repository.commits[sha]:
            self._answer(HTTPStatus.NOT_FOUND, code="EntryNotFound", headers={"X-Repo-Commit": sha})
        else:
            content = repository.commits[sha][path]
            etag = hashlib.sha256(content).hexdigest()
            self._answer(HTTPStatus.OK, content, headers={"X-Repo-Commit": sha, "ETag": f'"{etag}"'})

    def _write(self, content: bytes) -> None:
        match self.parts:
            case ["api", "repos", "create"]:
                self._make(json.loads(content))
            case ["api", "validate-yaml"]:
                self._answer(HTTPStatus.OK, {"errors": [], "warnings": []})
            case ["api", "models", owner, name, "branch", branch]:
                repository = self.hub.repositories[f"{owner}/{name}"]
                repository.branches.setdefault(branch, repository.branches["main"])
                self._answer(HTTPStatus.OK, {})
            case ["api", "models", owner, name, "preupload", branch]:
                self._tell_modes(self.hub.repositories[f"{owner}/{name}"].at(branch), json.loads(content))
            case [_, _, "info", "lfs", "objects", "batch"]:
                self._tell_places(json.loads(content))
            case ["api", "models", owner, name, "commit", branch]:
                lines = [json.loads(line) for line in content.splitlines()]
                sha = self.hub.repositories[f"{owner}/{name}"].commit(dict(self._files(lines)), branch)
                url = f"{self.hub.url}/{owner}/{name}/commit/{sha}"
                self._answer(HTTPStatus.OK, {"success": True, "commitOid": sha, "commitUrl": url})
            case _:
                self._answer(HTTPStatus.NOT_FOUND)

    def _make(self, asked: Mapping[str, Any]) -> None:
        repo_id = f"{asked['organization']}/{asked['name']}"
        told = {"url": f"{self.hub.url}/{repo_id}", "id": repo_id, "name": repo_id}
        if repo_id in self.hub.repositories:
            self._answer(HTTPStatus.CONFLICT, told | {"error": "You already created this model repo"})
            return
        repository = Repository(private=asked.get("visibility") == "private" or bool(asked.get("private")))
        repository.commit({".gitattributes": b""})
        self.hub.repositories[repo_id] = repository
        self._answer(HTTPStatus.OK, told)

    def _tell_modes(self, there: Files, asked: Mapping[str, Any]) -> None:
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(_LARGE) else "regular",
                "shouldIgnore": False,
                "oid": _oid(file["path"], there[file["path"]]) if file["path"] in there else None,
            }
            for file in asked["files"]
        ]
        self._answer(HTTPStatus.OK, {"files": modes})

    def _tell_places(self, asked: Mapping[str, Any]) -> None:
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.hub.url}/upload/{one['oid']}", "header": {}}}}
            for one in asked["objects"]
        ]
        self._answer(HTTPStatus.OK, {"transfer": "basic", "objects": objects})

    def _files(self, lines: list[dict[str, Any]]) -> Iterator[tuple[str, bytes]]:
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                yield value["path"], base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                yield value["path"], self.hub.uploads[value["oid"]]

    def _answer(
        self,
        status: HTTPStatus,
        content: bytes | Mapping[str, Any] = b"",
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _oid(path: str, content: bytes) -> str:
    """As git has it, or LFS."""
    if path.endswith(_LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
