"""What is known about a job before it trains: its rows, its lengths, its size, and rows as the model will read them."""

from typing import Annotated

from pydantic import Field

from trainer_core.contract.closed import Closed
from trainer_core.contract.dataset import DatasetFault
from trainer_core.contract.errors import FailureCode


class Problem(Closed):
    """Why the job would fail."""

    code: Annotated[FailureCode, Field(strict=False)]
    message: str
    faults: Annotated[tuple[DatasetFault, ...], Field(strict=False)] = ()
    """The first faults of the rows, where the code is invalid_dataset."""


class Lengths(Closed):
    """How long samples are, in tokens, images included."""

    shortest: int
    median: int
    p95: int
    longest: int
    total: int


class RowsReport(Closed):
    """What is in a dataset, as this model reads it."""

    num_rows: int
    num_samples: int
    """More than rows where the chat template makes a sample of each answer; a pair is one."""
    num_images: int
    tokens: Lengths
    """Of samples; of a pair, of its conversation with each of the answers."""
    num_image_tokens: int
    """Of all tokens, those that stand for images."""
    num_supervised_tokens: int
    """Tokens that the loss is taken on."""
    num_shrunk_images: int
    """Images made smaller so that their row fits."""
    num_duplicates: int
    """Rows that another row of the same dataset repeats."""


class MemoryEstimate(Closed):
    """Bytes that the trainer needs on its device at its worst batch."""

    weights_bytes: int
    adapter_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    activation_bytes: int
    logits_bytes: int
    total_bytes: int
    device_bytes: int | None
    """What the device has; None where it is not known."""

    @property
    def least_bytes(self) -> int:
        """What no smaller batch can spare."""
        return self.weights_bytes + self.adapter_bytes + self.gradient_bytes + self.optimizer_bytes

    @property
    def fits(self) -> bool:
        """True unless it is known that the device is too small."""
        return self.device_bytes is None or self.total_bytes <= self.device_bytes


class Estimate(Closed):
    """What the job will take."""

    num_parameters: int
    num_trainable_parameters: int
    steps_per_epoch: int
    total_steps: int
    memory: MemoryEstimate
    disk_bytes: int
    """Checkpoints that are kept, and the artifact."""
    flops: float
    """Operations of the whole training."""
    seconds: float | None = None
    """Training time at the pace of earlier jobs of this service; None before the first one has ended."""


class PreviewPiece(Closed):
    """Neighbouring tokens that are treated alike."""

    text: str
    is_trained: bool


class PreviewImage(Closed):
    """An image as the model sees it."""

    width: int
    height: int
    used_width: int
    """After it was made smaller to fit its row; the model's processor may resize it further."""
    used_height: int
    num_tokens: int
    pixels_kept: float
    """Part of the picture's pixels that the processor's output holds; small text is lost where it is far below 1."""


class PreviewSample(Closed):
    """A sample, rendered."""

    line: int
    num_tokens: int
    num_supervised_tokens: int
    pieces: Annotated[tuple[PreviewPiece, ...], Field(strict=False)]
    """All of its text in order; runs of image tokens are written as `<image*64>`."""
    images: Annotated[tuple[PreviewImage, ...], Field(strict=False)]


class JobReport(Closed):
    """Everything that was found out about a job without training it."""

    is_valid: bool
    problem: Problem | None = None
    warnings: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """What a person should look at; the job runs nonetheless."""
    train: RowsReport | None = None
    evaluation: RowsReport | None = None
    num_leaked_rows: int = 0
    """Evaluation rows that are in the training rows too."""
    estimate: Estimate | None = None
    preview: Annotated[tuple[PreviewSample, ...], Field(strict=False)] = ()
    """The first samples."""
    base_commit: str | None = None
    """Of a hub model: what its revision means now, and every attempt of the job will read."""
    seconds: float = 0.0
    """How long finding this out took."""
