"""What is kept of a line of a log."""

import pytest

from worker.cap import shortened


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("as it is\n", "as it is"),
        ("before\0after\n", "before\N{REPLACEMENT CHARACTER}after"),  # no database keeps a NUL
        ("x" * 8192, "x" * 8192),
        ("x" * 10_000, "x" * 8192 + " … (10000 characters)"),
    ],
)
def test_a_line_is_kept_as_far_as_a_record_holds_it(line: str, kept: str) -> None:
    assert shortened(line) == kept
