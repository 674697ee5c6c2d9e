"""Sweeps: one spec at many points of its hyperparameters, each an ordinary job that names the sweep in its metadata."""

import hashlib
import json
import math
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from client.assignments import split, value_of
from client.errors import UnreadableInput
from client.specs import DATASETS
from client.views import Job, Series
from trainer_core.contract.manifest import sha256_of
from trainer_core.contract.spec import LOWER_IS_BETTER, SWEEP

POINT = "sweep_point"
Values = Mapping[str, Any]
"""Of a point, by the path of their field: `hyperparameters.learning_rate`."""


@dataclass(frozen=True)
class Axis:
    """A field of the spec, and what it may be."""

    path: str
    values: tuple[Any, ...] = ()
    bounds: tuple[float, float] | None = None
    is_logarithmic: bool = False

    @classmethod
    def of_values(cls, given: str) -> "Axis":
        """`path=a,b,c`, each JSON, or else a word.

        Raises:
            UnreadableInput: It is not of this form.
        """
        path, values = split(given, "PATH=VALUE,VALUE,…")
        return cls(path, tuple(value_of(one) for one in values.split(",")))

    @classmethod
    def of_bounds(cls, given: str, *, is_logarithmic: bool) -> "Axis":
        """`path=low:high`.

        Raises:
            UnreadableInput: It is not of this form, or the bounds are no interval.
        """
        path, bounds = split(given, "PATH=LOW:HIGH")
        try:
            low, high = (float(one) for one in bounds.split(":"))
        except ValueError as error:
            raise UnreadableInput(f"{given!r} is not of the form PATH=LOW:HIGH") from error
        if not (math.isfinite(low) and low < high < math.inf and (low > 0 or not is_logarithmic)):
            raise UnreadableInput(f"{given!r} names no interval{', above 0' if is_logarithmic else ''}")
        return cls(path, bounds=(low, high), is_logarithmic=is_logarithmic)

    def drawn(self, chance: random.Random) -> Any:
        """One of its values, by chance."""
        if self.bounds is None:
            return chance.choice(self.values)
        low, high = self.bounds
        if self.is_logarithmic:
            return math.exp(chance.uniform(math.log(low), math.log(high)))
        return chance.uniform(low, high)


def grid(axes: Sequence[Axis]) -> list[Values]:
    """Every combination of their values."""
    return [
        dict(zip((axis.path for axis in axes), values, strict=True))
        for values in product(*(axis.values for axis in axes))
    ]


def drawn(axes: Sequence[Axis], num_points: int, seed: int) -> list[Values]:
    """So many points by chance; the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    return [{axis.path: axis.drawn(chance) for axis in axes} for _ in range(num_points)]


def at_point(spec: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """The spec with these values in it."""
    changed = deepcopy(dict(spec))
    for path, value in values.items():
        *parents, field = path.split(".")
        place = changed
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise UnreadableInput(f"{path} is not in the spec: its {parent} holds no fields")
        place[field] = value
    return changed


def is_at(spec: Mapping[str, Any], values: Values) -> bool:
    """True if a spec has these values."""
    there = dict(_flat(spec))
    return all(there.get(path) == value for path, value in _flat(at_point({}, values)))


def checked_name(name: str) -> str:
    """A name that was given to a sweep.

    Raises:
        UnreadableInput: It would not do as the name of a request.
    """
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name):
        raise UnreadableInput(f"{name!r} is no name of a sweep: up to 64 letters, digits, dots, dashes, underscores")
    return name


def name_of(spec: Mapping[str, Any], points: Sequence[Values]) -> str:
    """The same for the same sweep, whose rows are the same too."""
    files = [spec[name] for name in DATASETS if isinstance(spec.get(name), str)]
    rows = [sha256_of(Path(one)) for one in files if Path(one).is_file()]
    told = json.dumps([spec, points, rows], sort_keys=True)
    return f"sweep-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def marked(spec: Mapping[str, Any], sweep_id: str, number: int) -> dict[str, Any]:
    """The spec of a child: its metadata says whose it is."""
    return {**spec, "metadata": {**spec.get("metadata", {}), SWEEP: sweep_id, POINT: str(number)}}


def numbers(jobs: Iterable[Job]) -> dict[int, Job]:
    """Children by the number of their point; jobs that only share the word with them are left out."""
    told = ((job.spec["metadata"].get(POINT, ""), job) for job in jobs)
    return {int(number): job for number, job in told if number.isdecimal()}


def differences(jobs: Sequence[Job]) -> list[Values]:
    """For each job the fields in which not all are alike."""
    flat = [dict(_flat(job.spec)) for job in jobs]
    paths = [path for path in dict.fromkeys(path for one in flat for path in one) if not path.startswith("metadata.")]
    unlike = [path for path in paths if len({json.dumps(one.get(path)) for one in flat}) > 1]
    return [{path: one.get(path) for path in unlike} for one in flat]


@dataclass(frozen=True)
class Goal:
    """By which number of a job's series the best one is found."""

    series: str
    is_falling: bool

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> "Goal":
        """That of the spec's evaluation; without held-out rows, the loss of the last step."""
        metric = (spec.get("evaluation") or {}).get("metric", "loss")
        name = f"eval_{metric}" if spec.get("eval_dataset") else "loss"
        return cls(name, is_falling=metric in LOWER_IS_BETTER or name == "loss")

    def value(self, series: Series) -> float | None:
        """What a job has come to."""
        if not series.values:
            return None
        if self.series == "loss":
            return series.values[-1]
        return min(series.values) if self.is_falling else max(series.values)

    def best(self, values: Mapping[str, float]) -> str | None:
        """Whose value is the best."""
        if not values:
            return None
        return min(values, key=lambda one: values[one] if self.is_falling else -values[one])


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}" if path else name)
    else:
        yield path, value
