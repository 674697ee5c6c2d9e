"""Secrets are made unreadable in whatever is logged, and nothing else is."""

import json

import pytest

from telemetry.redaction import redacted

SECRET = "c2VjcmV0c2VjcmV0"


@pytest.mark.parametrize(
    "text",
    [
        f"key ty_0a1b2c3d_{SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"{{'authorization': 'Basic {SECRET}'}}",
        f"[(b'cookie', b'session={SECRET}; theme=dark')]",
        f"Set-Cookie: tuneyard={SECRET}; HttpOnly",
        f"x-api-key: {SECRET}",
        f"GET https://bucket.example/a/b?X-Amz-Signature={SECRET}&X-Amz-Date=1",
        f"/v1/files?api_key={SECRET}",
        f"postgresql+psycopg://tuneyard:{SECRET}@db:5432/tuneyard",
        f"redis://:{SECRET}@redis:6379/0",
        f"signing with whsec_{SECRET}",
        f"HF_TOKEN=hf_{SECRET}",
        f"TUNEYARD_WEBHOOK_SECRET={SECRET}",
        json.dumps({"message": json.dumps({"authorization": f"Bearer {SECRET}"})}),
    ],
)
def test_a_secret_is_hidden(text: str) -> None:
    assert SECRET not in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "job ftjob-01jd attempt 2: starting on gpu-0",
        "http://127.0.0.1:8000/jobs/ftjob-1/events",
        "Step 10/20: loss 0.5000",
        "POST /v1/fine_tuning/jobs: 201",
        "no token was sent; authorization is needed",
        '{"level": "INFO", "request_id": "req_01", "status": 200}',
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text


def test_whose_key_it_is_can_still_be_read() -> None:
    assert redacted(f"ty_0a1b2c3d_{SECRET}").startswith("ty_0a1b2c3d_")


def test_what_was_hidden_stays_as_it_is() -> None:
    once = redacted(f"Authorization: Bearer {SECRET} postgresql://me:{SECRET}@db/x?password={SECRET}")

    assert redacted(once) == once


def test_a_line_of_json_stays_one() -> None:
    line = json.dumps({"message": f'cookie: "a={SECRET}"', "url": f"https://x.example/?token={SECRET}", "n": 1})

    assert json.loads(redacted(line))["n"] == 1
