"""What to train: the one class that is request body, stored JSON, trainer input and OpenAPI schema.

The service resolves names to paths before the trainer sees them; the trainer knows paths and hub ids only.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from trainer_core.contract.closed import Closed
from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.integrations import REVISION, Integration, PushToHub

PositiveInt = Annotated[int, Field(gt=0, lt=2**31)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Interval = Literal["epoch"] | PositiveInt
"""How often: at each epoch's end, or every so many optimizer steps."""


Part = Literal["language_model", "vision_tower", "projector"]
"""A part of a model. The projector is what stands between the other two, unless it is inside the tower."""


class FullFineTune(Closed):
    """Train every parameter, but for the parts that the hyperparameters freeze."""

    type: Literal["full"] = "full"


class Lora(Closed):
    """Train low-rank adapters beside frozen weights (Hu et al. 2021), the base model quantised if wanted."""

    type: Literal["lora"] = "lora"
    rank: PositiveInt = 16
    """Width of the adapters: what they can learn, and how much memory they take."""
    alpha: PositiveInt = 32
    """Weight of the adapters, divided by the rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Part of an adapter's inputs that each training step leaves out."""
    rslora: bool = False
    """Scale by alpha/√rank instead of alpha/rank (Kalajdzievski 2023), which high ranks need."""
    dora: bool = False
    """Learn the weights' magnitudes apart from their directions (Liu et al. 2024)."""
    parts: Annotated[tuple[Part, ...], Field(strict=False, min_length=1)] = ("language_model",)
    """Whose linear layers are adapted."""
    target_modules: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] | None = None
    """Names of the linear layers of `parts` to adapt, or their ends, `q_proj` say; None means every one."""
    quantization: Literal["none", "nf4", "int8"] = "none"
    """How the frozen language model is held in memory (bitsandbytes); tower, projector and head never are."""


Method = Annotated[FullFineTune | Lora, Field(discriminator="type")]


class Supervised(Closed):
    """Learn to write the answers of conversations."""

    type: Literal["supervised"] = "supervised"


class Dpo(Closed):
    """Learn to prefer one of two answers: direct preference optimization (Rafailov et al. 2023), sigmoid loss.

    A row is a pair: wherever rows are counted, `batch_size` say, both of its answers are one.
    """

    type: Literal["dpo"] = "dpo"
    beta: Annotated[float, Field(gt=0, le=2)] = 0.1
    """How much it costs to depart from what the model was at first."""


Objective = Annotated[Supervised | Dpo, Field(discriminator="type")]


class HeldOutSplit(Closed):
    """Hold a part of the training rows out for evaluation, chosen by the job's seed."""

    fraction: Annotated[float, Field(gt=0, le=0.5)]
    """Of the training rows; at least one is held out."""


class Hyperparameters(Closed):
    """How the optimizer walks."""

    num_epochs: Annotated[int, Field(gt=0, le=1000)] = 3
    """How often every row is trained on."""
    max_steps: PositiveInt | None = None
    """Stop after so many optimizer steps, even inside an epoch."""
    batch_size: PositiveInt = 8
    """Rows in one forward pass on one device, at most."""
    max_batch_tokens: PositiveInt | None = None
    """Tokens in one forward pass, padding included; long rows then come in smaller batches. A row is never cut."""
    gradient_accumulation_steps: PositiveInt = 1
    """Batches whose gradients make one optimizer step."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-4
    """The highest, which warm-up leads to."""
    vision_learning_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    """Of the image tower; None means `learning_rate`."""
    projector_learning_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    """Of the projector; None means `learning_rate`."""
    learning_rate_schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How the rate comes down to 0 after the warm-up; with constant it stays."""
    warmup_ratio: Fraction = 0.03
    """Part of all steps in which the learning rate rises from 0."""
    weight_decay: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Of AdamW; biases and the scales of norms do not decay."""
    max_grad_norm: Annotated[float, Field(gt=0, le=1e9)] | None = 1.0
    """Longer gradients are shortened to this; None leaves them as they are."""
    optimizer: Literal["adamw", "adamw_8bit"] = "adamw"
    """adamw_8bit keeps its state in a quarter of the memory (bitsandbytes)."""
    neftune_noise_alpha: Annotated[float, Field(gt=0, le=1e6)] | None = None
    """Strength of the noise on the embedded tokens while training (Jain et al. 2023)."""
    gradient_checkpointing: bool = False
    """Compute the language model's activations twice instead of keeping them."""
    train_on: Literal["answers", "last_answer", "everything"] = "answers"
    """Where the loss is taken: every assistant's turn, the last one of a row, or every token but those of images."""
    packing: bool = False
    """Join whole rows into sequences without padding, if a test before the first step shows that it is exact for this
    model; else rows are padded, and an event says so. Wants `max_batch_tokens`, without which `batch_size` rows make a
    sequence."""
    group_by_length: bool = False
    """Put rows of like length into a step, so that less of it is padding; the order stays random otherwise."""
    max_tokens: PositiveInt | None = None
    """Longest row in tokens, image tokens included; a longer row is refused, never cut."""
    freeze_language_model: bool = False
    """Train nothing in it, its head and its adapters included."""
    freeze_vision_model: bool = False
    """Train nothing in the image tower; refused where the model has none."""
    freeze_projector: bool = False
    """Train nothing in the projector; refused where the model has none of its own."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bfloat16 where the device computes in it natively, else float32."""


class Generation(Closed):
    """Have the model write answers to held-out questions, and score them."""

    max_rows: Annotated[int, Field(gt=0, le=1000)] = 200
    """The first so many held-out rows; the last answer of each is asked for."""
    max_new_tokens: Annotated[int, Field(gt=0, le=4096)] = 128
    """Longest answer, in tokens."""
    num_samples: Annotated[int, Field(ge=0, le=50)] = 8
    """Answers that are kept to look at, with question, target and image."""


class EarlyStopping(Closed):
    """End the run once evaluations bring nothing better."""

    patience: PositiveInt = 3
    """Evaluations in a row without improvement."""
    min_delta: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    """Least change that counts as one."""


EvaluationMetric = Literal[
    "loss", "exact_match", "normalised_exact_match", "anls", "token_f1", "json_field_f1", "rewards/accuracies"
]
_NOT_GENERATED = ("loss", "rewards/accuracies")
"""Metrics that need no written answer; the second is measured on pairs."""
LOWER_IS_BETTER: frozenset[EvaluationMetric] = frozenset({"loss"})
"""Of all others a greater value is."""


class Evaluation(Closed):
    """When held-out rows are measured, and how."""

    every: Interval = "epoch"
    """At each epoch's end, or every so many optimizer steps."""
    batch_size: PositiveInt | None = None
    """Rows in one forward pass; None means the training batch size."""
    generation: Generation | None = None
    """Without it the loss alone is measured."""
    metric: EvaluationMetric = "loss"
    """By which the best checkpoint is chosen and early stopping decides; all but loss need `generation`, or pairs."""
    early_stopping: EarlyStopping | None = None
    """Without it every step is trained."""

    @model_validator(mode="after")
    def _metric_is_measured(self) -> Self:
        if self.metric not in _NOT_GENERATED and self.generation is None:
            raise ValueError(f"metric {self.metric!r} is measured on generated answers; set generation")
        return self


class Checkpointing(Closed):
    """When a checkpoint is written, and how many are kept."""

    every: Interval = "epoch"
    """At each epoch's end, or every so many optimizer steps."""
    every_minutes: Annotated[float, Field(gt=0, le=1e6)] | None = 10.0
    """One is written too when so many minutes have passed since the last; None: it does not matter how many."""
    keep_last: PositiveInt = 2
    """The newest so many."""
    keep_best: bool = True
    """Keep the checkpoint of the best evaluation too, where rows are held out."""


class Export(Closed):
    """What the artifact holds."""

    state: Literal["last", "best"] = "last"
    """The state after the last step, or that of the best evaluation."""
    merged: bool = True
    """An adapter comes with a model that it is merged into, the base unquantised."""


class Resources(Closed):
    """What a run may use."""

    gpus: Annotated[int, Field(ge=0, le=64)] | Literal["auto"] = "auto"
    """GPUs that share each step's rows; auto takes one, and the CPU where there is none."""
    cpu_processes: Annotated[int, Field(gt=0, le=64)] = 1
    """Processes that share each step's rows where a run computes on the CPU."""
    shard_model: bool = False
    """Spread weights, gradients and optimizer state over these processes (FSDP2), for models too large for one."""
    num_loader_workers: Annotated[int, Field(ge=0, le=32)] | Literal["auto"] = "auto"
    """Processes that prepare batches; 0 prepares them in the trainer itself, as auto does but for images on a GPU."""
    feature_cache: Literal["auto", "on", "off"] = "auto"
    """Keep what frozen parts make of each image, so that none is looked at twice. auto: where that is exact and pays;
    on: where it is exact."""
    max_runtime_seconds: PositiveInt | None = None
    """Of all attempts together; a job that takes longer fails."""


SWEEP = "sweep"
"""The word of a job's metadata that says which sweep it is of; lists of such jobs are quick at any size."""
MAX_METADATA = 16
"""Pairs."""
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=64)]
MetadataValue = Annotated[str, StringConstraints(max_length=512)]


class JobSpec(Closed):
    """A fine-tuning job, immutable."""

    version: Literal[1] = 1
    base_model: Reference
    """Name of a registered base model, a Hugging Face hub id (`organisation/name`), or a trained model to go on from
    (`ft:…`, with `:ckpt-step-<N>` behind it for a checkpoint)."""
    revision: Annotated[str, StringConstraints(max_length=128, pattern=REVISION)] | None = None
    """Commit, tag or branch of a hub model."""
    train_dataset: Reference
    """Id of an uploaded dataset."""
    eval_dataset: Reference | HeldOutSplit | None = None
    """Id of a dataset to evaluate on, or a part of the training rows to hold out."""
    objective: Objective = Supervised()
    """What the rows teach: `train_dataset` and `eval_dataset` hold conversations, or pairs of answers."""
    method: Method = FullFineTune()
    hyperparameters: Hyperparameters = Hyperparameters()
    evaluation: Evaluation = Evaluation()
    checkpointing: Checkpointing = Checkpointing()
    export: Export = Export()
    resources: Resources = Resources()
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Of all that is drawn by chance: held-out rows, the order of rows, new adapters, dropout."""
    suffix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] | None = None
    """A word of yours, at the beginning of the downloaded archive's name."""
    metadata: Annotated[dict[MetadataKey, MetadataValue], Field(max_length=MAX_METADATA)] = Field(default_factory=dict)
    """Words of yours, up to 16 pairs."""
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    """Higher starts first."""
    integrations: Annotated[tuple[Integration, ...], Field(strict=False, max_length=5)] = ()
    """Trackers that get the job's metrics, of those that the service offers."""
    push_to_hub: PushToHub | None = None
    """Where on the Hugging Face hub the trained model goes."""

    @model_validator(mode="after")
    def _has_revision_of_hub(self) -> Self:
        if self.revision is not None and self.base_model.startswith("ft:"):
            raise ValueError("revision is of a hub model, and a trained model has none")
        return self

    @model_validator(mode="after")
    def _can_be_sharded(self) -> Self:
        is_quantised = isinstance(self.method, Lora) and self.method.quantization != "none"
        if self.resources.shard_model and (is_quantised or self.hyperparameters.optimizer == "adamw_8bit"):
            raise ValueError("resources.shard_model goes neither with a quantised model nor with an 8-bit optimizer")
        return self

    @model_validator(mode="after")
    def _has_one_event_file(self) -> Self:
        if [one.type for one in self.integrations].count("tensorboard") > 1:
            raise ValueError("integrations name tensorboard twice, and a job has one event file")
        return self

    @model_validator(mode="after")
    def _leaves_what_is_pushed(self) -> Self:
        has_merged = isinstance(self.method, Lora) and self.export.merged
        if self.push_to_hub is not None and self.push_to_hub.merged and not has_merged:
            raise ValueError("push_to_hub.merged is for method lora with export.merged: else there is no merged model")
        return self

    @model_validator(mode="after")
    def _goes_with_its_objective(self) -> Self:
        if isinstance(self.objective, Dpo):
            refused = next((why for is_chosen, why in self._not_for_pairs() if is_chosen), None)
            if refused is not None:
                raise ValueError(f"{refused}; leave it out, or set objective to supervised")
        elif self.evaluation.metric == "rewards/accuracies":
            raise ValueError("evaluation.metric 'rewards/accuracies' is measured on pairs; set objective to dpo")
        return self

    def _not_for_pairs(self) -> tuple[tuple[bool, str], ...]:
        """What does not go with pairs of answers: whether it is chosen, and why not."""
        chosen = self.hyperparameters
        return (
            (chosen.packing, "hyperparameters.packing joins rows, and a pair's answers are weighed each by itself"),
            (chosen.train_on == "everything", "hyperparameters.train_on 'everything': a pair differs in its answers"),
            (self.evaluation.generation is not None, "evaluation.generation wants a right answer, which no pair has"),
            (self.resources.shard_model, "resources.shard_model is for objective supervised"),
        )


def read_spec(path: Path) -> JobSpec:
    """The spec in a file.

    Raises:
        TrainerError: There is none.
    """
    try:
        return JobSpec.model_validate_json(path.read_bytes())
    except OSError as error:
        raise TrainerError(FailureCode.INVALID_SPEC, f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise TrainerError(FailureCode.INVALID_SPEC, f"{path} is no JobSpec: {wrong}") from error
