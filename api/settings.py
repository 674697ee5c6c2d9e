"""How the API is deployed."""

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from store.settings import StoreSettings


def _names(value: object) -> object:
    """`a,B` → {"a", "b"}."""
    if not isinstance(value, str):
        return value
    return frozenset(name.strip().lower() for name in value.split(",") if name.strip())


class Settings(StoreSettings):
    """Read from the environment, names prefixed `TUNEYARD_`; built only in composition roots."""

    require_keys: bool = True
    """Whether requests need a key; if not, whoever reaches the service may do everything."""
    open_metrics: bool = False
    """Whether `/metrics` needs no key; else it needs one of the service's first project, or an admin key."""
    max_upload_bytes: Annotated[int, Field(gt=0)] = 8 * 1024**3
    """Largest dataset that is taken."""
    check_seconds: Annotated[float, Field(gt=0)] = 600
    """Longest time that checking an uploaded dataset may take."""
    fetch_images: bool = False
    """Whether rows may name images by https addresses, which this service then fetches when they are uploaded."""
    redirect_downloads: bool = True
    """Whether files in a bucket are downloaded from it by URLs that are signed for ten minutes; if not, they pass
    through this service, for clients that do not reach the bucket."""
    chat_wait_seconds: Annotated[float, Field(gt=0)] = 10
    """How long a chat waits for a free slot."""
    allowed_hosts: tuple[str, ...] = ()
    """Names by which the service answers, as a JSON list: `["tuneyard.example.com", "*.lab.example.com"]`. It always
    answers to IP addresses, to names without a dot and to its host's own name; `["*"]` lets it answer to every name."""
    max_wait_seconds: Annotated[float, Field(gt=0)] = 60
    """Longest time that `GET /jobs/{id}?wait=` waits."""
    webhook_private_hosts: Annotated[frozenset[str], NoDecode, BeforeValidator(_names)] = frozenset()
    """Hosts that webhooks may reach though they are not public, and without TLS: `hooks.internal,10.0.0.7`."""
