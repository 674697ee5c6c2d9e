"""Trying models through the live service: plain, streamed, with images, checkpoints, and making way for jobs."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from client.views import Job
from tests.e2e.live_service import ENDLESS, QUICK, Service, running
from tests.patience import PATIENCE_SECONDS, until

QUESTION = [{"role": "user", "content": "Which digit is this?"}]
SAMPLED = {"temperature": 1, "seed": 1, "max_tokens": 24}
LORA = {"type": "lora", "rank": 2, "dropout": 0.0}


@pytest.fixture(scope="module")
def talker_dir(starter_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that talks for hours if it is let: one of two letters is always likelier than the end."""
    from transformers import AutoTokenizer, LlavaForConditionalGeneration  # noqa: PLC0415 - loads torch

    folder = Path(shutil.copytree(starter_dir, tmp_path_factory.mktemp("models") / "talker"))
    model: Any = LlavaForConditionalGeneration.from_pretrained(folder)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    one, other = tokenizer.convert_tokens_to_ids(["a", "b"])
    rows = model.get_input_embeddings().weight.data
    rows[one] *= 100
    rows[other] = -rows[one]
    model.config.text_config.max_position_embeddings = 1 << 20
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def chatty(talker_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of one slot. A chat waits for it longer than a worker that stands still, or misses a ring, takes."""
    offered = ("--model", f"talker={talker_dir}")
    with running(tmp_path_factory.mktemp("chatty"), *offered, TUNEYARD_CHAT_WAIT_SECONDS="30") as service:
        yield service


@pytest.fixture(scope="module")
def rows(chatty: Service, digits: Path) -> str:
    return chatty.tuneyard.datasets.upload(digits / "train.jsonl").id


@pytest.fixture(scope="module")
def adapted(chatty: Service, rows: str) -> Job:
    """A job that has left an adapter by itself."""
    job_id = chatty.submit(rows, QUICK | {"learning_rate": 0.05}, method=LORA, export={"merged": False}, suffix="seven")
    return chatty.ended(job_id)


def name_of(job: Job, step: int | None = None) -> str:
    checkpoint = "" if step is None else f":ckpt-step-{step}"
    return f"ft:starter:proj_default:seven:{job.id.removeprefix('ftjob-')}{checkpoint}"


def request(service: Service, **asked: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {service.endpoint().api_key}"}
    url, body = f"{service.url}/v1/chat/completions", {"model": "starter", "messages": QUESTION, **SAMPLED, **asked}
    return {"method": "POST", "url": url, "json": body, "headers": headers}


def post(service: Service, **asked: Any) -> httpx2.Response:
    with httpx2.Client(timeout=PATIENCE_SECONDS, trust_env=False) as client:
        return client.request(**request(service, **asked))


def answer(service: Service, **asked: Any) -> dict[str, Any]:
    response = post(service, **asked)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def words(service: Service, **asked: Any) -> str:
    return str(answer(service, **asked)["choices"][0]["message"]["content"])


def events(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def test_a_registered_model_answers(chatty: Service) -> None:
    found = answer(chatty)

    [choice] = found["choices"]
    assert (found["object"], choice["finish_reason"], choice["message"]["role"]) == (
        "chat.completion",
        "length",
        "assistant",
    )
    assert choice["message"]["content"]
    assert found["usage"]["completion_tokens"] == 24
    assert found["usage"]["total_tokens"] == found["usage"]["prompt_tokens"] + 24


def test_a_stream_is_the_same_answer(chatty: Service) -> None:
    whole = answer(chatty)
    *chunks, last, done = events(post(chatty, stream=True, stream_options={"include_usage": True}).text)

    [choice] = whole["choices"]
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == choice["message"]["content"]
    assert chunks[-1]["choices"][0]["finish_reason"] == choice["finish_reason"]
    assert (last["choices"], last["usage"], done) == ([], whole["usage"], "[DONE]")


def test_a_stop_text_ends_an_answer_and_is_no_part_of_it(chatty: Service) -> None:
    whole = words(chatty)
    stop = whole[len(whole) // 2 :][:3]

    [choice] = answer(chatty, stop=stop)["choices"]

    assert (choice["message"]["content"], choice["finish_reason"]) == (whole[: whole.index(stop)], "stop")


def test_images_are_read(chatty: Service, png_url: Callable[..., str]) -> None:
    image = {"type": "image_url", "image_url": {"url": png_url(200)}}
    asked = [{"role": "user", "content": [image, {"type": "text", "text": "Which digit is this?"}]}]

    seen, blind = answer(chatty, messages=asked), answer(chatty)

    assert seen["usage"]["prompt_tokens"] > blind["usage"]["prompt_tokens"]


def test_what_is_no_image_is_refused_by_its_place(chatty: Service) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

    refused = post(chatty, messages=[{"role": "user", "content": [image]}])

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_messages")
    assert "messages[0], image 0: not a PNG" in refused.json()["error"]["message"]


def test_a_chat_that_is_too_long_is_refused(chatty: Service) -> None:
    refused = post(chatty, messages=[{"role": "user", "content": "seven " * 2000}])

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "context_length_exceeded")


def test_what_a_job_has_left_answers_otherwise_than_its_base(chatty: Service, adapted: Job) -> None:
    base = words(chatty)

    trained, last = words(chatty, model=name_of(adapted)), words(chatty, model=name_of(adapted, 3))

    assert trained == last
    assert trained != base
    assert words(chatty) == base


def test_a_model_of_another_name_is_unknown(chatty: Service, adapted: Job) -> None:
    others = name_of(adapted).replace("proj_default", "proj_other")

    refused = [post(chatty, model=model) for model in (others, name_of(adapted, 2), "ft:x", "HuggingFaceTB/SmolVLM")]

    assert [one.status_code for one in refused] == [404] * 4
    assert {one.json()["error"]["code"] for one in refused} == {"model_not_found"}


def test_a_job_gets_the_slot_of_a_model_and_can_be_asked_once_it_is_cancelled(chatty: Service, rows: str) -> None:
    words(chatty)  # the model has the only slot now

    job_id = chatty.submit(rows, ENDLESS, suffix="seven")
    until(lambda: chatty.tuneyard.jobs.checkpoints(job_id))

    refused = post(chatty)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "no_free_slot")
    assert int(refused.headers["Retry-After"]) > 0
    chatty.tuneyard.jobs.cancel(job_id)
    cancelled = chatty.ended(job_id)
    checkpoint, *_ = chatty.tuneyard.jobs.checkpoints(job_id)
    assert words(chatty, model=name_of(cancelled, checkpoint.step))


def test_who_hangs_up_ends_the_answer(chatty: Service) -> None:
    asked = request(chatty, model="talker", temperature=0, max_tokens=1 << 19, stream=True)
    with httpx2.Client(timeout=PATIENCE_SECONDS, trust_env=False) as client, client.stream(**asked) as told:
        next(told.iter_text())
    log = chatty.data_dir / "logs" / "worker.log"

    until(lambda: "nobody wants the answer any more" in log.read_text())
    assert words(chatty)


@pytest.mark.long
def test_training_goes_on_from_an_adapter(chatty: Service, rows: str, adapted: Job) -> None:
    hardly = {"learning_rate": 1e-9, "max_steps": 1}
    job_id = chatty.submit(rows, hardly, base_model=name_of(adapted), suffix="seven")

    ended = chatty.ended(job_id)

    assert ended.status == "succeeded"
    assert words(chatty, model=name_of(ended)) == words(chatty, model=name_of(adapted))
