"""What tests of every kind train on: the starter model, a text model, pictures and chats, each made once."""

import base64
import gc
import json
import os
import shutil
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

# On models this small, threads only wait for each other; processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

Row = dict[str, Any]
QUESTION = "Which digit is this?"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-families", action="store_true", help="write what was measured into docs/families.md")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    _keep_all_that_is_alive()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    _keep_all_that_is_alive()


def _keep_all_that_is_alive() -> None:
    """Have no later collection look through what stays to the end: pytest and the interpreter end with a dozen."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def starter_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter model, as `python -m trainer_core.models.starter` makes it."""
    from trainer_core.models.starter import build  # noqa: PLC0415 - loads torch, which most tests do without

    folder = tmp_path_factory.mktemp("models") / "starter"
    build(folder)
    return folder


@pytest.fixture(scope="session")
def text_model_dir(starter_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that reads text only, with the starter's tokenizer and chat template."""
    import torch  # noqa: PLC0415 - as above
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("models") / "text"
    tokenizer = AutoTokenizer.from_pretrained(starter_dir)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=128,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # by chance, one in sixty stops before it has said as much as it is asked to
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def png_url() -> Callable[..., str]:
    """Makes a data URL of a picture in one colour."""

    def make(shade: int = 128, size: tuple[int, int] = (32, 32), kind: str = "PNG") -> str:
        encoded = BytesIO()
        Image.new("RGB", size, (shade, shade, shade)).save(encoded, kind)
        return f"data:image/{kind.lower()};base64,{base64.b64encode(encoded.getvalue()).decode()}"

    return make


@pytest.fixture(scope="session")
def chat(png_url: Callable[..., str]) -> Callable[..., Row]:
    """Makes a row: an answer to a question, about a picture unless told otherwise."""

    def make(answer: str = "7", *, question: str = QUESTION, shade: int | None = 128) -> Row:
        parts: list[Row] = [{"type": "text", "text": question}]
        if shade is not None:
            parts.insert(0, {"type": "image_url", "image_url": {"url": png_url(shade)}})
        return {"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": answer}]}

    return make


@pytest.fixture(scope="session")
def pair(chat: Callable[..., Row]) -> Callable[..., Row]:
    """Makes a pair of answers to a question, about a picture unless told otherwise."""

    def make(chosen: str = "7", rejected: str = "8", **asked: Any) -> Row:
        question, preferred = chat(chosen, **asked)["messages"]
        return {
            "input": {"messages": [question]},
            "preferred_output": [preferred],
            "non_preferred_output": [{"role": "assistant", "content": rejected}],
        }

    return make


@pytest.fixture(scope="session")
def write_rows() -> Callable[[Path, Sequence[Row]], Path]:
    """Writes rows as JSONL."""

    def write(path: Path, rows: Sequence[Row]) -> Path:
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        return path

    return write


@pytest.fixture(scope="session")
def shades_file(
    chat: Callable[..., Row],
    write_rows: Callable[[Path, Sequence[Row]], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Twelve rows, each about a picture of another shade."""
    rows = [chat(str(number % 10), shade=20 * number) for number in range(12)]
    return write_rows(tmp_path_factory.mktemp("rows") / "train.jsonl", rows)


@pytest.fixture(scope="session")
def text_file(
    chat: Callable[..., Row],
    write_rows: Callable[[Path, Sequence[Row]], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Four rows without a picture."""
    return write_rows(tmp_path_factory.mktemp("rows") / "text.jsonl", [chat(str(n), shade=None) for n in range(4)])


@pytest.fixture
def own_starter_dir(starter_dir: Path, tmp_path: Path) -> Path:
    """A copy of the starter that a test may spoil."""
    return Path(shutil.copytree(starter_dir, tmp_path / "starter"))
