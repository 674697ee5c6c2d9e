"""Tokenizers and chat templates of tiny models: made on the spot, in the forms that their families have."""

from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

CORPUS = (
    "Which pattern is it? Which pattern is number one? Say it again. Be brief. row column first second third fourth "
    "one two three four five six seven eight nine ten 0 1 2 3 4 5 6 7 8 9"
)
MAX_TOKENS = 1024


def make_tokenizer(
    stop: str, *, begin: str | None = None, pad: str = "<pad>", tokens: Sequence[str] = (), last: str = "", **named: str
) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer.

    Args:
        stop: Ends an answer.
        begin: Begins a text.
        tokens: Further tokens of control.
        last: Of the named ones, the token that comes after the whole vocabulary.
        named: Tokens of control that a processor asks for by name, `image_token` say.
    """
    all_control = [pad, stop, *([begin] if begin else []), *tokens, *named.values()]
    control = [token for token in dict.fromkeys(all_control) if token != last]
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.train_from_iterator(
        [CORPUS],
        trainers.BpeTrainer(
            vocab_size=400 + len(control),
            special_tokens=control,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token=stop,
        pad_token=pad,
        extra_special_tokens=list(tokens),
        model_specific_special_tokens=named,
        model_max_length=MAX_TOKENS,
        clean_up_tokenization_spaces=False,
        **({"bos_token": begin} if begin else {}),
    )


def ids(tokenizer: Any, **tokens: str) -> dict[str, Any]:
    """Ids of tokens by the names that a config gives them."""
    return {name: tokenizer.convert_tokens_to_ids(token) for name, token in tokens.items()}


def make_template(roles: Mapping[str, str], *, picture: str, end: str, asked: str, begin: str = "") -> str:
    """A chat template.

    Args:
        roles: What begins the turn of each role.
        picture: Stands for an image.
        end: Ends a turn.
        asked: What the model goes on from.
        begin: Begins a chat.
    """
    return (
        f"{{%- set roles = {dict(roles)!r} -%}}{begin}"
        "{% for message in messages %}{{ roles[message['role']] }}"
        "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
        "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
        f"{picture}"
        "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
        f"{end}"
        "{% endfor %}{% if add_generation_prompt %}"
        f"{asked}"
        "{% endif %}"
    )


def chatml(picture: str = "") -> str:
    """The template of Qwen, SmolLM and many others."""
    names = ("system", "user", "assistant")
    roles = {name: f"<|im_start|>{name}\n" for name in names}
    return make_template(roles, picture=picture, end="<|im_end|>{{ '\n' }}", asked="<|im_start|>assistant{{ '\n' }}")


def llama3(picture: str = "") -> str:
    """The template of Llama 3."""
    names = ("system", "user", "assistant")
    roles = {name: f"<|start_header_id|>{name}<|end_header_id|>\n\n" for name in names}
    asked = "<|start_header_id|>assistant<|end_header_id|>{{ '\n\n' }}"
    return make_template(roles, picture=picture, end="<|eot_id|>", asked=asked, begin="{{ bos_token }}")


CHATML_TOKENS = ("<|im_start|>", "<|im_end|>")
LLAMA3_TOKENS = ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
