"""Curves in a terminal."""

from client.curves import drawing
from client.views import Series


def series(name: str, *values: float) -> Series:
    return Series(name=name, steps=list(range(1, len(values) + 1)), values=list(values))


def test_losses_are_drawn_in_the_room_there_is() -> None:
    drawn = drawing([series("loss", 3.0, 2.0, 1.0), series("eval_loss", 2.5, 1.5), series("epoch", 1.0, 2.0)], 60, 12)

    assert drawn is not None
    lines = drawn.plain.splitlines()
    assert len(lines) == 12
    assert max(map(len, lines)) <= 60
    assert "eval_loss" in drawn.plain
    assert "epoch" not in drawn.plain
    assert any("⠀" < character <= "⣿" for character in drawn.plain)


def test_a_point_is_no_curve() -> None:
    assert drawing([series("loss", 1.0)], 60, 12) is None


def test_a_small_terminal_has_no_room() -> None:
    assert drawing([series("loss", 2.0, 1.0)], 30, 12) is None
    assert drawing([series("loss", 2.0, 1.0)], 60, 5) is None


def test_another_drawing_holds_nothing_of_the_one_before() -> None:
    drawing([series("eval_loss", 2.5, 1.5)], 60, 12)

    drawn = drawing([series("loss", 3.0, 2.0)], 60, 12)

    assert drawn is not None
    assert "eval_loss" not in drawn.plain
