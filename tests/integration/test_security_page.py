"""`docs/security.md` tells the truth: the tests that it names are there."""

from tests.integration import pages

NAMED = pages.named_tests(pages.read("security.md"))


def test_every_test_that_is_named_is_there() -> None:
    assert len(NAMED) > 25
    assert [test for file, test in NAMED if test not in pages.functions_of(file)] == []
