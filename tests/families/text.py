"""Tiny text models."""

from transformers import (
    DeepseekV3Config,
    FalconConfig,
    FalconH1Config,
    GPT2Config,
    LlamaConfig,
    Qwen3Config,
    Qwen3MoeConfig,
)

from tests.families.sizes import EXPERTS, WIDTH, Parts, text_config
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


def qwen3_moe() -> Parts:
    """Experts in every layer."""
    tokenizer = make_tokenizer("<|im_end|>", pad="<|endoftext|>", tokens=CHATML_TOKENS)
    tokenizer.chat_template = chatml()
    return tokenizer, Qwen3MoeConfig(**text_config(tokenizer, **EXPERTS, head_dim=16))


def deepseek_v3() -> Parts:
    """Keys and values from few numbers; a dense layer with the names that experts once had."""
    tokenizer = make_tokenizer("<|im_end|>", pad="<|endoftext|>", tokens=CHATML_TOKENS)
    tokenizer.chat_template = chatml()
    experts = {"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "n_shared_experts": 1}
    groups = {"n_group": 1, "topk_group": 1, "first_k_dense_replace": 1}
    ranks = {"q_lora_rank": 32, "kv_lora_rank": 32, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 16}
    sizes = {**text_config(tokenizer), **experts, **groups, **ranks, "num_key_value_heads": 4}
    return tokenizer, DeepseekV3Config(**sizes)


def falcon() -> Parts:
    """Linear layers of a class of its own."""
    tokenizer = make_tokenizer("<|im_end|>", pad="<|endoftext|>", tokens=CHATML_TOKENS)
    tokenizer.chat_template = chatml()
    return tokenizer, FalconConfig(**text_config(tokenizer), hidden_dropout=0.0, attention_dropout=0.0)


def falcon_h1() -> Parts:
    """States beside attention."""
    tokenizer = make_tokenizer("<|im_end|>", pad="<|endoftext|>", tokens=CHATML_TOKENS)
    tokenizer.chat_template = chatml()
    states = {"mamba_d_ssm": WIDTH, "mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 8, "mamba_chunk_size": 16}
    return tokenizer, FalconH1Config(**{**text_config(tokenizer, head_dim=16), **states, "mamba_n_groups": 1})
