"""Whatever is wrong is told with what, where and what to do; nothing of it comes to the trainer."""

import base64
import json
from pathlib import Path

import pytest

from client.errors import ApiError
from tests.e2e.live_service import Service, cli

GOOD = {"role": "assistant", "content": "7"}


def image(content: bytes) -> dict[str, object]:
    url = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def refusal(service: Service, **spec: object) -> ApiError:
    with pytest.raises(ApiError) as caught:
        service.tuneyard.jobs.create(spec)
    return caught.value


def upload_refusal(service: Service, folder: Path, content: bytes) -> ApiError:
    (folder / "rows.jsonl").write_bytes(content)
    with pytest.raises(ApiError) as caught:
        service.tuneyard.datasets.upload(folder / "rows.jsonl")
    return caught.value


def test_unknown_key_is_named(service: Service, dataset_id: str) -> None:
    error = refusal(service, base_model="starter", train_dataset=dataset_id, hyperparameters={"num_epoch": 3})

    assert (error.status, error.code) == (422, "invalid_request")
    assert [one["location"] for one in error.errors] == ["hyperparameters.num_epoch"]


def test_every_wrong_type_is_named(service: Service, dataset_id: str) -> None:
    error = refusal(
        service, base_model=7, train_dataset=dataset_id, seed="1", hyperparameters={"learning_rate": "fast"}
    )

    assert {one["location"] for one in error.errors} == {"base_model", "seed", "hyperparameters.learning_rate"}


def test_unknown_dataset_is_told(service: Service) -> None:
    error = refusal(service, base_model="starter", train_dataset="file-nowhere")

    assert (error.status, error.code) == (422, "unknown_dataset")
    assert "file-nowhere" in error.detail


def test_unknown_model_is_told_with_those_there_are(service: Service, dataset_id: str) -> None:
    error = refusal(service, base_model="stater", train_dataset=dataset_id)

    assert (error.status, error.code) == (422, "unknown_model")
    assert "starter" in error.detail


def test_unknown_job_is_told(service: Service) -> None:
    with pytest.raises(ApiError, match="job_not_found"):
        service.tuneyard.jobs.retrieve("ftjob-nowhere")


def test_line_that_is_not_json_is_named(service: Service, tmp_path: Path) -> None:
    good = json.dumps({"messages": [{"role": "user", "content": "7?"}, GOOD]})

    error = upload_refusal(service, tmp_path, f"{good}\nnot JSON\n".encode())

    assert (error.status, error.code) == (422, "invalid_dataset")
    assert [(one["code"], one["line"]) for one in error.errors] == [("not_json", 2)]


def test_broken_image_is_named_by_line_message_and_image(service: Service, digits: Path, tmp_path: Path) -> None:
    row = json.loads((digits / "train.jsonl").read_text().splitlines()[0])
    [user] = [message for message in row["messages"] if message["role"] == "user"]
    user["content"].append(image(b"no image at all"))

    error = upload_refusal(service, tmp_path, b"\n" + json.dumps(row).encode())

    [fault] = error.errors
    assert fault["code"] == "invalid_image"
    assert (fault["line"], fault["message_index"], fault["image_index"]) == (2, row["messages"].index(user), 1)


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_empty_dataset_is_told(service: Service, tmp_path: Path, content: bytes) -> None:
    error = upload_refusal(service, tmp_path, content)

    assert [one["code"] for one in error.errors] == ["empty_dataset"]


def test_command_line_tells_it_in_one_block(service: Service) -> None:
    done = cli(service, "submit", "-", stdin='{"base_model": "starter", "train_dataset": "file-nowhere"}')

    assert done.returncode == 1
    assert done.stdout == ""
    assert "file-nowhere" in done.stderr
    assert "tuneyard upload" in done.stderr
    assert "Traceback" not in done.stderr
