"""One event on its way to one webhook endpoint: signed by Standard Webhooks, posted, and what came of it.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime

import anyio
import httpx2
from standardwebhooks import Webhook

from api.egress import AddressRefused, Egress
from store.deliveries import HookEvent
from store.webhook_tables import DeliveryAttempt

MAX_SECONDS = 15.0
"""How long an endpoint may take to answer."""
_MAX_REASON = 300
"""Characters that are kept of why there was no answer: some libraries quote what they could not read."""
_HEADERS = {"Content-Type": "application/json", "User-Agent": "Tuneyard-Webhooks"}


class Poster:
    """Posts events to endpoints; it follows no redirect, and reads nothing of an answer but its status."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def check(self, url: str) -> None:
        """See whether an address may be an endpoint's.

        Raises:
            AddressRefused: It may not, and why.
        """
        try:
            with anyio.fail_after(MAX_SECONDS):
                await self._egress.number_of(httpx2.URL(url))
        except (httpx2.InvalidURL, OSError, UnicodeError) as error:
            raise AddressRefused(f"{url!r} leads nowhere: {error}") from error

    async def post(self, url: str, secrets: tuple[str, ...], event: HookEvent) -> DeliveryAttempt:
        """Tell an endpoint of an event, signed with each of its secrets."""
        at, begun_at = datetime.now(UTC), time.monotonic()
        status_code, error = await self._ask(url, secrets, event, at)
        return DeliveryAttempt(at=at, status_code=status_code, error=error, seconds=time.monotonic() - begun_at)

    async def _ask(
        self, url: str, secrets: tuple[str, ...], event: HookEvent, at: datetime
    ) -> tuple[int | None, str | None]:
        """The status of the answer, if there is one, and why the attempt does not count, if it does not."""
        body = _body(event)
        try:
            with anyio.fail_after(MAX_SECONDS):
                async with self._egress.client(MAX_SECONDS) as client:
                    headers = {**_HEADERS, **signed(event.id, body, at, secrets)}
                    answer = await self._egress.send(
                        client, "POST", httpx2.URL(url), headers=headers, content=body.encode()
                    )
                    await answer.aclose()
        except (AddressRefused, httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeError) as reason:
            return None, str(reason)[:_MAX_REASON] or f"no answer within {MAX_SECONDS:g} s"
        if answer.is_success:
            return answer.status_code, None
        return answer.status_code, f"it answered {answer.status_code}"


def _body(event: HookEvent) -> str:
    """The same at every attempt."""
    told = {
        "id": event.id,
        "object": "event",
        "created_at": int(event.created_at.timestamp()),
        "type": event.type,
        "data": {"id": event.job_id},
    }
    return json.dumps(told)


def signed(message_id: str, body: str, at: datetime, secrets: Iterable[str]) -> dict[str, str]:
    """The headers that prove who sends a body: a signature with each secret, any of which is enough."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, at, body) for secret in secrets),
    }
