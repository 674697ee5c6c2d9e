"""What the documents say to type does what they say: every block of code and data is run, page by page."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.documents.blocks import ROOT, Block, blocks_of, pages
from tests.documents.conftest import EXEMPT, RAN, Place
from tests.documents.reader import Reader
from tests.e2e.live_service import ENDLESS, until

PAGES = [page for page in pages() if any(blocks_of(page))]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_block_does_what_it_says(page: Path, place: Place, reader: Reader) -> None:
    for block in blocks_of(page):
        if block.exempt:
            reader.look_at(block)
            EXEMPT.append(block)
            continue
        with job_for(block, place) as job_id:
            reader.run(block, job_id)
        RAN.append(block)


@contextmanager
def job_for(block: Block, place: Place) -> Iterator[str]:
    """The job that stands where a block writes `ftjob-…`: the trained one, or one made for it and ended behind it."""
    if block.given is None:
        yield place.trained.id
        return
    job_id = place.service.submit(place.dataset_id, ENDLESS)
    place.service.until_trains(job_id)
    bring_there[block.given](place, job_id)
    yield job_id
    if not place.service.tuneyard.jobs.retrieve(job_id).has_ended:
        place.service.tuneyard.jobs.cancel(job_id)
    place.service.ended(job_id)


def _paused(place: Place, job_id: str) -> None:
    place.service.tuneyard.jobs.pause(job_id)
    until(lambda: place.service.tuneyard.jobs.retrieve(job_id).status == "paused")


def _cancelled(place: Place, job_id: str) -> None:
    place.service.tuneyard.jobs.cancel(job_id)
    place.service.ended(job_id)


bring_there: Mapping[str, Callable[[Place, str], None]] = {
    "a running job": lambda *_: None,
    "a paused job": _paused,
    "a cancelled job": _cancelled,
}
"""How a job that trains becomes what a block wants."""
