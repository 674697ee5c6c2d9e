"""Jobs and projects as the service tells of them."""

from typing import Any

JOB: dict[str, Any] = {
    "id": "ftjob-1",
    "status": "queued",
    "phase": None,
    "spec": {"base_model": "starter", "train_dataset": "file-1"},
    "attempt": 0,
    "queue_position": 2,
    "progress": None,
    "failure": None,
    "artifact": None,
    "cancel_requested_at": None,
    "created_at": "2026-11-24T10:00:00Z",
    "queued_at": "2026-11-24T10:00:00Z",
    "started_at": None,
    "finished_at": None,
}
STEP: dict[str, Any] = {
    "step": 12,
    "total_steps": 40,
    "epoch": 0.6,
    "loss": 1.23456,
    "learning_rate": 1e-3,
    "elapsed_seconds": 3.0,
    "remaining_seconds": 8.2,
}
RUNNING = JOB | {"status": "running", "phase": "training", "attempt": 1, "queue_position": None, "progress": STEP}
LAST_STEP = STEP | {"step": 40, "epoch": 2.0, "loss": 0.1, "remaining_seconds": 0.0}
ENDED = RUNNING | {"phase": None, "finished_at": "2026-11-24T10:01:00Z", "progress": LAST_STEP}
SUCCEEDED = ENDED | {
    "status": "succeeded",
    "artifact": {"num_bytes": 4_200_000, "num_files": 7, "manifest_sha256": "0" * 64},
}
FAULT = {"code": "too_long", "line": 3, "message_index": None, "image_index": None, "detail": "900 tokens, limit 512"}
FAILED = ENDED | {
    "status": "failed",
    "failure": {"code": "invalid_dataset", "message": "line 3: 900 tokens, limit 512", "faults": [FAULT]},
}
CANCELLED = ENDED | {"status": "cancelled"}
PROJECT: dict[str, Any] = {
    "id": "proj_1",
    "name": "vision",
    "share": 2,
    "max_queued_jobs": None,
    "max_gpu_hours": 500.0,
    "created_at": "2026-11-24T10:00:00Z",
}
USAGE: dict[str, Any] = {
    "project": PROJECT,
    "num_queued_jobs": 1,
    "num_running_jobs": 2,
    "gpu_hours": 3.25,
    "storage_bytes": 1_000_000,
    "days": [],
}
