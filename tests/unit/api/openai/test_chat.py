"""/v1/chat/completions, whose answers are written by a test in the place of a worker."""

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import update

from api.guard import Caller
from api.openai.answers import Asked, Pieces, follow, whole
from api.openai.chat_refusals import CODES
from store import completions
from store.columns import DEFAULT_PROJECT
from store.completions import Claim
from store.database import Database
from store.scopes import Scope
from store.tables import ImageFile
from tests.unit.api.routes.test_images import png, upload
from trainer_core.contract.chat import Answered, Chat, RefusalCode, Refused, Sampling

URL = "/v1/chat/completions"
QUESTION = [{"role": "user", "content": "7?"}]
SAID = {"role": "assistant", "content": "8"}
ASKED = {"model": "starter", "messages": QUESTION}
ANSWERED = Answered(finish_reason="length", num_prompt_tokens=3, num_new_tokens=2)
CHAT = Chat(messages=tuple(QUESTION), sampling=Sampling())
LOOK_SECONDS = 0.02

Answer = Callable[..., list[Claim]]


def wait(app: FastAPI, seconds: float) -> None:
    """Have chats wait so long for a slot."""
    settings = app.state.parts.settings.model_copy(update={"chat_wait_seconds": seconds})
    app.state.parts = replace(app.state.parts, settings=settings)


@pytest.fixture
def client(app: FastAPI, client: TestClient) -> TestClient:
    """The service, in which chats wait for whoever answers them."""
    wait(app, 60)
    return client


@pytest.fixture
def answer(database: Database) -> Iterator[Answer]:
    """Answers the next chat, in the place of a worker; gives a list of what was asked."""
    threads, is_over = [], threading.Event()

    def answer_next(pieces: Sequence[str], outcome: Answered | Refused, asked: list[Claim]) -> None:
        held = None
        while held is None and not is_over.wait(LOOK_SECONDS):
            with database.writing() as session:
                held = completions.claim(session, 60)
        if held is None:
            return
        asked.append(held)
        for piece in pieces:
            with database.writing() as session:
                assert completions.write(session, held, piece, 60)
        with database.writing() as session:
            completions.finish(session, held, outcome)

    def begin(*pieces: str, outcome: Answered | Refused = ANSWERED) -> list[Claim]:
        asked: list[Claim] = []
        threads.append(threading.Thread(target=answer_next, args=(pieces, outcome, asked)))
        threads[-1].start()
        return asked

    yield begin
    is_over.set()
    for thread in threads:
        thread.join()


def events(response: Response) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def refused(response: Response) -> tuple[int, str, str | None]:
    error = response.json()["error"]
    assert error["message"]
    return response.status_code, error["code"], error["param"]


def test_an_answer_has_openais_shape(client: TestClient, answer: Answer) -> None:
    answer("se", "ven")

    found = client.post(URL, json=ASKED).json()

    message: dict[str, object] = {"role": "assistant", "content": "seven", "refusal": None, "annotations": []}
    assert found["id"].startswith("chatcmpl-")
    assert (found["object"], found["model"]) == ("chat.completion", "starter")
    assert found["choices"] == [{"index": 0, "message": message, "logprobs": None, "finish_reason": "length"}]
    assert found["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def test_an_answer_that_was_begun_again_holds_nothing_of_the_try_before(app: FastAPI, database: Database) -> None:
    caller = Caller(app.state.parts, DEFAULT_PROJECT, Scope.ADMIN, None)
    with database.writing(DEFAULT_PROJECT) as session:
        completion_id = completions.ask(session, "starter", CHAT, is_streamed=False)
        first = completions.claim(session, 60)
        assert first is not None
        completions.write(session, first, "se", 60)

    async def interrupted() -> Pieces:
        """A job takes the slot once the first piece was read."""
        async for piece in follow(asked, caller, stays):
            yield piece
            if piece == "se":
                give_way()

    def give_way() -> None:
        with database.writing() as session:
            completions.give_back(session, first, is_charged=False)
            again = completions.claim(session, 60)
            assert again is not None
            completions.write(session, again, "seven", 60)
            completions.finish(session, again, ANSWERED)

    async def stays() -> bool:
        return False

    asked = Asked(completion_id, "starter", 0)
    found = asyncio.run(whole(asked, interrupted(), caller))

    assert found.choices[0].message.content == "seven"


def test_a_stream_has_openais_shape(client: TestClient, answer: Answer) -> None:
    answer("se", "ven")

    response = client.post(URL, json={**ASKED, "stream": True})

    *chunks, done = events(response)
    choices = [chunk["choices"][0] for chunk in chunks]
    assert response.headers["content-type"].startswith("text/event-stream")
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert choices[0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert "".join(choice["delta"].get("content", "") for choice in choices) == "seven"
    assert [choice["finish_reason"] for choice in choices][-2:] == [None, "length"]
    assert ("usage" in chunks[0], done) == (False, "[DONE]")


def test_a_stream_tells_its_counts_if_it_is_asked_to(client: TestClient, answer: Answer) -> None:
    answer("7")

    *chunks, last, _ = events(
        client.post(URL, json={**ASKED, "stream": True, "stream_options": {"include_usage": True}})
    )

    assert {chunk["usage"] for chunk in chunks} == {None}
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 5)


def test_everything_that_is_asked_reaches_who_answers(client: TestClient, answer: Answer) -> None:
    asked = answer("7")
    sampling = {"temperature": 0, "top_p": 0.5, "seed": -4, "stop": "x", "max_tokens": 9, "max_completion_tokens": 8}
    messages = [{"role": "developer", "content": "Be brief"}, *QUESTION, {**SAID, "refusal": None}]

    client.post(URL, json={**ASKED, **sampling, "messages": messages})

    [claim] = asked
    expected = Sampling(max_new_tokens=8, temperature=0, top_p=0.5, seed=-4, stop=("x",))
    turns = ({"role": "system", "content": "Be brief"}, *QUESTION, SAID)
    assert (claim.model, claim.chat) == ("starter", Chat(messages=turns, sampling=expected))


@pytest.mark.parametrize("form", ["image_url", "file"])
def test_an_uploaded_image_is_put_into_the_chat(client: TestClient, answer: Answer, form: str) -> None:
    asked, file_id = answer("7"), upload(client, png())
    image = {"image_url": {"url": file_id}} if form == "image_url" else {"file": {"file_id": file_id}}

    client.post(URL, json={**ASKED, "messages": [{"role": "user", "content": [{"type": form, **image}]}]})

    [part] = asked[0].chat.messages[0]["content"]
    assert base64.b64decode(part["image_url"]["url"].partition(",")[2]) == png()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("file-nothing", "no image has the id"),
        ("https://example.com/a.png", "fetches no images"),
        ("http://example.com/a.png", "no image that can be read"),
        ("/etc/passwd", "no image that can be read"),
    ],
)
def test_an_image_that_is_not_there_is_refused(client: TestClient, url: str, told: str) -> None:
    image = {"type": "image_url", "image_url": {"url": url}}

    response = client.post(URL, json={**ASKED, "messages": [{"role": "user", "content": [image]}]})

    assert refused(response) == (400, "invalid_value", "messages")
    assert told in response.json()["error"]["message"]


def test_another_projects_image_is_not_there(client: TestClient, database: Database) -> None:
    file_id = upload(client, png())
    with database.writing() as session:
        session.execute(update(ImageFile).values(project_id="proj_other"))
    image = {"type": "image_url", "image_url": {"url": file_id}}

    response = client.post(URL, json={**ASKED, "messages": [{"role": "user", "content": [image]}]})

    assert refused(response) == (400, "invalid_value", "messages")


def test_a_wrong_request_is_refused_by_its_place(client: TestClient) -> None:
    assert refused(client.post(URL, json={**ASKED, "n": 2})) == (400, "unsupported_parameter", "n")
    assert refused(client.post(URL, json={**ASKED, "top_p": 2})) == (400, "invalid_value", "top_p")


def test_what_is_not_json_is_refused(client: TestClient) -> None:
    assert refused(client.post(URL, content=b"{")) == (400, "invalid_value", None)


def test_a_request_that_is_too_large_is_refused(client: TestClient) -> None:
    assert refused(client.post(URL, content=b" " * (33 * 1024**2)))[:2] == (413, "request_too_large")


@pytest.mark.parametrize("model", ["gone", "organisation/model", "ft:starter:proj_default::0", "../starter"])
def test_an_unknown_model_is_refused(client: TestClient, model: str) -> None:
    assert refused(client.post(URL, json={**ASKED, "model": model})) == (404, "model_not_found", "model")


@pytest.mark.parametrize("is_streamed", [False, True])
def test_where_no_slot_is_free_clients_are_told_to_come_back(
    app: FastAPI, client: TestClient, *, is_streamed: bool
) -> None:
    wait(app, 0.05)

    response = client.post(URL, json={**ASKED, "stream": is_streamed})

    assert refused(response) == (503, "no_free_slot", None)
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (RefusalCode.CONTEXT_LENGTH_EXCEEDED, 400),
        (RefusalCode.INVALID_MESSAGES, 400),
        (RefusalCode.MODEL_UNUSABLE, 400),
        (RefusalCode.OUT_OF_MEMORY, 503),
        (RefusalCode.BROKE_DOWN, 500),
    ],
)
@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_refusal_has_its_status(
    client: TestClient, answer: Answer, code: RefusalCode, status: int, *, is_streamed: bool
) -> None:
    answer(outcome=Refused(code=code, message="why"))

    response = client.post(URL, json={**ASKED, "stream": is_streamed})

    assert refused(response)[:2] == (status, code)


def test_a_stream_that_is_cut_ends_with_the_reason(client: TestClient, answer: Answer) -> None:
    answer("se", outcome=Refused(code=RefusalCode.NO_FREE_SLOT, message="a job needs it"))

    *_, last = events(client.post(URL, json={**ASKED, "stream": True}))

    assert last == {
        "error": {"message": "a job needs it", "type": "server_error", "param": None, "code": "no_free_slot"}
    }


def test_every_code_has_a_status() -> None:
    assert set(RefusalCode) <= CODES.keys()
