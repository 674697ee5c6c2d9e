"""`HFAutoModelForImageTextToText`: a Hugging Face image-text-to-text model as a LightningModule.

Text models work too. It knows how a model is loaded, scored and saved; what it is trained on, and when it is
evaluated or saved, is for others to say. Labels arrive already shifted: label t is the target of position t.

B rows, T tokens, V words of the vocabulary.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from trainer_core.data.collation import model_inputs
from trainer_core.data.encoding import IGNORED
from trainer_core.models.head import keeps_targets
from trainer_core.models.loading import Processor, load_model, load_processor
from trainer_core.models.parts import freeze
from trainer_core.models.recording import IOMixin
from trainer_core.models.walking import FNMixin

Batch = Mapping[str, Any]
Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]
SKIPPED_TOKENS = frozenset(
    {
        # Qwen-VL
        "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>",
        "<|video_pad|>",
        # LLaVA
        "<image>", "<pad>",
        # Llama 3.2
        "<|begin_of_text|>", "<|end_of_text|>", "<|finetune_right_pad_id|>", "<|step_id|>", "<|start_header_id|>",
        "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>", "<|python_tag|>", "<|image|>",
        # Gemma 3
        "<image_soft_token>",
    }
)  # fmt: skip
"""What `extract_skipped_token_ids` looks for."""


def masked_cross_entropy(logits: Tensor, targets: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean cross-entropy over the positions that have a target and are not masked.

    Args:
        logits: (N, V) or (B, T, V), any float type; the loss is computed in float32.
        targets: (N) or (B, T) int64; -100 has no target.
        mask: Shape of `targets`; positions with 0 are left out.

    Returns:
        A float32 scalar; 0, still part of the graph, where nothing is left.
    """
    targets = targets.reshape(-1)
    if mask is not None:
        targets = targets.masked_fill(mask.reshape(-1) == 0, IGNORED)
    flat = logits.reshape(-1, logits.shape[-1]).float()
    total = cross_entropy(flat, targets, ignore_index=IGNORED, reduction="sum")
    return total / (targets != IGNORED).sum().clamp(min=1)


class HFAutoModelForImageTextToText(IOMixin, FNMixin, pl.LightningModule):
    """Wraps `AutoModelForImageTextToText`, or `AutoModelForCausalLM` for a text model.

    Args:
        model_name: Hub id or folder.
        load_pretrained_weights: False makes the model with random weights.
        processor: Processor to use; by default that of `model_name`, loaded when first asked for.
        loss_fn: `(logits (N, V), targets (N), mask (N) or None) -> scalar`, over the N positions that have a target.
        model_transform: Called with this module once its model is there; it changes the module in place.
        trust_remote_code: Whether code that comes with the model may run.
        default_dtype: Of the weights where the model's config names none.
        load_in_4bit: Hold the language model in nf4; tower, projector and head stay as they are.
        freeze_language_model: Do not train the language model.
        freeze_vision_model: Do not train the image tower.
        **kwargs: For `from_pretrained`, and for making the model with random weights.
    """

    def __init__(
        self,
        model_name: str = "gpt2",
        load_pretrained_weights: bool = True,  # noqa: FBT001, FBT002 - the signature is given
        processor: Processor | None = None,
        loss_fn: Loss = masked_cross_entropy,
        model_transform: Callable[[pl.LightningModule], object] | None = None,
        trust_remote_code: bool = False,  # noqa: FBT001, FBT002
        default_dtype: torch.dtype = torch.bfloat16,
        load_in_4bit: bool = False,  # noqa: FBT001, FBT002
        freeze_language_model: bool = False,  # noqa: FBT001, FBT002
        freeze_vision_model: bool = False,  # noqa: FBT001, FBT002
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.model_name = model_name
        self.load_pretrained_weights = load_pretrained_weights
        self._processor = processor
        self.tokenizer = getattr(processor, "tokenizer", processor)
        self.model: Any = None
        self.loss_fn = loss_fn
        self.model_transform = model_transform
        self.is_hf_model = True
        self.trust_remote_code = trust_remote_code
        self.default_dtype = default_dtype
        self.load_in_4bit = load_in_4bit
        self.freeze_language_model = freeze_language_model
        self.freeze_vision_model = freeze_vision_model
        self.kwargs = kwargs
        self._has_other_places = False
        """True once the model was seen to have other places than those of the tokens (GIT)."""

    @property
    def processor(self) -> Processor:
        """The processor, loaded from `model_name` when first asked for; a text model's is its tokenizer."""
        if self._processor is None:
            try:
                self.processor = self.configure_processor(self.model_name, self.trust_remote_code)
            except AttributeError as error:
                # Torch would take it for this attribute's absence, and hide what is wrong.
                raise RuntimeError(f"the processor of {self.model_name} cannot be loaded: {error}") from error
        assert self._processor is not None
        return self._processor

    @processor.setter
    def processor(self, value: Processor) -> None:
        self._processor = value
        self.tokenizer = getattr(value, "tokenizer", value)

    @staticmethod
    def configure_processor(model_name: str, trust_remote_code: bool = False) -> Processor:  # noqa: FBT001, FBT002
        """Load the processor of a model."""
        return load_processor(model_name, trust_remote_code=trust_remote_code)

    def configure_model(self) -> None:
        """Load the model, freeze what is to be frozen, transform it. Lightning calls it again; it acts once."""
        if self.model is not None:
            return
        self.model = load_model(
            self.model_name,
            pretrained=self.load_pretrained_weights,
            default_dtype=self.default_dtype,
            quantization="nf4" if self.load_in_4bit else "none",
            trust_remote_code=self.trust_remote_code,
            **self.kwargs,
        ).train()
        if self.freeze_language_model or self.freeze_vision_model:
            freeze(self.model, language=self.freeze_language_model, vision=self.freeze_vision_model)
        if self.model_transform is not None:
            self.model_transform(self)
            self.train()  # a transform that calls freeze() leaves evaluation mode behind, and no dropout acts

    def forward(self, batch: Batch) -> Any:
        """Run the model on a batch of its own inputs."""
        return self.model(**batch)

    def training_step(self, batch: Batch, batch_idx: int | None = None) -> Tensor:  # noqa: ARG002
        """The loss of a batch with `labels` (B, T), already shifted, and perhaps `loss_mask` (B, T)."""
        loss = self.loss(batch)
        self.log("train_loss", loss, on_step=True, on_epoch=True, prog_bar=True)
        return loss

    @torch.no_grad()
    def validation_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        """Log the loss of a batch as `val_loss`."""
        self.log("val_loss", self.loss(batch), on_step=True, on_epoch=True, prog_bar=True)

    def inputs_of(self, batch: Batch) -> dict[str, Any]:
        """What of a batch the model is given: not the labels, nor what else is said about it."""
        return {name: value for name, value in model_inputs(batch).items() if name != "loss_mask"}

    def token_logits(self, batch: Batch) -> Tensor:
        """The model's logits at every token, (B, T, V); labels, if there are any, are not shown to it.

        Some models put their image before the tokens and tell of its places too (GIT): those come first.
        """
        logits: Tensor = self.forward(self.inputs_of(batch)).logits
        return logits[:, -batch["input_ids"].shape[1] :] if "input_ids" in batch else logits

    def target_logits(self, batch: Batch, is_target: Tensor) -> Tensor:
        """The model's logits where there is a target, (N, V), from first row to last.

        Most models compute their head there alone.

        Args:
            batch: Of B rows, T tokens.
            is_target: (B, T) bool.
        """
        if self.keeps_targets:
            try:
                kept: Tensor = self.forward({**self.inputs_of(batch), "logits_to_keep": is_target}).logits
            except IndexError:
                self._has_other_places = True
            else:
                return kept
        logits = self.token_logits(batch)
        if logits.shape[:-1] != is_target.shape:
            told = f"{tuple(logits.shape[:-1])} positions, labels for {tuple(is_target.shape)}"
            raise ValueError(f"logits are for {told}")
        return logits[is_target.to(logits.device)]

    @property
    def keeps_targets(self) -> bool:
        """True if the model computes its head only where it is asked to."""
        model = self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model
        return keeps_targets(model) and not self._has_other_places

    def loss(self, batch: Batch) -> Tensor:
        """`loss_fn` of the logits, labels and mask where there is a label; the batch is left as it is."""
        labels, mask = batch["labels"], batch.get("loss_mask")
        if "input_ids" in batch and batch["input_ids"].shape != labels.shape:
            told = f"{tuple(batch['input_ids'].shape)} positions, labels for {tuple(labels.shape)}"
            raise ValueError(f"logits are for {told}")
        is_target = labels != IGNORED
        logits = self.target_logits(batch, is_target)
        chosen = None if mask is None else mask[is_target.to(mask.device)].to(logits.device)
        return self.loss_fn(logits, labels[is_target].to(logits.device), chosen)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW on whatever is trained, so that a bare Lightning `Trainer` works."""
        return torch.optim.AdamW(list(self.trainable_parameters()), lr=1e-5)

    def trainable_parameters(self) -> Iterator[torch.nn.Parameter]:
        """Parameters that are trained."""
        return (parameter for parameter in self.parameters() if parameter.requires_grad)

    def save_pretrained(self, path: str | Path, state_dict: Mapping[str, Tensor] | None = None) -> None:
        """Write model and processor, as `from_pretrained` reads them.

        Args:
            path: Folder to write to.
            state_dict: Weights to write in place of the model's own; a leading `model.` of this module is dropped.

        Raises:
            ValueError: There is no model yet.
        """
        if self.model is None:
            raise ValueError("there is no model to save yet; call configure_model() first")
        weights = None
        if state_dict is not None:
            weights = {name.removeprefix("model."): value for name, value in state_dict.items()}
        self.model.save_pretrained(path, state_dict=weights)
        self.processor.save_pretrained(path)

    @staticmethod
    def extract_skipped_token_ids(tokenizer: Processor | None) -> Tensor:
        """Ids of the known special tokens that a tokenizer, or a processor's, has; int32, perhaps empty."""
        decoder = getattr(getattr(tokenizer, "tokenizer", tokenizer), "added_tokens_decoder", {})
        ids = [token_id for token_id, token in decoder.items() if str(token) in SKIPPED_TOKENS]
        return torch.tensor(sorted(ids), dtype=torch.int32)
