"""One evaluation: the loss on all held-out rows and what goes with it, and answers to the first of them, scored."""

import base64
import time
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any, Self, TypeVar

import pytorch_lightning as pl
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from trainer_core.contract.events import Prediction
from trainer_core.contract.spec import Generation, JobSpec
from trainer_core.data.dataset import EncodedRows
from trainer_core.data.pairing import Rows
from trainer_core.training import ranks
from trainer_core.training.devices import Device
from trainer_core.training.fine_tuning import FineTuning
from trainer_core.training.generation import Question, answers, questions, stop_ids
from trainer_core.training.lightning import eval_loader
from trainer_core.training.room import in_room
from trainer_core.training.scores import Scores, mean_scores, score
from trainer_core.training.stopping import StopRequest

T = TypeVar("T")
_THUMBNAIL_PIXELS = 128


@dataclass(frozen=True)
class Measured:
    """What an evaluation came to."""

    loss: float
    """Mean over all supervised tokens, or pairs; not finite where the model's is not."""
    seconds: float
    scores: dict[str, float]
    num_generated: int
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True)
class _Answer:
    index: int
    target: str
    output: str
    scores: Scores


class Evaluator:
    """Measures a model on held-out rows."""

    def __init__(self, loader: DataLoader[Any], rows: Rows, generation: Generation | None) -> None:
        self._loader = loader
        self._rows = rows
        self._generation = generation
        self._questions: list[Question] | None = None

    @classmethod
    def of(cls, spec: JobSpec, rows: Rows, device: Device) -> Self:
        """What the spec measures on these rows."""
        return cls(eval_loader(spec, rows, device), rows, spec.evaluation.generation)

    @property
    def forks(self) -> bool:
        """True if its rows come from processes of their own."""
        return self._loader.num_workers > 0

    @property
    def num_rows(self) -> int:
        """Held-out samples, or pairs."""
        return len(self._rows)

    @property
    def _samples(self) -> EncodedRows:
        assert isinstance(self._rows, EncodedRows)  # of pairs, no answers are asked for
        return self._rows

    def measure(self, trainer: pl.Trainer, module: FineTuning, stop: StopRequest) -> Measured | None:
        """Everything the spec asks for; None as soon as the run is asked to end."""
        begun_at = time.monotonic()
        module.eval()
        try:
            with torch.no_grad(), trainer.precision_plugin.val_step_context():
                loss, *others = self._means(module, stop)
                found = in_room(module.decisions.evaluation_room, partial(self._answered, module, stop))
        finally:
            module.train()
        if stop.ends_now:
            return None
        num_samples = self._generation.num_samples if self._generation else 0
        return Measured(
            loss=loss,
            seconds=time.monotonic() - begun_at,
            scores=dict(zip(module.measures, others, strict=True)) | mean_scores([answer.scores for answer in found]),
            num_generated=len(found),
            predictions=tuple(self._prediction(answer) for answer in found[:num_samples]),
        )

    def _means(self, module: FineTuning, stop: StopRequest) -> list[float]:
        """Of the loss, and of what else the module measures."""
        summed = torch.zeros(1 + len(module.measures) + 1, dtype=torch.float64)
        for rows in self._loader:
            if stop.ends_now:
                break
            summed += in_room(module.decisions.evaluation_room, partial(module.sums, rows))
        *totals, count = ranks.total(summed.to(module.device)).tolist()
        return [total / max(count, 1) for total in totals]

    def _answered(self, module: FineTuning, stop: StopRequest) -> list[_Answer]:
        """What the model answers to the held-out questions, in their order, if the spec asks for it."""
        chosen = self._generation
        if chosen is None:
            return []
        tokenizer: Any = module.tokenizer
        if module.features is not None:
            module.features.unpark()  # questions come with their pixels
        if self._questions is None:
            self._questions = questions(self._samples, chosen.max_rows)
        written = answers(
            module.base,
            self._questions,
            batch_size=1 if module.decisions.is_row_by_row else module.decisions.evaluation_room.batch_size,
            max_new_tokens=chosen.max_new_tokens,
            stop_ids=stop_ids(tokenizer, module.base, [one.target for one in self._questions]),
        )
        found = []
        for question, ids in written:
            if stop.ends_now:
                break
            target, output = _text(tokenizer, question.target), _text(tokenizer, ids)
            found.append(_Answer(question.index, target, output, score(target, output)))
        return sorted(found, key=lambda answer: answer.index)

    def _prediction(self, answer: _Answer) -> Prediction:
        return Prediction(
            line=self._samples.line(answer.index).number,
            question=self._samples.question(answer.index),
            target=answer.target,
            output=answer.output,
            scores=mean_scores([answer.scores]),
            thumbnails=tuple(_thumbnail(image) for image in self._samples.images(answer.index)),
        )


def _text(tokenizer: Any, ids: Tensor) -> str:
    text: str = tokenizer.decode(ids.tolist(), skip_special_tokens=True)
    return text.strip()


def _thumbnail(image: Image.Image) -> str:
    small = image.copy()
    small.thumbnail((_THUMBNAIL_PIXELS, _THUMBNAIL_PIXELS))
    encoded = BytesIO()
    small.save(encoded, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.getvalue()).decode()}"
