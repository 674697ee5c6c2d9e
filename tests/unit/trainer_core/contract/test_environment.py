"""What a trainer may see of its environment."""

import pytest

from trainer_core.contract.environment import allowed


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "CUDA_VISIBLE_DEVICES", "HF_HOME", "HF_TOKEN", "https_proxy", "TUNEYARD_INSTANCE"]
)
def test_what_training_needs_is_passed_on(name: str) -> None:
    assert allowed({name: "value"}) == {name: "value"}


@pytest.mark.parametrize(
    "name", ["TUNEYARD_DATABASE_URL", "TUNEYARD_BROKER_URL", "TUNEYARD_LEASE", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD"]
)
def test_a_credential_is_not(name: str) -> None:
    assert allowed({name: "value"}) == {}
