"""Objects made afresh from the arguments that they were made with, and records that run nothing when read."""

import copy
import inspect
import json
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from transformers import LlavaProcessor, PreTrainedTokenizerBase

from trainer_core.models.loading import load_processor
from trainer_core.models.recording import RECORD, IOMixin


def double(number: int) -> int:
    return 2 * number


class Part(IOMixin):
    def __init__(self, size: int, *, scale: float = 0.5) -> None:
        self.size = size
        self.scale = scale


class Whole(IOMixin):
    def __init__(self, value: Any = None, *more: Any, dtype: torch.dtype = torch.bfloat16, **named: Any) -> None:
        self.value = value
        self.more = more
        self.dtype = dtype
        self.named = named


class Greedy(IOMixin):
    def __init__(self, items: list[int]) -> None:
        self.first = items.pop(0)


class Network(pl.LightningModule, IOMixin):
    def __init__(self, width: int, activation: torch.nn.Module | None = None) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(width, width)
        self.activation = activation


class DeepNetwork(Network):
    def __init__(self, depth: int) -> None:
        super().__init__(width=2 * depth)
        self.depth = depth


@dataclass
class Point(IOMixin):
    x: int
    y: int = 2


def written(made: IOMixin, folder: Path) -> Any:
    made.io_dump(folder)
    return json.loads((folder / RECORD).read_text())


def edited(made: IOMixin, folder: Path, **changes: Any) -> Path:
    """A record that somebody has changed."""
    (folder / RECORD).write_text(json.dumps({**written(made, folder), **changes}))
    return folder


def test_arguments_are_recorded_with_their_defaults() -> None:
    assert Part(3).arguments == {"size": 3, "scale": 0.5}


def test_further_arguments_are_recorded_together() -> None:
    made = Whole(1, 2, 3, dtype=torch.float32, colour="red")

    assert made.arguments == {"value": 1, "more": (2, 3), "dtype": torch.float32, "named": {"colour": "red"}}


def test_reinit_makes_another_object_of_the_same_arguments() -> None:
    made = Whole(1, 2, dtype=torch.float16, colour="red")

    again = made.reinit()

    assert again is not made
    assert (again.value, again.more, again.dtype, again.named) == (1, (2,), torch.float16, {"colour": "red"})


def test_reinit_forgets_what_happened_since() -> None:
    made = Part(3)
    made.size = 4

    assert made.reinit().size == 3


def test_recorded_arguments_are_made_afresh_too() -> None:
    part = Part(3)

    again = Whole([part]).reinit()

    assert again.value[0] is not part
    assert again.value[0].size == 3


def test_a_constructor_that_uses_up_its_argument_can_be_repeated() -> None:
    made = Greedy([1, 2])

    assert (made.first, made.reinit().first, made.reinit().first) == (1, 1, 1)


def test_the_caller_s_own_list_is_passed_on() -> None:
    items = [1, 2]

    made = Whole(items)

    assert made.value is items


def test_a_subclass_is_recorded_by_its_own_arguments() -> None:
    made = DeepNetwork(3)

    assert made.arguments == {"depth": 3}
    assert made.reinit().layer.in_features == 6


def test_a_class_inside_a_function_is_recorded() -> None:
    class Local(Part):
        pass

    again = Local(5, scale=1.0).reinit()

    assert (type(again), again.size, again.scale) == (Local, 5, 1.0)


def test_a_data_class_is_recorded() -> None:
    assert Point(1).reinit() == Point(1, 2)


def test_wrong_arguments_are_refused_as_ever() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'size'"):
        Part()  # type: ignore[call-arg]


def test_a_class_shows_the_signature_of_its_constructor() -> None:
    assert str(inspect.signature(Part)) == "(size: int, *, scale: float = 0.5) -> None"


def test_a_module_that_is_called_keeps_the_signature_of_its_call() -> None:
    assert inspect.signature(Network(2)) == inspect.signature(torch.nn.Linear(1, 1))


def test_a_recorded_module_is_no_part_of_the_one_that_records_it() -> None:
    network = Network(2, torch.nn.PReLU())

    assert [name for name, _ in network.named_parameters()] == ["layer.weight", "layer.bias", "activation.weight"]


@pytest.mark.parametrize("repeat", [copy.copy, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))])  # noqa: S301 - our own
def test_a_copy_can_be_made_afresh(repeat: Callable[[Any], Any]) -> None:
    copied = repeat(Network(4))

    assert copied.reinit().layer.in_features == 4


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, 0.5, "text", [1, [2]], (1, (2, [3])), {"key": {"inner": (1,)}}, {"type": "dtype"},
        Path("folder"), torch.float16, double, Part, Part.__init__,
    ],
)  # fmt: skip
def test_a_record_gives_back_what_was_passed(value: Any, tmp_path: Path) -> None:
    Whole(value).io_dump(tmp_path)

    again = Whole.load(tmp_path)

    assert again.value == value
    assert type(again.value) is type(value)


def test_a_record_gives_back_every_kind_of_argument(tmp_path: Path) -> None:
    Whole(1, 2, dtype=torch.float32, colour="red").io_dump(tmp_path)

    again = Whole.load(tmp_path)

    assert again.arguments == {"value": 1, "more": (2,), "dtype": torch.float32, "named": {"colour": "red"}}


def test_a_record_gives_back_the_subclass(tmp_path: Path) -> None:
    DeepNetwork(3).io_dump(tmp_path)

    assert type(Network.load(tmp_path)) is DeepNetwork


def test_recorded_arguments_are_written_with_it(tmp_path: Path) -> None:
    Whole({"parts": [Part(3, scale=2.0)]}).io_dump(tmp_path)

    [part] = Whole.load(tmp_path).value["parts"]

    assert (part.size, part.scale) == (3, 2.0)


def test_processors_are_written_as_transformers_writes_them(
    starter_dir: Path, text_model_dir: Path, tmp_path: Path
) -> None:
    processor, tokenizer = load_processor(str(starter_dir)), load_processor(str(text_model_dir))
    Whole(processor, Whole(tokenizer)).io_dump(tmp_path)

    again = Whole.load(tmp_path)

    assert isinstance(again.value, LlavaProcessor)
    assert again.value.chat_template == processor.chat_template
    assert isinstance(again.more[0].value, PreTrainedTokenizerBase)
    assert again.more[0].value("seven").input_ids == tokenizer("seven").input_ids


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.zeros(1), "value: Tensor cannot be written"),
        ([1, {"deep": object()}], r"value\.1\.deep: object cannot be written"),
        ({1: 2}, "value: dict cannot be written"),
        (lambda number: number, "<lambda> cannot be found by its name"),
        ([].append, "value: builtin_function_or_method cannot be written"),
        (Whole(Part(1), torch.zeros(1)), r"value\.more\.0: Tensor cannot be written"),
    ],
)
def test_what_cannot_be_written_is_refused_by_its_name(value: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        Whole(value).io_dump(tmp_path / "folder")

    assert not (tmp_path / "folder").exists()


def test_an_object_of_another_class_is_refused(tmp_path: Path) -> None:
    Part(1).io_dump(tmp_path)

    with pytest.raises(ValueError, match="holds a Part, not a Network"):
        Network.load(tmp_path)


def test_an_argument_that_is_gone_is_refused(tmp_path: Path) -> None:
    edited(Part(1), tmp_path, arguments={"size": 1, "weight": 2})

    with pytest.raises(ValueError, match="takes no weight"):
        Part.load(tmp_path)


def test_reading_imports_nothing(tmp_path: Path) -> None:
    edited(Part(1), tmp_path, arguments={"size": {"type": "name", "name": "antigravity:geohash"}})

    with pytest.raises(ValueError, match="import antigravity before reading it"):
        Part.load(tmp_path)

    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("name", ["subprocess:run", "builtins:dict", "trainer_core.models.loading:load_model"])
def test_only_recorded_classes_are_made(name: str, tmp_path: Path) -> None:
    edited(Part(1), tmp_path, **{"class": name})

    with pytest.raises(ValueError, match="no class that can be made"):
        Part.load(tmp_path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"type": "name", "name": "os:path.join"}, "another name of posixpath:join"),
        ({"type": "name", "name": "os:nothing"}, "os:nothing, which is not there"),
        ({"type": "name", "name": "os:environ"}, "os:environ, which is not there"),
        ({"type": "dtype", "name": "load"}, "load, which is not there"),
        ({"type": "processor", "class": "pipeline", "number": 0}, "pipeline, which is no class"),
        ({"type": "pickle"}, "a pickle, which is not known"),
    ],
)
def test_a_record_that_names_anything_else_is_refused(value: Any, message: str, tmp_path: Path) -> None:
    edited(Part(1), tmp_path, arguments={"size": value})

    with pytest.raises(ValueError, match=message):
        Part.load(tmp_path)


def test_no_record_leads_out_of_its_folder(tmp_path: Path) -> None:
    processor = {"type": "processor", "class": "LlavaProcessor", "number": "/../../elsewhere"}
    edited(Part(1), tmp_path, arguments={"size": processor})

    with pytest.raises(ValueError, match="Unknown format code 'd'"):
        Part.load(tmp_path)
