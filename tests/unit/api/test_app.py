"""What the service is made of."""

import subprocess
import sys
from pathlib import Path

LOADED = """
import sys
from api.app import create_app
create_app()
print(*(name for name in ("aiobotocore", "botocore", "s3fs") if name in sys.modules))
"""


def test_a_storage_that_is_a_folder_loads_no_client_of_s3(tmp_path: Path) -> None:
    settings = {
        "TUNEYARD_DATABASE_URL": f"sqlite:///{tmp_path}/empty.db",
        "TUNEYARD_BROKER_URL": "redis://nowhere",
        "TUNEYARD_STORAGE_ROOT": str(tmp_path),
    }

    loaded = subprocess.run([sys.executable, "-c", LOADED], env=settings, capture_output=True, text=True, check=True)

    assert loaded.stdout.split() == []
