"""A service that answers as told, and clients of it."""

import threading
from collections.abc import Iterator

import pytest

from client import Tuneyard
from client.sync.transport import Transport
from tests.unit.client.stub_service import StubService

PATIENCE_SECONDS = 180


@pytest.fixture
def stub() -> Iterator[StubService]:
    with StubService() as service:
        thread = threading.Thread(target=service.serve_forever, args=(0.01,))
        thread.start()
        yield service
        service.shutdown()
        thread.join()


@pytest.fixture
def transport(stub: StubService) -> Iterator[Transport]:
    """Asks again for as long as a slow machine may take."""
    transport = Transport(stub.url, patience_seconds=PATIENCE_SECONDS)
    yield transport
    transport.close()


@pytest.fixture
def tuneyard(stub: StubService) -> Iterator[Tuneyard]:
    with Tuneyard(stub.url, patience_seconds=PATIENCE_SECONDS) as tuneyard:
        yield tuneyard
