"""What the documents say to type does what they say: every block of code and data is run, page by page."""

from pathlib import Path

import pytest

from tests.documents.blocks import ROOT, Block, blocks_of, pages
from tests.documents.conftest import EXEMPT, RAN, Left
from tests.documents.place import Place
from tests.documents.reader import Reader

PAGES = [page for page in pages() if any(blocks_of(page))]
GIVEN = {"a running job": "running", "a paused job": "paused", "a cancelled job": "cancelled"}
"""What a block may want, and the status that its job then has."""


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_block_does_what_it_says(page: Path, place: Place, left: Left, reader: Reader) -> None:
    before = place.newest_job()
    for block in blocks_of(page):
        if block.exempt:
            reader.look_at(block)
            EXEMPT.append(block)
        else:
            reader.run(block, job_for(block, place, left, before))
            RAN.append(block)


def job_for(block: Block, place: Place, left: Left, before: str) -> str:
    """The job that a block means by `ftjob-…`: one made for it, or the page's own newest, or one that has trained."""
    if block.given is not None:
        place.cancel_what_is_left()
        job_id = place.endless_job(left.dataset_id)
        place.bring_to(job_id, GIVEN[block.given])
        return job_id
    newest = place.newest_job()
    return left.job_id if newest == before else newest
