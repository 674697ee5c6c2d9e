"""`python -m trainer_core.data` as the API runs it."""

import subprocess
import sys
from pathlib import Path

from PIL import Image

from trainer_core.contract.dataset import DatasetReport


def checked(path: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trainer_core.data", path, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_good_dataset_is_reported_with_exit_code_0(shades_file: Path) -> None:
    done = checked(shades_file)

    report = DatasetReport.model_validate_json(done.stdout)
    assert (done.returncode, report.num_rows, report.num_images) == (0, 12, 12)


def test_a_bad_dataset_is_reported_with_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"messages": []}')

    done = checked(tmp_path / "bad.jsonl")

    [fault] = DatasetReport.model_validate_json(done.stdout).faults
    assert (done.returncode, fault.detail) == (1, "no assistant message with weight 1, so nothing to learn from")


def test_rows_are_written_in_the_form_that_training_reads(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text('[{"instruction": "Add", "input": "1 2", "output": "3"}]')

    checked(tmp_path / "rows.json", "--output", tmp_path / "rows.jsonl")

    assert checked(tmp_path / "rows.jsonl").returncode == 0


def test_a_file_that_has_this_form_is_not_written_again(shades_file: Path, tmp_path: Path) -> None:
    checked(shades_file, "--output", tmp_path / "rows.jsonl")

    assert not (tmp_path / "rows.jsonl").exists()


def test_images_are_found_in_a_folder(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "rows.json").write_text('[{"instruction": "What?", "output": "black", "image": "a.png"}]')

    done = checked(tmp_path / "rows.json", "--images", tmp_path)

    assert DatasetReport.model_validate_json(done.stdout).num_images == 1


def test_addresses_of_images_are_printed_once_each(tmp_path: Path) -> None:
    row = '{"instruction": "What?", "output": "a", "images": ["https://h/a.png", "https://h/b.png"]}'
    (tmp_path / "rows.jsonl").write_text(f"{row}\nno row\n{row}\n")

    done = checked(tmp_path / "rows.jsonl", "--addresses")

    assert done.stdout.splitlines() == ["https://h/a.png", "https://h/b.png"]


def test_ids_of_uploaded_images_are_printed_once_each(tmp_path: Path) -> None:
    first, second = f"file-{26 * 'a'}", f"file-{26 * 'b'}"
    images = f'["{first}", "{second}/a.png", "{second}/b.png", "https://h/c.png"]'
    (tmp_path / "rows.jsonl").write_text(f'{{"instruction": "What?", "output": "a", "images": {images}}}\n')

    done = checked(tmp_path / "rows.jsonl", "--uploads")

    assert done.stdout.splitlines() == [first, second]


def test_a_missing_file_is_a_word_and_no_traceback(tmp_path: Path) -> None:
    done = checked(tmp_path / "nowhere.jsonl")

    assert done.returncode == 2
    assert "No such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_row_made_to_exhaust_memory_ends_the_check_alone(tmp_path: Path) -> None:
    """The limit itself; reaching it takes seconds and gigabytes."""
    source = (
        "import resource, runpy, sys; sys.argv[1:] = [sys.argv[1]]\n"
        "try: runpy.run_module('trainer_core.data', run_name='__main__')\n"
        "finally: print(resource.getrlimit(resource.RLIMIT_AS)[0])"
    )
    (tmp_path / "rows.jsonl").write_text("{}")

    done = subprocess.run(
        [sys.executable, "-c", source, tmp_path / "rows.jsonl"], capture_output=True, text=True, check=False
    )

    assert done.stdout.splitlines()[-1] == str(4 * 1024**3)
