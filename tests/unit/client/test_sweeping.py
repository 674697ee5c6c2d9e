"""Points of a sweep, and which of its jobs is the best."""

from pathlib import Path

import pytest

from client.errors import UnreadableInput
from client.sweeping import Axis, Goal, at_point, differences, drawn, grid, marked, name_of, numbers
from client.views import Job, Series
from tests.unit.client.samples import JOB

LEARNING_RATE = "hyperparameters.learning_rate"
HELD_OUT = {"eval_dataset": {"fraction": 0.1}}


def series(name: str, *values: float) -> Series:
    return Series(name=name, steps=list(range(1, len(values) + 1)), values=list(values))


def test_a_grid_is_every_combination() -> None:
    axes = [Axis.of_values(f"{LEARNING_RATE}=1e-4,2e-4"), Axis.of_values("method.type=lora,full")]

    assert grid(axes) == [
        {LEARNING_RATE: rate, "method.type": kind} for rate in (1e-4, 2e-4) for kind in ("lora", "full")
    ]


def test_values_are_json_or_words() -> None:
    assert Axis.of_values("x=1,2.5,true,null,cosine").values == (1, 2.5, True, None, "cosine")


def test_points_by_chance_are_the_same_for_the_same_seed() -> None:
    axes = [Axis.of_bounds(f"{LEARNING_RATE}=1e-5:1e-3", is_logarithmic=True), Axis.of_values("method.rank=8,16")]

    first, again, other = (drawn(axes, 20, seed) for seed in (7, 7, 8))

    assert first == again
    assert first != other
    assert all(1e-5 <= point[LEARNING_RATE] <= 1e-3 and point["method.rank"] in {8, 16} for point in first)


def test_a_logarithmic_axis_draws_as_often_below_its_middle_as_above() -> None:
    axis = Axis.of_bounds("x=1e-6:1", is_logarithmic=True)

    below = sum(point["x"] < 1e-3 for point in drawn([axis], 1000, 0))

    assert 400 < below < 600


@pytest.mark.parametrize("given", ["x", "x=", "=1", "x=1", "x=a:b", "x=2:1", "x=1:inf"])
def test_bounds_that_are_none_are_refused(given: str) -> None:
    with pytest.raises(UnreadableInput):
        Axis.of_bounds(given, is_logarithmic=False)


def test_orders_of_magnitude_begin_above_0() -> None:
    with pytest.raises(UnreadableInput, match="above 0"):
        Axis.of_bounds("x=0:1", is_logarithmic=True)


def test_a_point_changes_its_fields_alone() -> None:
    spec = {"base_model": "starter", "hyperparameters": {"num_epochs": 1}}

    changed = at_point(spec, {LEARNING_RATE: 0.1, "method.rank": 4, "seed": 3})

    assert changed == {
        "base_model": "starter",
        "hyperparameters": {"num_epochs": 1, "learning_rate": 0.1},
        "method": {"rank": 4},
        "seed": 3,
    }
    assert spec == {"base_model": "starter", "hyperparameters": {"num_epochs": 1}}


def test_a_field_inside_of_a_number_is_refused() -> None:
    with pytest.raises(UnreadableInput, match=r"seed\.x"):
        at_point({"seed": 3}, {"seed.x": 1})


def test_a_sweep_is_another_if_its_rows_are_others(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    spec, points = {"train_dataset": str(rows)}, [{"seed": 1}]
    rows.write_text("one")
    first = name_of(spec, points)
    rows.write_text("other")

    assert first != name_of(spec, points)
    assert name_of(spec, points) == name_of(dict(spec), list(points))


def test_differences_leave_out_what_is_alike_and_whose_the_job_is() -> None:
    specs = [marked({"seed": seed, "method": {"type": "lora", "rank": 8}}, "sweep-1", seed) for seed in (1, 2)]

    assert differences([Job.model_validate(JOB | {"spec": spec}) for spec in specs]) == [{"seed": 1}, {"seed": 2}]


def test_a_job_that_only_shares_the_word_is_no_child() -> None:
    child, stranger = (Job.model_validate(JOB | {"spec": {"metadata": one}}) for one in ({"sweep_point": "3"}, {}))

    assert numbers([child, stranger]) == {3: child}


@pytest.mark.parametrize(
    ("spec", "name", "values", "value", "best"),
    [
        (HELD_OUT, "eval_loss", (3.0, 1.0, 2.0), 1.0, "low"),
        (HELD_OUT | {"evaluation": {"metric": "anls"}}, "eval_anls", (0.1, 0.9, 0.5), 0.9, "high"),
        ({}, "loss", (3.0, 1.0, 2.0), 2.0, "low"),
    ],
    ids=["held-out loss", "a score", "no held-out rows"],
)
def test_the_best_is_found_by_the_metric_of_the_spec(
    spec: dict[str, object], name: str, values: tuple[float, ...], value: float, best: str
) -> None:
    goal = Goal.of(spec)

    assert goal.series == name
    assert goal.value(series(name, *values)) == value
    assert goal.best({"low": 0.1, "high": 0.2}) == best


def test_without_values_nothing_is_the_best() -> None:
    assert Goal.of({}).best({}) is None
    assert Goal.of({}).value(series("loss")) is None
