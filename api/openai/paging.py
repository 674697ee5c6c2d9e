"""Lists as OpenAI's clients read them, page by page.

A page begins behind an id of its list, and whatever is none is refused as `after`. Ids of things that a client may
delete need only have the form of one: they sort by age, so that one which is gone still says where to go on, and a
client may delete what it lists while it lists it. Events and checkpoints, which no client deletes, have to be there.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query

_WORDS = "Id of the last one of the page before"
After = Annotated[str | None, Query(max_length=255, description=_WORDS)]


def _of(kind: str) -> Any:
    return Query(pattern=f"^{kind}[0-9a-z]{{26}}$", description=f"{_WORDS}; it may be gone meanwhile")


AfterFile = Annotated[str | None, _of("file-")]
AfterJob = Annotated[str | None, _of("ftjob-")]
AfterPermission = Annotated[str | None, _of("cp_")]
AfterEndpoint = Annotated[str | None, _of("we_")]
AfterDelivery = Annotated[str | None, _of("whd_")]


def page(data: Sequence[dict[str, Any]], limit: int) -> dict[str, Any]:
    """A page of at most `limit`, made of one more where there is one."""
    shown = data[:limit]
    return {
        "object": "list",
        "data": shown,
        "has_more": len(data) > limit,
        **ends([one["id"] for one in shown]),
    }


def ends(ids: Sequence[str]) -> dict[str, str | None]:
    """What a page says of its ends; `last_id` is given as `after` to read on."""
    return {"first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}
