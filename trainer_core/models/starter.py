"""The starter: a tiny, genuine image-text-to-text model with random weights, made on the spot without a network.

`python -m trainer_core.models.starter FOLDER` writes a folder like those of the hub: config, weights, processor with
image processor, tokenizer and chat template. It has learned nothing: reading is what the demo teaches it.
"""

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

IMAGE_SIDE = 32
PATCH_SIDE = 8
WIDTH = 128
NUM_LAYERS = 3
NUM_HEADS = 4
MAX_TOKENS = 512
VOCABULARY = 512
SPECIAL = ("<pad>", "<bos>", "<image>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>")
IMAGE_TOKEN_ID = SPECIAL.index("<image>")
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CORPUS = (
    "Which digit is this? What does the picture show? Read the number. Answer with one word. "
    "zero one two three four five six seven eight nine 0 1 2 3 4 5 6 7 8 9 "
    "The image shows a handwritten digit, a letter, a word, a line of text. Describe it briefly. "
    "You are a helpful assistant that reads pictures. Yes. No. I do not know."
)


def build(folder: Path, seed: int = 0) -> None:
    """Write the starter into `folder`, in one move; the same seed gives the same bytes of weights."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        processor = _processor()
        _model(processor.tokenizer, seed).save_pretrained(draft)
        processor.save_pretrained(draft)
        draft.chmod(0o755)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft)
        raise


def _processor() -> LlavaProcessor:
    side = {"height": IMAGE_SIDE, "width": IMAGE_SIDE}
    return LlavaProcessor(
        image_processor=CLIPImageProcessor(size=side, crop_size=side),
        tokenizer=_tokenizer(),
        patch_size=PATCH_SIDE,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,  # the tower's class token, which "default" leaves out again
        chat_template=CHAT_TEMPLATE,
    )


def _tokenizer() -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.train_from_iterator(
        [CORPUS],
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<bos>",
        eos_token="<|end|>",
        pad_token="<pad>",
        additional_special_tokens=["<image>", "<|user|>", "<|assistant|>", "<|system|>"],
        model_max_length=MAX_TOKENS,
        clean_up_tokenization_spaces=False,
    )


def _model(tokenizer: PreTrainedTokenizerFast, seed: int) -> LlavaForConditionalGeneration:
    shared: dict[str, Any] = {
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": NUM_LAYERS,
        "num_attention_heads": NUM_HEADS,
    }
    ids: dict[str, Any] = {
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(image_size=IMAGE_SIDE, patch_size=PATCH_SIDE, **shared),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer), max_position_embeddings=MAX_TOKENS, tie_word_embeddings=True, **shared, **ids
        ),
        image_token_index=IMAGE_TOKEN_ID,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlavaForConditionalGeneration(config)
    model.generation_config = GenerationConfig(do_sample=False, **ids)
    return model


def main() -> None:
    """Write the starter where the command line says."""
    parser = argparse.ArgumentParser(prog="python -m trainer_core.models.starter", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder to make; it must not exist yet")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    build(arguments.folder, arguments.seed)


if __name__ == "__main__":
    main()
