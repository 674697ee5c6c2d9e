"""A model that is loaded answers chats, piece by piece as it writes them."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from trainer_core.contract.chat import Answered, Chat, RefusalCode, Sampling
from trainer_core.contract.sources import ModelSource
from trainer_core.data.asking import Asked, Asking, NotAsked
from trainer_core.data.collation import collate
from trainer_core.models.assembly import assemble, hub_state
from trainer_core.models.loading import context_tokens, load_processor, required_inputs
from trainer_core.training.failures import loading
from trainer_core.training.generation import stop_ids

_MOST_NEW_TOKENS = 4096
"""Of an answer whose length nobody has limited."""
_UNFINISHED = "\ufffd"
"""What a tokenizer writes for the beginning of a character."""

Tell = Callable[[str], None]


class Answering:
    """One model.

    Raises:
        TrainerError: It cannot be loaded.
    """

    def __init__(self, source: ModelSource) -> None:
        name, state = source.base_model, hub_state(source)
        device, dtype = _device()
        with loading(name):
            processor = load_processor(name, **state)
            self._context = context_tokens(name, **state)
            self._asking = Asking(processor, self._context, required_inputs(name, **state))
            model: Any = assemble(source, dtype)
            self._model = model.to(device).eval()
        self._tokenizer: Any = getattr(processor, "tokenizer", processor)

    def answer(self, chat: Chat, tell: Tell, is_wanted: Callable[[], bool]) -> Answered:
        """Answer a chat.

        Args:
            chat: What is asked.
            tell: Is given the text, piece by piece.
            is_wanted: Asked before each token; the answer ends with False.

        Raises:
            NotAsked: The model cannot be asked this.
        """
        asked = self._asking(chat.messages)
        stops = stop_ids(self._tokenizer, self._model, [asked.answer])
        writer = Writer(self._tokenizer, chat.sampling.stop, stops, tell)
        how = {**_how(chat.sampling), "max_new_tokens": self._room(asked, chat.sampling), "eos_token_id": stops}
        how |= {"pad_token_id": stops[0]} if stops else {}
        ends = StoppingCriteriaList([lambda ids, _: _each(ids, is_true=writer.has_ended or not is_wanted())])
        _seed(chat.sampling.seed)
        try:
            with torch.no_grad():
                self._model.generate(**self._inputs(asked), **how, streamer=writer, stopping_criteria=ends)
        except TypeError as error:  # a way to write of its own, which takes other arguments
            raise NotAsked(RefusalCode.MODEL_UNUSABLE, f"the model cannot write as others do: {error}") from error
        writer.flush()
        is_whole = writer.has_ended or not is_wanted()
        return Answered(
            finish_reason="stop" if is_whole else "length",
            num_prompt_tokens=asked.num_tokens,
            num_new_tokens=writer.num_tokens,
        )

    def _room(self, asked: Asked, sampling: Sampling) -> int:
        left = _MOST_NEW_TOKENS if self._context is None else self._context - asked.num_tokens
        if left < (sampling.max_new_tokens or 1):
            answer = f"{sampling.max_new_tokens or 1} for its answer"
            told = f"the chat has {asked.num_tokens} tokens, images included, and {answer} are asked for"
            raise NotAsked(RefusalCode.CONTEXT_LENGTH_EXCEEDED, f"{told}; this model reads {self._context} at most")
        return sampling.max_new_tokens or min(left, _MOST_NEW_TOKENS)

    def _inputs(self, asked: Asked) -> dict[str, Tensor]:
        moved = {name: value.to(self._model.device) for name, value in collate([asked.prompt], 0).items()}
        dtype = self._model.dtype
        return {name: value.to(dtype) if value.is_floating_point() else value for name, value in moved.items()}


class Writer(BaseStreamer):
    """Makes text of tokens, and tells what cannot change any more: no half character, and no beginning of a stop text.

    Args:
        tokenizer: The model's own.
        stops: Texts that end the answer.
        stop_ids: Tokens that do.
        tell: Is given the text.
    """

    def __init__(self, tokenizer: Any, stops: Sequence[str], stop_ids: Sequence[int], tell: Tell) -> None:
        self._tokenizer = tokenizer
        self._stops = stops
        self._stop_ids = frozenset(stop_ids)
        self._tell = tell
        self._ids: list[int] | None = None
        self._begun = self._read = 0
        """Tokens between these are told, and decoded again: some tokenizers write a token by the one before."""
        self._held = ""
        self.has_ended = False
        """True once a stop text or token has come."""

    @property
    def num_tokens(self) -> int:
        """Of the answer so far, its stop token included."""
        return len(self._ids or ())

    def put(self, value: Tensor) -> None:
        """Take the next token; what comes first is the question."""
        if self._ids is None:
            self._ids = []
        elif not self.has_ended:  # the model stops a token or two later
            self._take(int(value))

    def end(self) -> None:
        """Nothing more comes."""

    def flush(self) -> None:
        """Tell what was held back."""
        if not self.has_ended:
            self._add(self._decode(self._begun, self.num_tokens)[len(self._decode(self._begun, self._read)) :])
        if self._held:
            self._tell(self._held)
        self._held = ""

    def _take(self, token: int) -> None:
        assert self._ids is not None
        self._ids.append(token)
        if token in self._stop_ids:
            self.has_ended = True
            return
        before, text = self._decode(self._begun, self._read), self._decode(self._begun, self.num_tokens)
        if len(text) > len(before) and not text.endswith(_UNFINISHED):
            self._begun, self._read = self._read, self.num_tokens
            self._add(text[len(before) :])

    def _add(self, text: str) -> None:
        self._held += text
        ends = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if ends:
            self._held, self.has_ended = self._held[: min(ends)], True
            return
        num_kept = max((_overlap(self._held, stop) for stop in self._stops), default=0)
        told, self._held = self._held[: len(self._held) - num_kept], self._held[len(self._held) - num_kept :]
        if told:
            self._tell(told)

    def _decode(self, start: int, end: int) -> str:
        assert self._ids is not None
        return str(self._tokenizer.decode(self._ids[start:end], skip_special_tokens=True))


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of a text are the beginning of a stop text."""
    return next((length for length in range(min(len(text), len(stop)), 0, -1) if text.endswith(stop[:length])), 0)


def _how(sampling: Sampling) -> dict[str, Any]:
    if sampling.temperature == 0:
        return {"do_sample": False, "num_beams": 1}
    # Nothing is left out but what was asked for: models come with settings of their own.
    chosen = {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
    return {"do_sample": True, "num_beams": 1, "repetition_penalty": 1.0, **chosen}


def _each(ids: Tensor, *, is_true: bool) -> Any:
    return torch.full((ids.shape[0],), is_true, dtype=torch.bool, device=ids.device)


def _seed(seed: int | None) -> None:
    if seed is None:
        torch.seed()
    else:
        torch.manual_seed(seed)


def _device() -> tuple[str, torch.dtype]:
    if not torch.cuda.is_available():
        return "cpu", torch.float32
    has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return "cuda", torch.bfloat16 if has_bf16 else torch.float32
