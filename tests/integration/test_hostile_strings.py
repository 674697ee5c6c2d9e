"""Words that a shell would obey, wherever a spec takes words: no shell ever reads them (S14)."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trainer_core.contract.spec import HeldOutSplit, Hyperparameters, JobSpec, Lora
from trainer_core.report import report
from trainer_core.training.stopping import StopRequest

WORDS = ['"; touch x; "', "'; touch x; '", "$(touch x)", "`touch x`", "| touch x", "&& touch x #", "-x", "\n touch x"]


@pytest.mark.long
@pytest.mark.parametrize("words", WORDS[:3])
def test_a_run_whose_every_word_is_a_command_obeys_none(
    starter_dir: Path, shades_file: Path, tmp_path: Path, words: str
) -> None:
    model, rows = tmp_path / words, tmp_path / f"{words}.jsonl"
    shutil.copytree(starter_dir, model)
    shutil.copy(shades_file, rows)
    spec = JobSpec(
        base_model=str(model),
        train_dataset=str(rows),
        eval_dataset=HeldOutSplit(fraction=0.2),
        hyperparameters=Hyperparameters(max_steps=1),
        method=Lora(rank=2),
        metadata={words[:64]: words},
    )
    (tmp_path / "spec.json").write_text(spec.model_dump_json())
    command = [sys.executable, "-m", "trainer_core", "spec.json", "--run-dir", str(tmp_path / f"run {words}")]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
    assert {path.name for path in tmp_path.rglob("*") if path.name in ("x", "x;")} == set()


@pytest.mark.parametrize("words", WORDS)
def test_a_target_that_is_a_command_is_a_name_that_nothing_has(
    starter_dir: Path, shades_file: Path, tmp_path: Path, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    method = Lora(target_modules=(words,))
    spec = JobSpec(base_model=str(starter_dir), train_dataset=str(shades_file), method=method)

    found = report(spec, StopRequest())

    assert not found.is_valid
    assert list(tmp_path.iterdir()) == []
