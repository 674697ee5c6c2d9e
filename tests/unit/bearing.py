"""How a request carries a key."""


def bearer(key: str) -> dict[str, str]:
    """The headers that carry it."""
    return {"Authorization": f"Bearer {key}"}
