"""What OpenAI's clients ask for when they create a job, and the spec that it becomes.

Whatever is not OpenAI's own stands beside it, in the body or among the hyperparameters: `EXTRAS` of docs/openai.md.
"""

import hashlib
import re
import secrets
from collections.abc import Collection
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from trainer_core.contract.integrations import Wandb
from trainer_core.contract.spec import (
    MAX_METADATA,
    Checkpointing,
    Dpo,
    EarlyStopping,
    Evaluation,
    FullFineTune,
    Hyperparameters,
    Interval,
    JobSpec,
    Lora,
    MetadataKey,
    MetadataValue,
    Objective,
    Part,
    Supervised,
)

SUPERVISED_RATE, PREFERENCE_RATE, FULL_RATE = 1e-4, 5e-6, 1e-5
"""Learning rates that `learning_rate_multiplier` multiplies: of LoRA by method, and of a full fine-tuning."""
MIN_EXAMPLES = 10
_EPOCHS, _MIN_VISITS, _MAX_VISITS, _MAX_AUTO_EPOCHS = 3, 100, 25_000, 25
"""OpenAI's rule for `n_epochs`: three, more for small files so that 100 examples are seen, fewer for large ones."""
_BATCH_PART, _LEAST_BATCH, _MOST_BATCH = 0.002, 4, 256
_MOST_ROWS_AT_ONCE = 8
_KEPT_CHECKPOINTS = 3
_NOT_IN_SUFFIX = re.compile(r"[^A-Za-z0-9_.-]+")
Auto = Literal["auto"]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class Extras(_Asked):
    """What OpenAI's API does not have."""

    lora_rank: Annotated[int, Field(ge=1, le=1024)] | None = None
    lora_alpha: Annotated[int, Field(ge=1, le=4096)] | None = None
    """By default twice the rank."""
    target_modules: Annotated[list[str], Field(min_length=1)] | None = None
    full_fine_tuning: bool | None = None
    """Train every parameter instead of a LoRA."""
    freeze_vision: bool | None = None
    """By default the tower is left as it is."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    """In place of `learning_rate_multiplier`."""
    max_steps: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    eval_steps: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    save_steps: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    early_stopping_patience: Annotated[int, Field(ge=1, le=1000)] | None = None
    precision: Literal["auto", "fp32", "bf16"] | None = None
    priority: Annotated[int, Field(ge=-100, le=100)] | None = None
    hf_revision: Annotated[str, StringConstraints(max_length=128)] | None = None
    from_checkpoint: Annotated[str, StringConstraints(max_length=4096)] | None = None
    """A trained model, or one of its checkpoints, to go on from."""


class SupervisedHyperparameters(Extras):
    """How to learn answers."""

    n_epochs: Auto | Annotated[int, Field(ge=1, le=50)] = "auto"
    batch_size: Auto | Annotated[int, Field(ge=1, le=256)] = "auto"
    learning_rate_multiplier: Auto | Annotated[float, Field(gt=0, le=1000)] = "auto"


class DpoHyperparameters(SupervisedHyperparameters):
    """How to learn preferences."""

    beta: Auto | Annotated[float, Field(gt=0, le=2)] = "auto"


class SupervisedMethod(_Asked):
    """Its hyperparameters."""

    hyperparameters: SupervisedHyperparameters = SupervisedHyperparameters()


class DpoMethod(_Asked):
    """Its hyperparameters."""

    hyperparameters: DpoHyperparameters = DpoHyperparameters()


class Method(_Asked):
    """How to train."""

    type: Literal["supervised", "dpo", "reinforcement"]
    supervised: SupervisedMethod | None = None
    dpo: DpoMethod | None = None
    reinforcement: dict[str, Any] | None = None
    """Refused: there are no graders here."""

    @model_validator(mode="after")
    def _has_no_other(self) -> Self:
        others = {"supervised", "dpo", "reinforcement"} - {self.type}
        if found := sorted(name for name in others if getattr(self, name) is not None):
            raise ValueError(f"type is {self.type}, and {found[0]} would be left unread")
        return self


class WandbRun(_Asked):
    """How a run is called at Weights & Biases."""

    project: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    name: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    entity: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    tags: (
        Annotated[list[Annotated[str, StringConstraints(min_length=1, max_length=64)]], Field(max_length=32)] | None
    ) = None


class Integration(_Asked):
    """Where else metrics are to go."""

    type: Literal["wandb"]
    wandb: WandbRun


class CreateJob(Extras):
    """A new job."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    training_file: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    validation_file: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    suffix: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    metadata: Annotated[dict[MetadataKey, MetadataValue], Field(max_length=MAX_METADATA)] | None = None
    integrations: Annotated[list[Integration], Field(max_length=5)] | None = None
    hyperparameters: SupervisedHyperparameters | None = None
    """As it was before there were methods."""
    method: Method | None = None

    @property
    def sha256(self) -> str:
        """Of what the client has said: a parameter that a later release knows does not make a retry another request."""
        return hashlib.sha256(self.model_dump_json(exclude_unset=True).encode()).hexdigest()

    @property
    def base_model(self) -> str:
        """What is trained."""
        return self.asked.from_checkpoint or self.from_checkpoint or self.model

    @property
    def is_dpo(self) -> bool:
        """True if rows are pairs."""
        return self.method is not None and self.method.type == "dpo"

    @property
    def asked(self) -> DpoHyperparameters:
        """All hyperparameters, wherever they stand."""
        of_method = (self.method.dpo if self.is_dpo else self.method.supervised) if self.method else None
        given = [one for one in (self.hyperparameters, of_method and of_method.hyperparameters) if one]
        values = {name: getattr(self, name) for name in Extras.model_fields if getattr(self, name) is not None}
        for one in given:
            values |= {name: value for name, value in one if value is not None and name in one.model_fields_set}
        return DpoHyperparameters(**values)


def spec_of(body: CreateJob, num_examples: int, offered: Collection[str] = ()) -> JobSpec:
    """The spec of a job on a file with so many examples; every "auto" is settled.

    Args:
        body: What is asked.
        num_examples: Of the training file.
        offered: Kinds of trackers that can be told; others are left out.
    """
    asked = body.asked
    method = _method(asked)
    batch_size = _batch_size(asked.batch_size, num_examples)
    at_once = max(size for size in range(1, min(batch_size, _MOST_ROWS_AT_ONCE) + 1) if batch_size % size == 0)
    return JobSpec(
        base_model=body.base_model,
        revision=asked.hf_revision,
        train_dataset=body.training_file,
        eval_dataset=body.validation_file,
        method=method,
        objective=_objective(body, asked),
        hyperparameters=Hyperparameters(
            num_epochs=_num_epochs(asked.n_epochs, num_examples),
            max_steps=asked.max_steps,
            batch_size=at_once,
            gradient_accumulation_steps=batch_size // at_once,
            learning_rate=_learning_rate(asked, method, is_dpo=body.is_dpo),
            freeze_vision_model=isinstance(method, FullFineTune) and asked.freeze_vision is not False,
            precision=asked.precision or "auto",
        ),
        evaluation=Evaluation(every=_interval(asked.eval_steps), early_stopping=_early_stopping(asked)),
        checkpointing=Checkpointing(every=_interval(asked.save_steps), keep_last=_KEPT_CHECKPOINTS),
        seed=secrets.randbelow(2**31) if body.seed is None else body.seed,
        suffix=_NOT_IN_SUFFIX.sub("-", body.suffix) if body.suffix else None,
        metadata=body.metadata or {},
        priority=asked.priority or 0,
        integrations=tuple(_tracker(one.wandb) for one in body.integrations or () if one.type in offered),
    )


def shown(spec: JobSpec) -> dict[str, int | float]:
    """The hyperparameters of a spec as OpenAI shows them, with what it does not have behind."""
    walk = spec.hyperparameters
    told: dict[str, int | float] = {
        "n_epochs": walk.num_epochs,
        "batch_size": walk.batch_size * walk.gradient_accumulation_steps,
        "learning_rate_multiplier": round(walk.learning_rate / _base_rate(spec), 6),
    }
    if isinstance(spec.objective, Dpo):
        told["beta"] = spec.objective.beta
    told["learning_rate"] = walk.learning_rate
    if walk.max_steps is not None:
        told["max_steps"] = walk.max_steps
    if isinstance(spec.method, Lora):
        told |= {"lora_rank": spec.method.rank, "lora_alpha": spec.method.alpha}
    return told


def _tracker(asked: WandbRun) -> Wandb:
    return Wandb(project=asked.project, name=asked.name, entity=asked.entity, tags=tuple(asked.tags or ()))


def _method(asked: Extras) -> Lora | FullFineTune:
    if asked.full_fine_tuning:
        return FullFineTune()
    rank = asked.lora_rank or Lora().rank
    parts: tuple[Part, ...] = Lora().parts
    if asked.freeze_vision is False:
        parts = ("language_model", "vision_tower", "projector")
    modules = tuple(asked.target_modules) if asked.target_modules else None
    return Lora(rank=rank, alpha=asked.lora_alpha or 2 * rank, parts=parts, target_modules=modules)


def _objective(body: CreateJob, asked: DpoHyperparameters) -> Objective:
    if not body.is_dpo:
        return Supervised()
    return Dpo() if asked.beta == "auto" else Dpo(beta=asked.beta)


def _num_epochs(asked: Auto | int, num_examples: int) -> int:
    if asked != "auto":
        return asked
    if num_examples * _EPOCHS < _MIN_VISITS:
        return min(_MAX_AUTO_EPOCHS, _MIN_VISITS // max(1, num_examples))
    if num_examples * _EPOCHS > _MAX_VISITS:
        return max(1, _MAX_VISITS // num_examples)
    return _EPOCHS


def _batch_size(asked: Auto | int, num_examples: int) -> int:
    if asked != "auto":
        return asked
    return min(_MOST_BATCH, max(_LEAST_BATCH, round(num_examples * _BATCH_PART)))


def _learning_rate(asked: SupervisedHyperparameters, method: Lora | FullFineTune, *, is_dpo: bool) -> float:
    if asked.learning_rate is not None:
        return asked.learning_rate
    multiplier = 1.0 if asked.learning_rate_multiplier == "auto" else asked.learning_rate_multiplier
    return min(1.0, multiplier * _rate(is_dpo=is_dpo, is_full=isinstance(method, FullFineTune)))


def _base_rate(spec: JobSpec) -> float:
    return _rate(is_dpo=isinstance(spec.objective, Dpo), is_full=isinstance(spec.method, FullFineTune))


def _rate(*, is_dpo: bool, is_full: bool) -> float:
    if is_dpo:
        return PREFERENCE_RATE
    return FULL_RATE if is_full else SUPERVISED_RATE


def _interval(steps: int | None) -> Interval:
    return steps or "epoch"


def _early_stopping(asked: Extras) -> EarlyStopping | None:
    return EarlyStopping(patience=asked.early_stopping_patience) if asked.early_stopping_patience else None
