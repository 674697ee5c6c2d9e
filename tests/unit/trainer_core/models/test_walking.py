"""Trees of modules: asked, walked over, changed and frozen."""

from typing import Any

import pytest
import torch
from bitsandbytes.nn import Params4bit
from torch import nn

from trainer_core.models.walking import FNMixin


class Tree(nn.Module, FNMixin):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.rest = nn.Sequential(nn.Linear(2, 2), nn.Dropout())


class Tied(nn.Module, FNMixin):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(2, 2)
        self.same = self.one
        self.lists = nn.ModuleDict({"only": self.one, "all": nn.ModuleList([self.one])})


@pytest.fixture
def tree() -> Tree:
    return Tree()


def is_module(module: nn.Module) -> bool:
    return isinstance(module, nn.Module)


def is_tree(module: nn.Module) -> bool:
    return isinstance(module, Tree)


def test_forall_asks_every_module(tree: Tree) -> None:
    asked: list[nn.Module] = []

    holds = tree.forall(lambda module: asked.append(module) or True, recurse=True)  # type: ignore[func-returns-value]

    assert holds
    assert asked == list(tree.modules())


def test_forall_is_false_if_one_module_says_no(tree: Tree) -> None:
    assert not tree.forall(is_tree, recurse=True)


def test_forall_asks_the_tree_alone_unless_told_to_go_on(tree: Tree) -> None:
    assert tree.forall(is_tree)


def test_forall_takes_an_answer_of_any_kind(tree: Tree) -> None:
    assert tree.forall(lambda _: torch.tensor(1)) is True


def test_map_puts_what_it_gets_in_place(tree: Tree) -> None:
    mapped = tree.map(lambda module: nn.Identity() if isinstance(module, nn.Linear) else module)

    assert mapped is tree
    assert [type(module) for module in tree.modules()] == [Tree, nn.Identity, nn.Sequential, nn.Identity, nn.Dropout]


def test_map_returns_what_replaces_the_tree(tree: Tree) -> None:
    replacement = nn.Identity()

    assert tree.map(lambda module: replacement if module is tree else module) is replacement


def test_map_changes_leaves_in_place(tree: Tree) -> None:
    def fill(module: nn.Module) -> nn.Module:
        for parameter in module.parameters(recurse=False):
            nn.init.ones_(parameter)
        return module

    tree.map(fill, leaf_only=True)

    assert all(bool((parameter == 1).all()) for parameter in tree.parameters())


def test_map_keeps_what_is_tied_together_tied() -> None:
    tied = Tied()

    tied.map(lambda module: nn.Linear(2, 2) if isinstance(module, nn.Linear) else module)

    lists: Any = tied.lists
    assert tied.one is tied.same is lists["only"] is lists["all"][0]


def test_map_does_not_visit_what_it_has_put_in(tree: Tree) -> None:
    linear = tree.first

    tree.map(lambda module: nn.Sequential(module, nn.Linear(2, 2)) if isinstance(module, nn.Linear) else module)

    wrapped: Any = tree.first
    assert wrapped[0] is linear
    assert type(wrapped[1]) is nn.Linear


def test_map_changes_what_stands_inside_a_replacement(tree: Tree) -> None:
    def wrapped(module: nn.Module) -> nn.Module:
        return nn.Sequential(module) if type(module) is nn.Sequential else nn.Identity()

    mapped: Any = tree.rest
    tree.map(lambda module: module if module is tree else wrapped(module))

    assert next(tree.rest.children()) is mapped
    assert [type(module) for module in mapped.children()] == [nn.Identity, nn.Identity]


def test_walk_visits_parents_first(tree: Tree) -> None:
    visited: list[nn.Module] = []

    tree.walk(visited.append)

    assert visited == list(tree.modules())


def test_walk_visits_only_leaves_if_told_so(tree: Tree) -> None:
    visited: list[nn.Module] = []

    tree.walk(visited.append, leaf_only=True)

    assert visited == [tree.first, tree.rest[0]]


def test_walk_with_a_function_that_returns_nothing_changes_nothing(tree: Tree) -> None:
    before = list(tree.modules())

    tree.walk(lambda _: None)

    assert list(tree.modules()) == before


def test_walk_tells_the_place_to_who_takes_it(tree: Tree) -> None:
    places: list[tuple[str, str, int]] = []

    def note(module: nn.Module, name: str = "", prefix: str = "", i: int = 0) -> nn.Module:
        places.append((prefix, name, i))
        return module

    tree.walk(note)

    assert places == [("", "", 0), ("", "first", 0), ("", "rest", 1), ("rest", "0", 0), ("rest", "1", 1)]


def test_freeze_excludes_everything_and_evaluates(tree: Tree) -> None:
    frozen = tree.freeze()

    assert frozen is tree
    assert not any(parameter.requires_grad for parameter in tree.parameters())
    assert not any(module.training for module in tree.modules())


def test_unfreeze_undoes_it(tree: Tree) -> None:
    thawed = tree.freeze().unfreeze()

    assert thawed is tree
    assert all(parameter.requires_grad for parameter in tree.parameters())
    assert all(module.training for module in tree.modules())


def test_quantised_weights_stay_frozen(tree: Tree) -> None:
    tree.first.weight = Params4bit(torch.zeros(2, 1, dtype=torch.uint8), requires_grad=False)

    tree.unfreeze()

    trained = [name for name, parameter in tree.named_parameters() if parameter.requires_grad]
    assert trained == ["first.bias", "rest.0.weight", "rest.0.bias"]
