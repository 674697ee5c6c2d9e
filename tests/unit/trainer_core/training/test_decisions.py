"""What a run found out in its first steps."""

from trainer_core.contract.spec import Evaluation, Hyperparameters, JobSpec
from trainer_core.training.decisions import Decisions

SPEC = JobSpec(
    base_model="starter",
    train_dataset="rows",
    hyperparameters=Hyperparameters(batch_size=4, max_batch_tokens=100),
    evaluation=Evaluation(batch_size=6),
)


def test_batches_are_at_first_as_the_spec_says() -> None:
    decisions = Decisions.of(SPEC)

    assert (decisions.room.batch_size, decisions.evaluation_room.batch_size) == (4, 6)
    assert decisions.room.max_tokens == 100


def test_a_checkpoint_remembers_all_of_them() -> None:
    decisions = Decisions.of(SPEC)
    decisions.room.reduce()
    decisions.packing, decisions.is_row_by_row, decisions.unused = "of_axes", True, ("norm.weight",)

    remembered = Decisions.remembered(decisions.state)

    assert remembered == decisions
    assert (remembered.room.batch_size, remembered.room.num_reductions) == (2, 1)


def test_what_is_decided_later_is_not_remembered() -> None:
    decisions = Decisions.of(SPEC)

    state = decisions.state
    decisions.room.reduce()

    assert state["room"]["batch_size"] == 4
