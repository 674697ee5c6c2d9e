"""The synchronous client says what the asynchronous one says."""

from tests.sync_form import BY_HAND, MADE, made


def test_the_synchronous_client_is_what_is_made_from_the_asynchronous_one() -> None:
    kept = {path.name: path.read_text() for path in MADE.glob("*.py") if path.name not in BY_HAND}

    assert kept == made()
