"""A browser that has signed in: a client that carries a cookie, and says whose page asks."""

from fastapi import FastAPI
from fastapi.testclient import TestClient

OURS = {"Sec-Fetch-Site": "same-origin"}


def browser(app: FastAPI, base_url: str = "http://testserver") -> TestClient:
    """A browser that has not signed in."""
    return TestClient(app, base_url, raise_server_exceptions=False)


def signed_in(app: FastAPI, key: str, base_url: str = "http://testserver") -> TestClient:
    """A browser that has signed in with a key."""
    client = browser(app, base_url)
    client.post("/session", json={"key": key}, headers=OURS).raise_for_status()
    return client
