"""Frozen features: what a model makes of each image, computed once and kept, for this run and for others.

They are used only where nothing that makes them is trained, and after they were tried: the logits of some rows must
be those that their pixels give.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import Any

import torch
from pytorch_lightning.utilities import move_data_to_device
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import PreTrainedModel

from trainer_core.contract.events import FeaturesUsed
from trainer_core.data.dataset import EncodedRows
from trainer_core.data.encoding import IMAGE_KEYS
from trainer_core.data.pixels import Unit, keys_of, without_pixels
from trainer_core.models.fingerprint import description
from trainer_core.models.parts import weights_that_see
from trainer_core.models.sight import Features, Sight, in_place_of_pixels, look
from trainer_core.training.ahead import Ahead
from trainer_core.training.feature_store import FeatureStore, InMemory, bytes_of
from trainer_core.training.parking import Parking


@dataclass(frozen=True)
class Images:
    """The images of a run: the rows that have them, and where their features are kept."""

    rows: Sequence[EncodedRows]
    """To train on, and those to evaluate on."""
    store: FeatureStore
    coming: Callable[[], Iterable[Sequence[int]]] = tuple
    """Numbers of the samples to train on next, step by step."""
    num_processes: int = 0
    """That prepare images ahead."""

    @classmethod
    def of(
        cls,
        train_rows: EncodedRows,
        eval_rows: EncodedRows | None,
        store: FeatureStore | None,
        loader: DataLoader[Any],
    ) -> "Images":
        """Those of a run; without a store their features are in memory, for this run alone.

        Args:
            loader: Of the rows to train on.
        """
        rows = [train_rows] if eval_rows is None else [train_rows, eval_rows]
        return cls(rows, store or InMemory.of_free_memory(), partial(_coming, loader), loader.num_workers)

    def next(self, unit: Unit) -> list[str]:
        """Keys of units in the order in which rows to train on ask for them."""
        rows = self.rows[0]
        return list(dict.fromkeys(key for step in self.coming() for index in step for key in rows.keys(index, unit)))

    def uses(self, unit: Unit) -> Counter[str]:
        """How often each unit is there, by its key."""
        return sum((rows.image_uses[unit] for rows in self.rows), Counter())

    def inputs(self, key: str) -> Mapping[str, Tensor]:
        """What the processor makes of a unit."""
        return next(rows for rows in self.rows if rows.has_unit(key)).image_inputs(key)


def _coming(loader: DataLoader[Any]) -> Iterator[list[int]]:
    rows: Any = loader.dataset
    # More steps than an epoch has, in which every row comes once.
    for step in islice(loader.batch_sampler or (), len(rows)):
        yield [number for index in step for number in rows.samples_of(index)]


class FrozenFeatures:
    """Gives features for batches.

    Args:
        model: Makes them.
        sight: Which of them it reads.
        unit: What is computed at once.
        images: What they are made of, and where they are kept.
        maker: Names all that features depend on beside the image.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        sight: Sight,
        unit: Unit,
        images: Images,
        maker: str,
    ) -> None:
        self._model = model
        self._device = model.device
        """As it is now: a part of the model may leave it."""
        self._sight = sight
        self.unit = unit
        self._images = images
        self._store = images.store
        self._maker = maker
        self._ahead: Ahead | None = None
        self._parking: Parking | None = None
        self._has_no_parking = False
        self._num_read = self._num_computed = 0
        self._seconds_reading = self._seconds_computing = 0.0
        self._bytes_by_key: dict[str, int] = {}
        self._missing: set[str] | None = None
        for rows in images.rows:
            rows.leave_pixels()

    def in_place_of_pixels(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """A batch with `mm_encoder_outputs`, which are on the model's device already."""
        units = [move_data_to_device(self._of(key), self._device) for key in keys_of(batch, "image")]
        bare = {name: value for name, value in without_pixels(batch).items() if name != IMAGE_KEYS}
        return in_place_of_pixels(self._model, bare, self._sight.joined(units))

    def _of(self, key: str) -> Features:
        """Features of one unit: those that are kept, or made now."""
        begun_at = time.monotonic()
        named = self._named(key)
        found = self._store.get(named)
        if found is None:
            found = self._made(key)
            self._store.put(named, found)
            is_kept = self._store.has(named)
            self._num_computed += 1
            self._seconds_computing += time.monotonic() - begun_at
        else:
            is_kept = True
            self._num_read += 1
            self._seconds_reading += time.monotonic() - begun_at
        self._bytes_by_key[key] = num_bytes(found)
        if is_kept:
            self._not_kept().discard(key)
        return found

    def take(self, features: Mapping[str, Features]) -> None:
        """Keep features that were made already, by unit."""
        for key, found in features.items():
            self._store.put(self._named(key), found)
        self._missing = None

    def used(self) -> FeaturesUsed:
        """What it was good for to keep them, so far."""
        each = self._seconds_computing / self._num_computed if self._num_computed else 0.0
        return FeaturesUsed(
            num_read=self._num_read,
            num_computed=self._num_computed,
            num_bytes=sum(self._bytes_by_key.values()),
            seconds_saved=max(0.0, self._num_read * each - self._seconds_reading),
        )

    @property
    def share_read(self) -> float | None:
        """How many of the units so far were read, as a part of all; None before the first."""
        num_units = self._num_read + self._num_computed
        return self._num_read / num_units if num_units else None

    def num_kept(self) -> int:
        """Units that need not be computed any more."""
        return len(self._images.uses(self.unit)) - len(self._not_kept())

    def look_ahead(self) -> None:
        """Have images that are not kept prepared by other processes; those begin now, or never."""
        if self._ahead is None:
            missing, images = self._not_kept(), self._images
            keys = [key for key in images.next(self.unit) if key in missing] if images.num_processes else []
            self._ahead = Ahead(images.inputs, keys, images.num_processes, lambda key: not self._has(key))

    def settle(self) -> int:
        """Once every unit is kept, let what sees leave the device: so many bytes, 0 if it had left, or cannot."""
        if self._not_kept() or self._has_no_parking:
            return 0
        is_new = self._parking is None
        self._parking = self._parking or self._find_parking()
        self._has_no_parking = self._parking is None
        if self._parking is None or self._parking.is_parked:
            return 0
        self._parking.park()
        return self._parking.num_bytes if is_new else 0

    def unpark(self) -> None:
        """Have what sees on the device, for rows that come with pixels."""
        if self._parking is not None and self._parking.is_parked:
            self._parking.unpark()

    def _made(self, key: str) -> Features:
        self.unpark()
        inputs = self._ahead.take(key) if self._ahead else None
        found = move_data_to_device(dict(inputs or self._images.inputs(key)), self._device)
        return self._sight.features(look(self._model, found))

    def _has(self, key: str) -> bool:
        return self._store.has(self._named(key))

    def _named(self, key: str) -> str:
        return sha256(f"{self._maker} {self.unit} {key}".encode()).hexdigest()

    def _not_kept(self) -> set[str]:
        if self._missing is None:
            self._missing = {key for key in self._images.uses(self.unit) if not self._has(key)}
        return self._missing

    def _find_parking(self) -> Parking | None:
        """Weights and their copies in the store, where these can be kept."""
        if not self._store.is_on_disk:
            return None
        weights, name = weights_that_see(self._model), sha256(f"{self._maker} weights".encode()).hexdigest()
        if (mapped := self._store.get(name)) is None:
            self._store.put(name, {key: weight.detach() for key, weight in weights.items()})
            mapped = self._store.get(name)
        return None if mapped is None else Parking(weights, mapped)


def num_bytes(features: Any) -> int:
    """Of all tensors in features."""
    if isinstance(features, Tensor):
        return features.nbytes
    return sum(map(num_bytes, features.values() if isinstance(features, dict) else features))


def maker_of(model: PreTrainedModel, processor: Any, computed_in: torch.dtype) -> str:
    """Names all that features depend on beside the image: weights, processor, precision, kind of device, versions."""
    told = description(model, processor)
    for name in ("text_config", "transformers_version", "dtype"):
        told["config"].pop(name, None)
    digest = sha256(json.dumps([str(computed_in), told], sort_keys=True, default=str).encode())
    for name, weight in weights_that_see(model).items():
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        digest.update(bytes_of(weight.detach().cpu()))
    return digest.hexdigest()
