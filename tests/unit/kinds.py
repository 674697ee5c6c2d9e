"""Which databases and storages a test meets: every kind of each, not every pair."""

import pytest

EVERY_KIND = pytest.mark.parametrize(
    ("storage_kind", "database_url"),
    [("folder", "sqlite"), ("folder", "postgresql"), ("s3", "sqlite")],
    indirect=["database_url"],
)
ON_A_BUCKET = pytest.mark.parametrize(("storage_kind", "database_url"), [("s3", "sqlite")], indirect=["database_url"])
