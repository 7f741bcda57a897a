"""Random tiny Llama checkpoints and everything a test needs to compare with transformers, PEFT and bitsandbytes.

Run: python Tests/References/make_tiny_llama.py    (requirements.txt beside it; about a minute)
Writes Tests/Fixtures/tiny-llama/; PROVENANCE.md there explains every file.
"""

import json

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, LlamaConfig

import reference_common as common

HERE = common.FIXTURES / "tiny-llama"
BASE = dict(hidden_size=64, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512)

# name, dtype of the file, length of the golden rows, settings. A head dimension of its own makes q_proj 4 x 24 = 96 wide.
VARIANTS = {
    "tied-f32": (torch.float32, 24, dict(vocab_size=256, intermediate_size=160, num_hidden_layers=2,
                                         tie_word_embeddings=True)),
    "untied-bf16-bias": (torch.bfloat16, 24, dict(vocab_size=320, intermediate_size=96, num_hidden_layers=2, head_dim=24,
                                                  attention_bias=True, mlp_bias=True, tie_word_embeddings=False,
                                                  rope_theta=500000.0, rms_norm_eps=1e-6)),
    "rope-llama3": (torch.bfloat16, 80, dict(vocab_size=256, intermediate_size=128, num_hidden_layers=1,
                                             tie_word_embeddings=True, rope_theta=500000.0,
                                             rope_scaling={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                                                           "high_freq_factor": 4.0,
                                                           "original_max_position_embeddings": 64})),
    "rope-linear": (torch.float16, 80, dict(vocab_size=256, intermediate_size=128, num_hidden_layers=1,
                                            tie_word_embeddings=True,
                                            rope_parameters={"rope_type": "linear", "factor": 4.0,
                                                             "rope_theta": 10000.0})),
    "curve-bf16": (torch.bfloat16, 24, dict(vocab_size=256, intermediate_size=128, num_hidden_layers=3,
                                            tie_word_embeddings=True)),
}
# Written as files of before transformers 5 have it: rope_theta and rope_scaling at the top, torch_dtype.
OLD_STYLE = {"untied-bf16-bias", "rope-llama3"}


def make_checkpoint(name, dtype, settings):
    torch.manual_seed(common.fnv1a64(name) % 2**31)
    plain = {k: v for k, v in settings.items() if k not in ("rope_theta", "rope_scaling")}
    model = AutoModelForCausalLM.from_config(LlamaConfig(**BASE, **plain))
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if key.endswith("norm.weight"):
                parameter.copy_(1 + 0.2 * torch.randn_like(parameter))
            elif key.endswith(".bias"):
                parameter.copy_(0.2 * torch.randn_like(parameter))
            elif "embed_tokens" in key or "lm_head" in key:
                parameter.copy_(0.3 * torch.randn_like(parameter))
            else:
                parameter.copy_(torch.randn_like(parameter) * 1.2 / parameter.shape[1] ** 0.5)
    directory = HERE / name
    model.to(dtype).save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    config = json.loads((directory / "config.json").read_text())
    config.update(bos_token_id=1, eos_token_id=2)
    if name in OLD_STYLE:
        config.pop("rope_parameters", None)
        config["torch_dtype"] = config.pop("dtype")
        config.update({k: v for k, v in settings.items() if k in ("rope_theta", "rope_scaling")})
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def rows(name, vocabulary, count, length):
    """Two kinds of rows: a full one, and one with a masked prompt and padding at the right (mask 0, label -100)."""
    generator = np.random.default_rng(common.fnv1a64("rows " + name))
    ids = generator.integers(3, vocabulary, size=(count, length), dtype=np.int64)
    mask = np.ones_like(ids)
    labels = ids.copy()
    for row in range(1, count, 2):
        used = length - 7
        labels[row, : length // 3] = -100
        ids[row, used:], mask[row, used:], labels[row, used:] = 0, 0, -100
    return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask), "labels": torch.tensor(labels)}


def as_int32(batch):
    return {key: value.to(torch.int32).contiguous() for key, value in batch.items()}


def golden_forward(directory, model, batch):
    with torch.no_grad():
        out = model(**batch, output_hidden_states=True)
    common.assert_not_repacked(model)
    assert out.logits.dtype == torch.float32
    kept = {**as_int32(batch), "logits": out.logits.contiguous()}
    if not hasattr(model.config, "quantization_config"):
        kept["hidden_states"] = torch.stack(out.hidden_states)
    save_file(kept, directory / "golden.safetensors")
    used = out.logits[batch["attention_mask"].bool()]
    common.write_json(directory / "golden.json", {
        "loss": float(out.loss),
        "trained_tokens": int((batch["labels"][:, 1:] != -100).sum()),
        "logit_min": float(used.min()), "logit_max": float(used.max()),
        "versions": common.versions(),
    })
    print(f"{directory.name:24s} loss {float(out.loss):.6f}  logits {float(used.min()):.2f}...{float(used.max()):.2f}")


def golden_lora(name, model, vocabulary, length=24, steps=10):
    """PEFT LoRA with a non-zero B: one step's gradients of every adapter tensor, ten losses, the final adapter."""
    torch.manual_seed(7)
    model = common.attach_lora(model, rank=8, alpha=16).train()
    with torch.no_grad():
        for key, parameter in common.adapter_parameters(model):
            spread = 0.05 if ".lora_B." in key else parameter.shape[1] ** -0.5
            parameter.copy_(torch.randn_like(parameter) * spread)
    directory = HERE / "lora" / name
    common.save_adapter(model, directory / "initial", name)
    batch = rows("train " + name, vocabulary, 2 * steps, length)
    batches = [{k: v[2 * s : 2 * s + 2] for k, v in batch.items()} for s in range(steps)]
    with torch.no_grad():
        kept = {"logits": model(**batches[0]).logits.contiguous()}

    def keep_gradients(step):
        if step == 0:
            kept.update({"grad." + key: p.grad.clone() for key, p in common.adapter_parameters(model)})

    record = common.train_curve(model, batches, learning_rate=1e-3, weight_decay=0.01, clip=1.0, warmup=2, steps=steps,
                                linear=True, on_step=keep_gradients)
    common.assert_not_repacked(model)
    common.save_adapter(model, directory / "final", name)
    save_file({**as_int32(batch), **kept}, directory / "golden.safetensors")
    record.pop("seconds")
    common.write_json(directory / "golden.json", {
        "base": name, "rank": 8, "alpha": 16, "batch_size": 2, "steps": steps,
        "optimizer": {"name": "AdamW", "learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8,
                      "weight_decay": 0.01, "max_grad_norm": 1.0, "schedule": "linear", "warmup_steps": 2},
        **record, "versions": common.versions(),
    })


def strip_prequantized(directory):
    (directory / "generation_config.json").unlink(missing_ok=True)
    config = (directory / "config.json").read_text()
    assert "_name_or_path" not in config
    (directory / "config.json").write_text(config.rstrip() + "\n")


def main():
    torch.set_num_threads(2)
    common.true_float32()
    for name, (dtype, length, settings) in VARIANTS.items():
        make_checkpoint(name, dtype, settings)
        batch = rows(name, settings["vocab_size"], 1 if length > 64 else 2, length)
        golden_forward(HERE / name, common.load_dense(HERE / name), batch)

    quantized = {  # name: source, dtype while quantizing, kind, double quantization
        "tied-f32-nf4dq": ("tied-f32", torch.float32, "nf4", True),
        "tied-f32-fp4": ("tied-f32", torch.float32, "fp4", False),
        "untied-bf16-bias-nf4dq": ("untied-bf16-bias", torch.bfloat16, "nf4", True),
        "curve-bf16-nf4dq": ("curve-bf16", torch.bfloat16, "nf4", True),
    }
    for name, (source, dtype, kind, double) in quantized.items():
        common.quantize_directory(HERE / source, HERE / name, dtype, kind, double)
        strip_prequantized(HERE / name)
        _, length, settings = VARIANTS[source]
        golden_forward(HERE / name, common.load_4bit(HERE / name), rows(source, settings["vocab_size"], 2, length))

    golden_lora("tied-f32", common.load_dense(HERE / "tied-f32"), 256)
    golden_lora("tied-f32-nf4dq", common.load_4bit(HERE / "tied-f32-nf4dq"), 256)
    golden_lora("untied-bf16-bias-nf4dq", common.load_4bit(HERE / "untied-bf16-bias-nf4dq"), 320)


if __name__ == "__main__":
    main()
