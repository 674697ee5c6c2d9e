"""What jobs leave behind."""

from collections.abc import Mapping

from store import artifacts, leases
from store.database import Database
from store.files import Storage
from store.leases import Lease
from trainer_core.contract.manifest import Manifest


def leave_artifact(database: Database, storage: Storage, lease: Lease, files: Mapping[str, bytes]) -> None:
    """Have a running job leave these files, by their paths, and succeed."""
    folder = storage.run_dir(lease.job_id, lease.attempt) / "artifact"
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    manifest = Manifest.of(folder)
    manifest.save(folder)
    storage.publish(folder, folder)
    with database.writing() as session:
        artifacts.record(session, lease, "artifact", manifest)
        leases.succeed(session, lease)
