"""Models that bring code, or weights that are programs: nothing of them runs unless the operator said so (S10, S11)."""

import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from trainer_core.contract.spec import JobSpec
from trainer_core.contract.trust import TRUST_VARIABLE
from trainer_core.models.fingerprint import fingerprint
from trainer_core.models.loading import load_model, load_processor, load_skeleton, open_config
from trainer_core.models.trust import UntrustedModel, check
from trainer_core.module import HFAutoModelForImageTextToText
from trainer_core.training.preparation import hub_source

COMMIT, OTHER = os.urandom(20).hex(), os.urandom(20).hex()
"""Of this run: a process keeps the code of a commit that it has imported."""
CODE = """
import pathlib
from transformers import LlamaConfig, LlamaForCausalLM
pathlib.Path({canary!r}).touch()
class OwnConfig(LlamaConfig):
    model_type = "own"
class OwnModel(LlamaForCausalLM):
    config_class = OwnConfig
"""
AUTO_MAP = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}


def change(folder: Path, file: str, **changes: Any) -> Path:
    """Add to a config of a model."""
    path = folder / file
    config = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(config | changes))
    return folder


def bring_code(folder: Path, canary: Path) -> Path:
    """Let a text model's folder bring code that leaves a file when it runs."""
    (folder / "own.py").write_text(CODE.format(canary=str(canary)))
    return change(folder, "config.json", auto_map=AUTO_MAP, model_type="own")


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture
def own_text_model(text_model_dir: Path, tmp_path: Path) -> Path:
    """A copy of the text model that a test may spoil."""
    return Path(shutil.copytree(text_model_dir, tmp_path / "text"))


Load = Callable[..., object]
LOADERS: list[Load] = [
    load_model,
    load_processor,
    lambda name: load_skeleton(name, dtype=torch.float32),
    open_config,
    lambda name: HFAutoModelForImageTextToText(name).configure_model(),
    lambda name: HFAutoModelForImageTextToText(name).processor,
]
WAYS = ["model", "processor", "skeleton", "config", "module", "module's processor"]


@pytest.mark.parametrize("load", LOADERS, ids=WAYS)
def test_a_model_that_brings_code_is_refused_and_none_of_it_runs(
    own_text_model: Path, canary: Path, load: Load
) -> None:
    with pytest.raises(UntrustedModel, match="auto_map"):
        load(str(bring_code(own_text_model, canary)))

    assert not canary.exists()


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("config.json", {"_attn_implementation_internal": "evil/kernel"}),
        ("config.json", {"_attn_implementation_internal": "eager"}),
        ("config.json", {"_experts_implementation_internal": "eager"}),
        ("config.json", {"attn_implementation": "evil/kernel"}),
        ("config.json", {"_attn_implementation": {"": "paged|evil/kernel@main:f"}}),
        ("config.json", {"trust_remote_code": True}),
        ("config.json", {"text_config": {"trust_remote_code": True}}),
        ("config.json", {"text_config": {"deeper": [{"auto_map": {"AutoModel": "evil/code--own.OwnModel"}}]}}),
        ("config.json", {"vision_config": {"_attn_implementation_internal": "evil/kernel"}}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["own.OwnTokenizer", None]}}),
        ("processor_config.json", {"auto_map": {"AutoProcessor": "own.OwnProcessor"}}),
        ("preprocessor_config.json", {"auto_map": {"AutoImageProcessor": "own.OwnImages"}}),
        ("generation_config.json", {"trust_remote_code": True}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("load", LOADERS[:3], ids=WAYS[:3])
def test_a_config_that_asks_for_code_is_refused(
    own_text_model: Path, file: str, changes: dict[str, Any], load: Load
) -> None:
    with pytest.raises(UntrustedModel, match=file):
        load(str(change(own_text_model, file, **changes)))


def test_a_config_may_say_how_transformers_attends(own_text_model: Path) -> None:
    change(own_text_model, "config.json", _attn_implementation="eager", _attn_implementation_autoset=True)

    check(str(own_text_model))


def test_a_config_of_endless_depth_is_refused(own_text_model: Path) -> None:
    nested: dict[str, Any] = {}
    for _ in range(100):
        nested = {"a": nested}

    with pytest.raises(UntrustedModel, match="nested deeper"):
        check(str(change(own_text_model, "config.json", a=nested)))


def test_an_adapter_is_no_base_model(own_text_model: Path) -> None:
    change(own_text_model, "adapter_config.json", base_model_name_or_path="evil/model", peft_type="LORA")

    with pytest.raises(UntrustedModel, match="is an adapter"):
        load_model(str(own_text_model))


class Pickled:
    """What runs when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._canary,)


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "model.bin", "model.pt", "model.ckpt", "pytorch_model-00001-of-00001.bin"]
)
def test_weights_that_are_a_program_are_never_opened(own_text_model: Path, canary: Path, name: str) -> None:
    (own_text_model / "model.safetensors").unlink()
    (own_text_model / name).write_bytes(pickle.dumps(Pickled(canary)))
    index = {"metadata": {}, "weight_map": {"lm_head.weight": name}}
    (own_text_model / "pytorch_model.bin.index.json").write_text(json.dumps(index))

    with pytest.raises(OSError, match="safetensors"):
        load_model(str(own_text_model))

    assert not canary.exists()


def test_a_pickle_would_have_run(canary: Path) -> None:
    pickle.loads(pickle.dumps(Pickled(canary)))  # noqa: S301 - it is what the test is about

    assert canary.exists()


@pytest.fixture
def hub(text_model_dir: Path, canary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache, off line: `org/own` at two commits, which bring the same code."""
    repository = tmp_path / "hub" / "models--org--own"
    for commit in (COMMIT, OTHER):
        bring_code(Path(shutil.copytree(text_model_dir, repository / "snapshots" / commit)), canary)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    for name, value in (("HF_HUB_OFFLINE", True), ("HF_HUB_CACHE", str(tmp_path / "hub"))):
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    return repository


def spec_of(revision: str | None, name: str = "org/own") -> JobSpec:
    return JobSpec(base_model=name, revision=revision, train_dataset="rows.jsonl")


def trust(monkeypatch: pytest.MonkeyPatch, *entries: str) -> None:
    monkeypatch.setenv(TRUST_VARIABLE, json.dumps(entries))


def test_code_runs_at_the_commit_that_is_trusted(hub: Path, canary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(monkeypatch, f"org/own@{COMMIT}")

    model = load_model("org/own", cache_dir=str(hub.parent), **hub_source(spec_of(COMMIT)))

    assert type(model).__name__ == "OwnModel"
    assert canary.exists()


@pytest.mark.parametrize("revision", [pytest.param(OTHER, id="another"), "main", None])
def test_code_does_not_run_at_any_other(
    hub: Path, canary: Path, monkeypatch: pytest.MonkeyPatch, revision: str | None
) -> None:
    trust(monkeypatch, f"org/own@{COMMIT}")

    with pytest.raises(UntrustedModel, match="auto_map"):
        load_model("org/own", cache_dir=str(hub.parent), **hub_source(spec_of(revision)))

    assert not canary.exists()


def test_trusted_code_is_not_that_of_another_repository(
    hub: Path, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(monkeypatch, f"org/own@{COMMIT}")
    change(hub / "snapshots" / COMMIT, "config.json", auto_map={"AutoModelForCausalLM": "evil/code--own.OwnModel"})

    with pytest.raises(UntrustedModel, match="evil/code, another repository"):
        load_model("org/own", cache_dir=str(hub.parent), **hub_source(spec_of(COMMIT)))

    assert not canary.exists()


def test_nothing_is_trusted_unless_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TRUST_VARIABLE, raising=False)

    assert hub_source(spec_of(COMMIT)) == {"revision": COMMIT}


def test_a_folder_that_was_trained_from_trusted_code_is_read_at_its_commit(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainer_core.models.trust import of_own_folder  # noqa: PLC0415

    trust(monkeypatch, f"org/own@{COMMIT}")
    source = hub_source(spec_of(COMMIT))
    load_model("org/own", cache_dir=str(hub.parent), **source).save_pretrained(tmp_path / "saved")

    again = load_model(str(tmp_path / "saved"), cache_dir=str(hub.parent), **of_own_folder(source))

    assert type(again).__name__ == "OwnModel"
    with pytest.raises(UntrustedModel):
        load_model(str(tmp_path / "saved"))


def test_whether_a_model_brings_code_is_seen_before_its_fingerprint(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TRUST_VARIABLE, raising=False)

    with pytest.raises(UntrustedModel):
        fingerprint("org/own", cache_dir=str(hub.parent))
    assert TRUST_VARIABLE not in os.environ
