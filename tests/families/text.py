"""Tiny text models."""

from transformers import GPT2Config, LlamaConfig, Qwen3Config

from tests.families.sizes import WIDTH, Parts, text_config
from tests.families.writing import CHATML_TOKENS, LLAMA3_TOKENS, MAX_TOKENS, chatml, llama3, make_tokenizer


def gpt2() -> Parts:
    """A base model; its stop token also fills up, as GPT-2's users have it."""
    tokenizer = make_tokenizer("<|endoftext|>", begin="<|endoftext|>", pad="<|endoftext|>")
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=MAX_TOKENS,
        n_embd=WIDTH,
        n_layer=2,
        n_head=4,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return tokenizer, config


def llama() -> Parts:
    """Llama 3."""
    tokenizer = make_tokenizer("<|eot_id|>", begin="<|begin_of_text|>", tokens=LLAMA3_TOKENS)
    tokenizer.chat_template = llama3()
    return tokenizer, LlamaConfig(**text_config(tokenizer))


def qwen3() -> Parts:
    """A model that thinks: its template drops the thoughts of earlier turns."""
    tokenizer = make_tokenizer("<|im_end|>", pad="<|endoftext|>", tokens=[*CHATML_TOKENS, "<think>", "</think>"])
    content = "{{ message['content'] }}"
    without_thoughts = (
        "{% if message['role'] == 'assistant' and not loop.last %}{{ message['content'].split('</think>')[-1] }}"
        f"{{% else %}}{content}{{% endif %}}"
    )
    tokenizer.chat_template = chatml().replace(content, without_thoughts)
    return tokenizer, Qwen3Config(**text_config(tokenizer, head_dim=16))
