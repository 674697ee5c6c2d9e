"""Features on disk: whole, their own, and the newest that there is room for."""

import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from trainer_core.models.sight import Features
from trainer_core.training.feature_store import InMemory, OnDisk

KEY, OTHER = "ab" * 32, "cd" * 32
FEATURES: Features = {"pooler_output": torch.arange(6.0).reshape(2, 3), "layers": [[torch.ones(2)], [torch.zeros(3)]]}
BUDGET = 10**6


@pytest.fixture
def store(tmp_path: Path) -> OnDisk:
    return OnDisk(tmp_path, BUDGET)


def entry(folder: Path) -> Path:
    """The only one."""
    [path] = folder.glob("*/*.safetensors")
    return path


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_features_come_back_as_they_were(tmp_path: Path, dtype: torch.dtype) -> None:
    features = {"pooler_output": FEATURES["pooler_output"].to(dtype), "layers": FEATURES["layers"]}
    OnDisk(tmp_path, BUDGET).put(KEY, features)

    found = OnDisk(tmp_path, BUDGET).get(KEY)

    torch.testing.assert_close(found, features, rtol=0, atol=0)


def test_what_was_never_kept_is_not_there(store: OnDisk) -> None:
    assert store.get(KEY) is None
    assert not store.has(KEY)


def half_written(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def of_another_image(path: Path) -> None:
    OnDisk(path.parent.parent, BUDGET).put(OTHER, FEATURES)
    path.with_name("x").unlink(missing_ok=True)
    (path.parent.parent / OTHER[:2] / f"{OTHER[2:]}.safetensors").rename(path)


def of_another_program(path: Path) -> None:
    save_file({"pooler_output": torch.ones(2)}, path)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def arranged_otherwise(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"[[null], [null]]", b"[[null],  null] "))


@pytest.mark.parametrize(
    "spoil", [half_written, damaged, of_another_image, of_another_program, empty, arranged_otherwise]
)
def test_an_entry_that_does_not_prove_what_it_is_goes(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    OnDisk(tmp_path, BUDGET).put(KEY, FEATURES)
    path = entry(tmp_path)
    spoil(path)

    found = OnDisk(tmp_path, BUDGET).get(KEY)

    assert found is None
    assert not path.exists()


def test_what_was_read_for_longest_ago_goes_first(tmp_path: Path) -> None:
    store = OnDisk(tmp_path, 4_000)
    keys = [f"{number:02d}" * 32 for number in range(3)]
    for number, key in enumerate(keys):
        store.put(key, {"pooler_output": torch.zeros(200)})
        path = tmp_path / key[:2] / f"{key[2:]}.safetensors"
        os.utime(path, (number, number))
    OnDisk(tmp_path, 4_000).get(keys[0])

    store.put(OTHER, {"pooler_output": torch.zeros(200)})

    assert [store.has(key) for key in [*keys, OTHER]] == [True, False, True, True]


def test_a_reader_keeps_what_is_deleted_meanwhile(tmp_path: Path, store: OnDisk) -> None:
    store.put(KEY, FEATURES)
    found = store.get(KEY)

    entry(tmp_path).unlink()

    torch.testing.assert_close(found, FEATURES)


def test_writers_at_once_leave_one_whole_entry(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: OnDisk(tmp_path, BUDGET).put(KEY, FEATURES), range(64)))

    assert OnDisk(tmp_path, BUDGET).get(KEY) is not None
    assert len(list(tmp_path.rglob("*.*"))) == 1


def test_a_full_disk_costs_the_entry_and_not_the_run(
    tmp_path: Path, store: OnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_how: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("trainer_core.training.feature_store.save_file", refuse)

    store.put(KEY, FEATURES)

    assert store.get(KEY) is None
    assert not list(tmp_path.rglob("*.*"))


def test_what_is_mapped_takes_no_memory_until_it_is_read(tmp_path: Path) -> None:
    num_bytes = 32 * 1024**2
    OnDisk(tmp_path, 2 * num_bytes).put(KEY, {"weights": torch.zeros(num_bytes, dtype=torch.uint8)})

    found = OnDisk(tmp_path, 2 * num_bytes).get(KEY)

    assert found is not None
    assert resident_bytes(entry(tmp_path)) < num_bytes // 4


def resident_bytes(path: Path) -> int:
    """Of a file that this process has mapped."""
    sections = Path("/proc/self/smaps").read_text().split("VmFlags:")
    [mapped] = [one for one in sections if str(path) in one]
    return 1024 * int(re.search(r"Rss: +(\d+) kB", mapped).group(1))  # type: ignore[union-attr]


def test_memory_has_a_budget_too() -> None:
    store = InMemory(100)

    for key in (KEY, OTHER):
        store.put(key, {"pooler_output": torch.zeros(20)})

    assert (store.has(KEY), store.has(OTHER)) == (True, False)


def test_what_was_found_out_is_remembered(tmp_path: Path, store: OnDisk) -> None:
    store.remember(KEY, '{"is": "so"}')

    assert OnDisk(tmp_path, BUDGET).recall(KEY) == '{"is": "so"}'
    assert store.recall(OTHER) is None


@pytest.mark.parametrize("spoil", [half_written, damaged, empty])
def test_a_finding_that_is_damaged_is_none(tmp_path: Path, store: OnDisk, spoil: Callable[[Path], None]) -> None:
    store.remember(KEY, '{"is": "so"}')
    spoil(tmp_path / "findings" / f"{KEY}.json")

    assert store.recall(KEY) is None
