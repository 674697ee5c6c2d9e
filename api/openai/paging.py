"""Lists as OpenAI's clients read them, page by page.

A page begins behind an id of its list, and whatever is none is refused as `after`. Ids of things that a client may
delete need only have the form of one: they sort by age, so that one which is gone still says where to go on, and a
client may delete what it lists while it lists it. Events and checkpoints, which no client deletes, have to be there.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from fastapi import Query

from api.views import View

_WORDS = "Id of the last one of the page before"
After = Annotated[str | None, Query(max_length=255, description=_WORDS)]


def _of(kind: str) -> Any:
    return Query(pattern=f"^{kind}[0-9a-z]{{26}}$", description=f"{_WORDS}; it may be gone meanwhile")


AfterFile = Annotated[str | None, _of("file-")]
AfterJob = Annotated[str | None, _of("ftjob-")]
AfterPermission = Annotated[str | None, _of("cp_")]
AfterEndpoint = Annotated[str | None, _of("we_")]
AfterDelivery = Annotated[str | None, _of("whd_")]


class Listed(View):
    """What pages are of."""

    id: str


_One = TypeVar("_One", bound=Listed)


class Page(View, Generic[_One]):
    """Some of a list, in its order."""

    object: Literal["list"] = "list"
    data: list[_One]
    has_more: bool
    first_id: str | None
    last_id: str | None
    """Give it as `after` to read on."""

    @classmethod
    def of(cls, found: Sequence[_One], limit: int) -> Self:
        """A page of at most `limit`, made of one more where there is one."""
        data = list(found[:limit])
        first_id, last_id = (data[0].id, data[-1].id) if data else (None, None)
        return cls(data=data, has_more=len(found) > limit, first_id=first_id, last_id=last_id)
