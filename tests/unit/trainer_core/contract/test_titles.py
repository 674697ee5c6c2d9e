"""What fields are called."""

from typing import Any

from trainer_core.contract.spec import JobSpec
from trainer_core.contract.titles import TITLES


def properties() -> dict[str, dict[str, Any]]:
    """Every field of a spec, at any depth, by its name."""
    schema = JobSpec.model_json_schema()
    groups = [schema, *schema["$defs"].values()]
    return {name: told for group in groups for name, told in group["properties"].items()}


def test_a_field_is_called_by_its_name_in_words() -> None:
    assert properties()["learning_rate"]["title"] == "Learning rate"


def test_a_group_has_a_title_too() -> None:
    assert properties()["generation"]["title"] == "Written answers"


def test_no_title_is_of_a_field_that_is_not_there() -> None:
    assert set(TITLES) - set(properties()) == set()
