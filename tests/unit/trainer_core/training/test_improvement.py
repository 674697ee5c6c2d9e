"""Which evaluation was the best."""

from trainer_core.training.improvement import Improvement


def test_a_lower_loss_is_better() -> None:
    improvement = Improvement("loss")

    assert [improvement.take(step, value) for step, value in enumerate([3.0, 2.0, 2.5, 1.0])] == [
        True, True, False, True,
    ]  # fmt: skip
    assert (improvement.best_step, improvement.best_value) == (3, 1.0)


def test_a_higher_score_is_better() -> None:
    improvement = Improvement("exact_match")

    assert [improvement.take(step, value) for step, value in enumerate([0.5, 0.4, 0.6])] == [True, False, True]


def test_too_small_a_gain_is_the_best_yet_but_no_progress() -> None:
    improvement = Improvement("loss")
    improvement.take(1, 1.0, min_delta=0.1)

    assert improvement.take(2, 0.95, min_delta=0.1)
    assert improvement.num_without == 1


def test_a_value_that_is_not_finite_is_never_the_best() -> None:
    improvement = Improvement("loss")

    assert not improvement.take(1, None)
    assert improvement.num_without == 1
