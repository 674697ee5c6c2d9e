"""Lists as OpenAI's clients read them, page by page."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query

After = Annotated[str | None, Query(max_length=255, description="Id of the last one of the page before")]


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
