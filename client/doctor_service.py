"""What the doctor finds out about a service by its URL, as any client sees it."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version

import httpx2

from client.endpoint import is_here
from trainer_core.contract.check import Check, NotInOrder, Outcome, examine, warning

_SECONDS = 10.0
_DRIFT_SECONDS = 5.0
_START = "Start it with `tuneyard up`, or correct --url or TUNEYARD_URL"


def checks(url: str, api_key: str | None) -> Iterator[Check]:
    """Everything, one after the other; nothing more of a service that does not answer."""
    with _client(url, api_key) as http:
        ready = examine("service", partial(look_at_readiness, http), _START)
        yield ready
        if ready.outcome is Outcome.FAILED:
            return
        yield examine("service version", partial(look_at_version, http), "Install the same release on both sides")
        yield examine("service clock", partial(look_at_clock, http), _START)
        yield examine("key", partial(look_at_key, http), _START)
        yield examine("workers", partial(look_at_workers, http), "Look at the service first")


def look_at_readiness(http: httpx2.Client) -> str:
    """Its database and its storage answer."""
    try:
        answer = http.get("/readyz")
        told = answer.json()
        broken = [name for name in ("database", "storage") if not told[name]]
    except httpx2.TransportError as error:
        raise NotInOrder(f"nobody answers at {http.base_url}: {error or type(error).__name__}", _START) from error
    except (ValueError, KeyError, TypeError) as error:
        raise NotInOrder(
            f"what answers at {http.base_url} is no service of ours ({answer.status_code})", _START
        ) from error
    if broken:
        seen = f"{http.base_url} has no answer from its {' and its '.join(broken)}"
        raise NotInOrder(seen, "Run `tuneyard doctor` where the service runs")
    return f"{http.base_url} answers, with database and storage"


def look_at_version(http: httpx2.Client) -> str:
    """It is of the same release as this client."""
    theirs = http.get("/openapi.json").json()["info"]["version"]
    ours = _own_version()
    if ours not in {None, theirs}:
        raise warning(f"the service is {theirs}, this client {ours}", "Install the same release on both sides")
    return f"release {theirs} on both sides"


def look_at_clock(http: httpx2.Client, most_seconds: float = _DRIFT_SECONDS) -> str:
    """Its clock is near this machine's; it tells whole seconds."""
    before = time.time()
    told = parsedate_to_datetime(http.get("/healthz").headers["Date"]).timestamp() + 0.5
    drift_seconds = told - (before + time.time()) / 2
    if abs(drift_seconds) > most_seconds:
        raise warning(
            f"{abs(drift_seconds):.0f} s {'ahead of' if drift_seconds > 0 else 'behind'} this machine's",
            "Have both machines set their clocks; signed downloads and times in lists depend on it",
        )
    return "within seconds of this machine's"


def look_at_key(http: httpx2.Client) -> str:
    """The key opens the service."""
    answer = http.get("/usage")
    if answer.status_code in {httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN}:
        raise NotInOrder(answer.json()["detail"], "Give another with --api-key or TUNEYARD_API_KEY")
    return f"opens the project {answer.json()['project']['name']}"


def look_at_workers(http: httpx2.Client) -> str:
    """Somebody carries out jobs."""
    answer = http.get("/workers")
    if answer.is_error:
        return "seen with a good key only"
    workers = answer.json()["data"]
    if not workers:
        raise warning("none was seen lately: jobs wait", "Start one: `python -m worker`; its log says why if it ended")
    return ", ".join(f"{one['name']} ({one['num_slots']} slots, {len(one['gpus'])} GPUs)" for one in workers)


def _client(url: str, api_key: str | None) -> httpx2.Client:
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    return httpx2.Client(base_url=url, headers=headers, timeout=_SECONDS, trust_env=not is_here(url))


def _own_version() -> str | None:
    try:
        return version("tuneyard")
    except PackageNotFoundError:  # run from a folder of source
        return None
