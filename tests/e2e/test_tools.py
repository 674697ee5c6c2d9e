"""Rows with tools through OpenAI's API: trained where the chat template writes them, refused where it does not."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.live_service import Service, running
from tests.patience import PATIENCE_SECONDS
from tests.tooled import HERMES, asked, calling, tooled, with_template

CITIES = ("Paris", "Rome", "Oslo", "Bonn", "Bern", "Prag", "Wien", "Graz", "Genf", "Lyon")


@pytest.fixture(scope="module")
def service(starter_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """It has the starter, and the same with a chat template that writes tools."""
    folder = Path(shutil.copytree(starter_dir, tmp_path_factory.mktemp("models") / "tooled"))
    with_template(starter_dir, HERMES).save_pretrained(folder)
    with running(tmp_path_factory.mktemp("service"), "--model", f"tooled={folder}") as service:
        yield service


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {service.endpoint().api_key}"}
    with httpx2.Client(
        base_url=f"{service.url}/v1/", headers=headers, timeout=PATIENCE_SECONDS, trust_env=False
    ) as client:
        yield client


def ended(
    service: Service, client: httpx2.Client, model: str, rows: list[dict[str, Any]], method: str
) -> dict[str, Any]:
    """A job on these rows, once it has ended."""
    content = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    file = client.post("files", data={"purpose": "fine-tune"}, files={"file": ("rows.jsonl", content)}).json()
    assert file["status"] == "processed", file
    how = {"type": method, method: {"hyperparameters": {"n_epochs": 1, "batch_size": 5}}}
    job = client.post("fine_tuning/jobs", json={"model": model, "training_file": file["id"], "method": how}).json()
    service.ended(job["id"])
    found: dict[str, Any] = client.get(f"fine_tuning/jobs/{job['id']}").json()
    return found


def test_calls_are_trained(service: Service, client: httpx2.Client) -> None:
    rows = [{**tooled(asked(city), calling(city)), "parallel_tool_calls": False} for city in CITIES]

    assert ended(service, client, "tooled", rows, "supervised")["status"] == "succeeded"


@pytest.mark.long
def test_calls_are_preferred(service: Service, client: httpx2.Client) -> None:
    unsure = {"role": "assistant", "content": "It may rain."}
    rows = [
        {"input": tooled(asked(city)), "preferred_output": [calling(city)], "non_preferred_output": [unsure]}
        for city in CITIES
    ]

    assert ended(service, client, "tooled", rows, "dpo")["status"] == "succeeded"


def test_a_model_that_writes_no_tools_is_told_of_by_line(service: Service, client: httpx2.Client) -> None:
    rows = [tooled(asked(city), calling(city)) for city in CITIES]

    job = ended(service, client, "starter", rows, "supervised")

    assert (job["status"], job["error"]["param"]) == ("failed", "training_file")
    assert (
        "line 1: the model's chat template writes no tools; use a model whose template does" in job["error"]["message"]
    )
