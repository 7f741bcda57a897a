"""PEFT adapters with every option that changes the mathematics, on tiny Llamas: files, logits, gradients, losses of some steps.

Run: python Tests/References/make_adapters.py    (requirements.txt beside it; about a minute)
Writes Tests/Fixtures/adapters/; PROVENANCE.md there explains every file.
"""

import json

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, LlamaConfig

import reference_common as common

HERE = common.FIXTURES / "adapters"
STEPS, ROWS, LENGTH, VOCABULARY = 5, 2, 10, 64
SETTINGS = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
                vocab_size=VOCABULARY, max_position_embeddings=64)
MODELS = {"model": dict(attention_bias=True, mlp_bias=True, tie_word_embeddings=False), "model-tied": dict(tie_word_embeddings=True)}
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

VARIANTS = {  # name: model, LoraConfig, ratio of LoRA+
    "dora": ("model-tied", dict(r=3, lora_alpha=6, target_modules=ALL, use_dora=True), 1),
    "dora-nf4": ("model-nf4", dict(r=2, lora_alpha=3, target_modules=ALL, use_dora=True, use_rslora=True, bias="lora_only"), 1),
    "patterns": ("model-tied", dict(
        r=4, lora_alpha=8, target_modules=ALL, use_rslora=True, exclude_modules=["gate_proj", "layers.1.mlp.up_proj"],
        rank_pattern={"q_proj": 6, r"layers\.1\.mlp\.down_proj": 2, "(k|v)_proj": 3},
        alpha_pattern={"v_proj": 24, "proj_that_is_not_there": 3, r"0\.self_attn\.q_proj": 5}), 8),
    "bias-all": ("model", dict(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj"], bias="all", lora_bias=True), 1),
    "saved": ("model", dict(
        r=2, lora_alpha=4, target_modules="all-linear", modules_to_save=["lm_head", "embed_tokens", "norm", "1.mlp.up_proj"]), 1),
    "saved-tied": ("model-tied", dict(r=2, lora_alpha=4, target_modules=["o_proj"], modules_to_save=["lm_head"]), 1),
    "layers": ("model", dict(
        r=2, lora_alpha=4, target_modules=["q_proj", "down_proj"], layers_to_transform=[1], layers_pattern="layers"), 1),
    "regex": ("model", dict(
        r=2, lora_alpha=4, target_modules=r".*\.0\.(self_attn\.[qk]|mlp\.up)_proj", exclude_modules=r".*\.k_proj"), 1),
}


def make_model(name, settings):
    torch.manual_seed(common.fnv1a64(name) % 2**31)
    model = AutoModelForCausalLM.from_config(LlamaConfig(**SETTINGS, **settings))
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
    model.save_pretrained(HERE / name)
    tidy(HERE / name)


def tidy(directory):
    (directory / "generation_config.json").unlink(missing_ok=True)
    config = json.loads((directory / "config.json").read_text())
    config.pop("_name_or_path", None)
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def file_key(name):
    """The key in adapter_model.safetensors of a parameter of the PEFT model."""
    name = name.replace("modules_to_save.default.", "").replace(".default", "")
    return name.removesuffix(".weight") if name.endswith("lora_magnitude_vector.weight") else name


def trained(model):
    return {file_key(name): p for name, p in model.named_parameters() if p.requires_grad}


def make_optimizer(model, ratio):
    settings = dict(lr=2e-3, betas=(0.9, 0.999), eps=1e-8)
    if ratio == 1:
        return torch.optim.AdamW(trained(model).values(), weight_decay=0.01, **settings)
    from peft.optimizers import create_loraplus_optimizer

    return create_loraplus_optimizer(
        model, torch.optim.AdamW, loraplus_lr_ratio=ratio, loraplus_weight_decay=0.01, **settings)


def batches(name):
    generator = np.random.default_rng(common.fnv1a64("adapters " + name))
    ids = torch.tensor(generator.integers(3, VOCABULARY, size=(STEPS, ROWS, LENGTH), dtype=np.int64))
    labels = ids.clone()
    labels[:, 1, :4] = -100
    return ids, labels


def make_variant(name, base, settings, ratio):
    from peft import LoraConfig, get_peft_model

    load = common.load_4bit if base.endswith("nf4") else common.load_dense
    model = load(HERE / base)
    torch.manual_seed(11)
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings)).train()
    with torch.no_grad():
        for key, parameter in trained(model).items():
            noise = torch.randn_like(parameter)
            if ".lora_A." in key:
                parameter.copy_(noise * parameter.shape[1] ** -0.5)
            elif ".lora_B." in key:
                parameter.copy_(noise * 0.1)
            else:  # magnitudes, biases, whole modules: near what they were
                parameter.add_(noise * 0.05)
    directory = HERE / name
    common.save_adapter(model, directory / "adapter", base)
    config = json.loads((directory / "adapter" / "adapter_config.json").read_text())
    for key in ("target_modules", "exclude_modules", "modules_to_save"):  # PEFT writes sets in any order
        if isinstance(config[key], list):
            config[key] = sorted(config[key])
    (directory / "adapter" / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")

    ids, labels = batches(name)
    kept = {"input_ids": ids.reshape(-1, LENGTH).int(), "labels": labels.reshape(-1, LENGTH).int()}
    with torch.no_grad():
        kept["logits"] = model(input_ids=ids[0]).logits.contiguous()
    optimizer = make_optimizer(model, ratio)
    losses, norms = [], []
    for step in range(STEPS):
        loss = model(input_ids=ids[step], labels=labels[step]).loss
        loss.backward()
        if step == 0:
            kept.update({"grad." + key: p.grad.clone() for key, p in trained(model).items()})
        norms.append(float(torch.nn.utils.clip_grad_norm_(trained(model).values(), 1.0)))
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    common.assert_not_repacked(model)
    save_file(kept, directory / "golden.safetensors")
    common.write_json(directory / "golden.json", {
        "base": base, "lora_plus_ratio": ratio, "learning_rate": 2e-3, "weight_decay": 0.01, "max_grad_norm": 1.0,
        "batch_size": ROWS, "losses": losses, "grad_norms": norms, "versions": common.versions(),
    })
    print(name, losses)


def main():
    torch.set_num_threads(2)
    common.true_float32()
    for name, settings in MODELS.items():
        make_model(name, settings)
    common.quantize_directory(HERE / "model", HERE / "model-nf4", torch.float32, "nf4", True)
    tidy(HERE / "model-nf4")
    for name, (base, settings, ratio) in VARIANTS.items():
        make_variant(name, base, settings, ratio)


if __name__ == "__main__":
    main()
