"""A GGUF of one tensor for every type with what the gguf package decodes, and a tiny llama with tokenizer metadata.

Run: python Tests/Fixtures/gguf/make_gguf.py   (PROVENANCE.md names the versions)
"""

from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
random = np.random.default_rng(60)


def half(count):
    return (random.standard_normal(count) * 0.05).astype(np.float16).view(np.uint8).reshape(count, 2)


def blocks(kind, rows, columns):
    """Random codes under sane scales, as bytes [rows, bytes of a row]."""
    size, width = gguf.GGML_QUANT_SIZES[kind]
    count = rows * columns // size
    raw = random.integers(0, 256, (count, width), dtype=np.uint8)
    scales = {Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0], Type.Q2_K: [80, 82],
              Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208], Type.IQ4_NL: [0],
              Type.IQ4_XS: [0], Type.MXFP4: []}[kind]
    if kind == Type.MXFP4:  # the scale is a power of two; the smallest are special
        raw[:, 0] = random.integers(110, 140, count)
        raw[:3, 0] = [0, 1, 2]
    for offset in scales:
        raw[:, offset : offset + 2] = half(count)
    return raw.reshape(rows, -1)


def write_types():
    writer = gguf.GGUFWriter(HERE / "types.gguf", "none")
    writer.add_uint8("test.uint8", 200)
    writer.add_int8("test.int8", -100)
    writer.add_uint16("test.uint16", 60000)
    writer.add_int16("test.int16", -30000)
    writer.add_uint32("test.uint32", 4000000000)
    writer.add_int32("test.int32", -2000000000)
    writer.add_uint64("test.uint64", 2**63 + 1)
    writer.add_int64("test.int64", -(2**62))
    writer.add_float32("test.float32", 1e-5)
    writer.add_float64("test.float64", 0.1)
    writer.add_bool("test.bool", True)
    writer.add_string("test.string", "grün 🌱")
    writer.add_array("test.strings", ["a", "", "Ġb"])
    writer.add_array("test.integers", [1, -2, 3])
    expected = {}

    def add(name, data, kind):
        writer.add_tensor(name, data, raw_dtype=kind)
        expected[name] = torch.from_numpy(gguf.dequantize(data, kind).astype(np.float32).copy())

    values = random.standard_normal((3, 40)).astype(np.float32)
    add("f32", values, Type.F32)
    special = np.array([[0, -0.0, 6e-8, 6.1e-5, 65504, -1.5, np.inf, 1e-7]], np.float16)
    add("f16", special, Type.F16)
    add("bf16", torch.from_numpy(values).bfloat16().view(torch.uint8).numpy(), Type.BF16)
    for kind in (Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0):
        add(kind.name.lower(), blocks(kind, 3, 64), kind)
    for kind in (Type.Q4_K, Type.Q5_K, Type.Q6_K):
        add(kind.name.lower(), blocks(kind, 2, 512), kind)
    later = random.bit_generator.state  # what is made below leaves the numbers of the other files as they are
    for kind in (Type.Q2_K, Type.Q3_K, Type.IQ4_XS):
        add(kind.name.lower(), blocks(kind, 2, 512), kind)
    for kind in (Type.IQ4_NL, Type.MXFP4):
        add(kind.name.lower(), blocks(kind, 3, 64), kind)
    random.bit_generator.state = later
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(expected, HERE / "types-decoded.safetensors")


def permute(weight, heads):
    """What llama.cpp does to q and k of a Hugging Face model."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def write_llama(name="tiny-llama", split=0):
    """A llama; `split` tensors a file, or all in one."""
    hidden, middle, heads, kv_heads, head, layers = 64, 96, 4, 2, 16, 2
    letters = list(gguf_bytes())
    merges = ["h e", "l l", "he ll", "hell o", "Ġ w"]
    tokens = ["<|end|>", "<|im_start|>", "<|im_end|>"] + letters + ["".join(m.split(" ")) for m in merges] + ["<pad0>"]
    kinds = [3, 3, 3] + [1] * (len(letters) + len(merges)) + [5]
    writer = gguf.GGUFWriter(HERE / f"{name}.gguf", "llama", split_max_tensors=split)
    writer.add_block_count(layers)
    writer.add_context_length(256)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(middle)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_freq_base(100000.0)
    writer.add_rope_dimension_count(head)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_chat_template(
        "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n'}}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
    expected = {}

    def add(name, hf_name, shape, kind, interleaved=None):
        weight = (random.standard_normal(shape) * 0.1).astype(np.float32)
        stored = permute(weight, interleaved) if interleaved else weight
        data = gguf.quantize(stored, kind) if kind != Type.F32 else stored
        writer.add_tensor(name, data, raw_dtype=kind)
        back = gguf.dequantize(data, kind).astype(np.float32)
        if interleaved:  # undo, as transformers does
            back = back.reshape(interleaved, shape[0] // interleaved // 2, 2, shape[1]).swapaxes(1, 2).reshape(shape)
        expected[hf_name] = torch.from_numpy(np.ascontiguousarray(back))

    add("token_embd.weight", "model.embed_tokens.weight", (len(tokens), hidden), Type.Q8_0)
    add("output_norm.weight", "model.norm.weight", (hidden,), Type.F32)
    for n in range(layers):
        p, q = f"blk.{n}.", f"model.layers.{n}."
        add(p + "attn_norm.weight", q + "input_layernorm.weight", (hidden,), Type.F32)
        add(p + "ffn_norm.weight", q + "post_attention_layernorm.weight", (hidden,), Type.F32)
        add(p + "attn_q.weight", q + "self_attn.q_proj.weight", (heads * head, hidden), Type.Q4_1, heads)
        add(p + "attn_k.weight", q + "self_attn.k_proj.weight", (kv_heads * head, hidden), Type.Q4_0, kv_heads)
        add(p + "attn_v.weight", q + "self_attn.v_proj.weight", (kv_heads * head, hidden), Type.F16)
        add(p + "attn_output.weight", q + "self_attn.o_proj.weight", (hidden, heads * head), Type.Q5_1)
        add(p + "ffn_gate.weight", q + "mlp.gate_proj.weight", (middle, hidden), Type.Q5_0)
        add(p + "ffn_up.weight", q + "mlp.up_proj.weight", (middle, hidden), Type.BF16)
        add(p + "ffn_down.weight", q + "mlp.down_proj.weight", (hidden, middle), Type.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    if split:
        return
    save_file(expected, HERE / f"{name}-decoded.safetensors")
    save_file(logits(f"{name}.gguf", len(tokens)), HERE / f"{name}-logits.safetensors")


def logits(name, vocabulary):
    """What transformers computes in float32 from the file, which it reads itself."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(HERE, gguf_file=name, dtype=torch.float32, attn_implementation="eager")
    ids = torch.arange(20)[None] * 41 % vocabulary
    with torch.no_grad():
        return {"input_ids": ids.to(torch.int32), "logits": model(input_ids=ids).logits.contiguous()}


def write_rope():
    """Llama 3.2's rope scaling as llama.cpp's converter writes it: a tensor of factors."""
    head, theta, factor, low, high, context = 64, 500000.0, 32.0, 1.0, 4.0, 8192
    factors = []
    for index in range(head // 2):
        wavelength = 2 * np.pi * theta ** (2 * index / head)
        if wavelength < context / high:
            factors.append(1.0)
        elif wavelength > context / low:
            factors.append(factor)
        else:
            smooth = (context / wavelength - low) / (high - low)
            factors.append(1 / ((1 - smooth) / factor + smooth))
    for name, values in [("rope-llama3", factors), ("rope-unknown", [1.0 + i for i in range(head // 2)])]:
        writer = gguf.GGUFWriter(HERE / f"{name}.gguf", "llama")
        writer.add_block_count(1)
        writer.add_context_length(131072)
        writer.add_embedding_length(64)
        writer.add_feed_forward_length(64)
        writer.add_head_count(1)
        writer.add_rope_freq_base(theta)
        writer.add_tensor("token_embd.weight", np.zeros((4, 64), np.float16))
        writer.add_tensor("output.weight", np.zeros((4, 64), np.float16))
        writer.add_tensor("rope_freqs.weight", np.array(values, np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def gguf_bytes():
    """GPT-2's 256 letters, one for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    extra = 0
    for byte in range(256):
        if byte in plain:
            yield chr(byte)
        else:
            yield chr(256 + extra)
            extra += 1


if __name__ == "__main__":
    write_types()
    state = random.bit_generator.state
    write_llama()
    random.bit_generator.state = state
    write_llama("tiny-llama-split", split=8)
    write_rope()
