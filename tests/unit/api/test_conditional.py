"""What whoever asks has already is not sent again."""

import pytest

from api.conditional import is_known


@pytest.mark.parametrize(
    ("said", "known"),
    [
        (None, False),
        ("", False),
        ('"a"', True),
        ('"b"', False),
        ('W/"a"', True),
        ('"b", W/"a"', True),
        ("*", True),
        ('"aa"', False),
    ],
)
def test_an_answer_is_known_by_its_etag_however_it_is_written(said: str | None, *, known: bool) -> None:
    assert is_known('"a"', said) == known
