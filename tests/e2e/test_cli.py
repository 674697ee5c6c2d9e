"""The command line against a real service."""

import json
from pathlib import Path

from PIL import Image

from tests.e2e.conftest import Trained
from tests.e2e.live_service import QUICK, Service, cli
from trainer_core.contract.manifest import Manifest


def test_job_is_submitted_with_a_local_file_and_watched_to_its_end(
    service: Service, digits: Path, tmp_path: Path
) -> None:
    spec = {"base_model": "starter", "train_dataset": str(digits / "train.jsonl"), "hyperparameters": QUICK}
    (tmp_path / "spec.json").write_text(json.dumps(spec))

    submitted = cli(service, "submit", str(tmp_path / "spec.json"), "--json")
    job_id = json.loads(submitted.stdout)["id"]
    watched = cli(service, "watch", job_id)

    assert f"Uploaded {digits / 'train.jsonl'} as file-" in submitted.stderr
    assert watched.returncode == 0, watched.stdout
    assert f"{job_id} succeeded; download it: tuneyard download {job_id}" in watched.stdout


def test_list_shows_the_job(service: Service, trained: Trained) -> None:
    done = cli(service, "list", "--status", "succeeded")

    [line] = [line for line in done.stdout.splitlines() if line.startswith(trained.job.id)]
    assert "succeeded" in line
    assert "3/3" in line


def test_list_refuses_a_status_that_is_none(service: Service) -> None:
    done = cli(service, "list", "--status", "done")

    assert done.returncode == 1
    assert "status" in done.stderr


def test_show_tells_what_happened(service: Service, trained: Trained) -> None:
    done = cli(service, "show", trained.job.id)

    assert "Job submitted" in done.stdout
    assert "Run succeeded after 3 steps" in done.stdout


def test_logs_hold_no_event(service: Service, trained: Trained) -> None:
    done = cli(service, "logs", trained.job.id, "--follow")

    assert done.returncode == 0
    assert '"step_completed"' not in done.stdout


def test_download_brings_the_model_and_tells_so(service: Service, trained: Trained, tmp_path: Path) -> None:
    done = cli(service, "download", trained.job.id, "--output", str(tmp_path / "model"))

    assert "every checksum verified" in done.stderr
    assert Manifest.load(tmp_path / "model").is_true_of(tmp_path / "model")


def test_watch_tells_a_failure_by_its_exit_code(service: Service, trained: Trained) -> None:
    assert cli(service, "watch", trained.job.id).returncode == 0
    assert cli(service, "watch", "ftjob-nowhere").returncode == 1


def test_rows_of_llava_are_uploaded_with_a_folder_of_images(service: Service, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "images/a.png")
    turns = [{"from": "human", "value": "<image>\nWhich digit?"}, {"from": "gpt", "value": "7"}]
    (tmp_path / "rows.json").write_text(json.dumps([{"id": "1", "image": "a.png", "conversations": turns}]))

    done = cli(service, "upload", str(tmp_path / "rows.json"), "--images", str(tmp_path / "images"), "--json")

    dataset = json.loads(done.stdout)
    assert (dataset["form"], dataset["num_images"], dataset["unused_keys"]) == ("JSON", 1, ["id"])


def test_a_job_is_validated_without_being_submitted(service: Service, dataset_id: str) -> None:
    spec = json.dumps({"base_model": "starter", "train_dataset": dataset_id, "hyperparameters": QUICK})
    num_jobs = len(list(service.tuneyard.jobs.list()))

    done = cli(service, "validate", "-", stdin=spec)

    assert done.returncode == 0
    assert "This job can run." in done.stdout
    assert "64 rows, 64 images" in done.stdout
    assert "<image*16>Which digit is this?<|end|><|assistant|>" in done.stdout
    assert len(list(service.tuneyard.jobs.list())) == num_jobs


def test_a_job_that_would_fail_is_told_so(service: Service, tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "long " * 600}, {"role": "assistant", "content": "7"}]
    (tmp_path / "rows.jsonl").write_text(json.dumps({"messages": turns}))
    spec = json.dumps({"base_model": "starter", "train_dataset": str(tmp_path / "rows.jsonl")})

    done = cli(service, "validate", "-", stdin=spec)

    assert done.returncode == 1
    assert "This job would fail: line 1:" in done.stdout
    assert "tokens, images included, where 512 are allowed" in done.stdout


def test_a_job_whose_rows_do_not_fit_fails_before_it_is_queued(service: Service, tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "long " * 600}, {"role": "assistant", "content": "7"}]
    (tmp_path / "rows.jsonl").write_text(json.dumps({"messages": turns}))
    dataset = service.tuneyard.datasets.upload(tmp_path / "rows.jsonl")

    job = service.ended(service.submit(dataset.id, QUICK))

    assert job.failure is not None
    assert (job.failure.code, job.failure.faults[0].code, job.attempt) == ("invalid_dataset", "too_long", 0)


def test_a_sweep_trains_each_point_and_marks_the_best(service: Service, dataset_id: str, tmp_path: Path) -> None:
    spec = {
        "base_model": "starter",
        "train_dataset": dataset_id,
        "eval_dataset": {"fraction": 0.25},
        "hyperparameters": QUICK,
    }
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    sweep = ["sweep", str(tmp_path / "spec.json"), "--grid", "hyperparameters.learning_rate=1e-5,1e-2", "--json"]

    first, again = (cli(service, *sweep) for _ in range(2))

    told = json.loads(first.stdout)
    values = {job["id"]: job["value"] for job in told["jobs"]}
    assert (first.returncode, len(values)) == (0, 2), first.stderr
    assert told["best"] == min(values, key=lambda job_id: values[job_id])
    assert json.loads(again.stdout) == told  # it is the same sweep: nothing is trained twice
    assert told["best"] in cli(service, "sweep", "show", told["sweep"]).stdout


def test_a_sweep_is_looked_at_without_being_submitted(service: Service, dataset_id: str, tmp_path: Path) -> None:
    spec = {"base_model": "starter", "train_dataset": dataset_id, "hyperparameters": QUICK}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    num_jobs = len(list(service.tuneyard.jobs.list()))

    done = cli(service, "sweep", str(tmp_path / "spec.json"), "--grid", "seed=1,-1", "--dry-run", "--json")

    told = json.loads(done.stdout)
    assert (done.returncode, told["num_failing"]) == (1, 1)
    assert [point["report"]["is_valid"] for point in told["points"]] == [True, False]
    assert told["disk_bytes"] == told["points"][0]["report"]["estimate"]["disk_bytes"]
    assert len(list(service.tuneyard.jobs.list())) == num_jobs
