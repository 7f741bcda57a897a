"""What all reference scripts share: versions, exact float32 arithmetic in bitsandbytes, formulas that Swift repeats.

Nothing in here depends on the machine except speed; see `true_float32` for what had to be switched off to get there.
"""

import importlib.metadata
import json
import os
import platform
import sys
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "Tests" / "Fixtures"
MASK64 = (1 << 64) - 1


def versions():
    names = ["torch", "transformers", "peft", "bitsandbytes", "tokenizers", "safetensors", "numpy"]
    found = {name: importlib.metadata.version(name) for name in names}
    found["python"] = platform.python_version()
    return found


def write_json(path, value):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


def peak_resident_bytes():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


# --- Numbers that Swift can repeat without storing them -----------------------------------------------------------


def fnv1a64(text):
    """FNV-1a, 64 bits, over the UTF-8 bytes of `text`."""
    value = 0xCBF29CE484222325
    for byte in text.encode("utf-8"):
        value = ((value ^ byte) * 0x100000001B3) & MASK64
    return value


def splitmix64_stream(seed, count):
    """Outputs 0..<count of splitmix64 started from `seed` (the first output already adds the increment once)."""
    with np.errstate(over="ignore"):
        steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = steps + np.uint64(seed)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def formula_uniform(name, count, bound):
    """`bound * (2u - 1)`, u = (top 24 bits of splitmix64(fnv1a64(name)), output i) / 2^24; float32, one rounding."""
    top = (splitmix64_stream(fnv1a64(name), count) >> np.uint64(40)).astype(np.float32)
    unit = top * np.float32(2.0**-23) - np.float32(1.0)  # exact in float32
    return unit * np.float32(bound)


def fill_adapter_by_formula(peft_model):
    """A: uniform in +-1/sqrt(inputs) (PEFT's Kaiming bound) from its PEFT file key; B: zero."""
    with torch.no_grad():
        for name, parameter in adapter_parameters(peft_model):
            if ".lora_A." in name:
                bound = np.float32(1.0) / np.sqrt(np.float32(parameter.shape[1]))
                values = formula_uniform(name, parameter.numel(), bound).reshape(parameter.shape)
                parameter.copy_(torch.from_numpy(values))
            else:
                parameter.zero_()


# --- PEFT ---------------------------------------------------------------------------------------------------------


def adapter_parameters(peft_model):
    """(key as in adapter_model.safetensors, parameter), sorted by key."""
    found = [(n.replace(".default.", "."), p) for n, p in peft_model.named_parameters() if p.requires_grad]
    return sorted(found, key=lambda item: item[0])


def attach_lora(model, rank, alpha):
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=0.0,
        bias="none",
        task_type="CAUSAL_LM",
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    )
    return get_peft_model(model, config)


def save_adapter(peft_model, directory, base_name):
    """PEFT's own files without its model card, and with a base name instead of a path of this machine."""
    directory = Path(directory)
    peft_model.save_pretrained(directory)
    (directory / "README.md").unlink(missing_ok=True)
    config = json.loads((directory / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = base_name
    if isinstance(config["target_modules"], list):
        config["target_modules"] = sorted(config["target_modules"])
    (directory / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")


# --- transformers and bitsandbytes --------------------------------------------------------------------------------


def exact_dequantize(packed, absmax, blocksize, quant_type, shape, dtype):
    """level[code] * absmax of the flat block, in float32: the definition, for any number of columns."""
    from bitsandbytes.functional import get_4bit_type

    levels = get_4bit_type(quant_type, device="cpu")
    flat = packed.view(torch.uint8).reshape(-1)
    codes = torch.stack([flat >> 4, flat & 15], dim=1).reshape(-1).long()
    count = int(np.prod(shape))
    scales = absmax.float().repeat_interleave(blocksize)[:count]
    return (levels[codes[:count]] * scales).reshape(*shape).to(dtype)


_override = None


def true_float32():
    """Make bitsandbytes compute what its format says, in float32, on this CPU.

    1. The CPU kernel `dequantize_4bit` of bitsandbytes 0.50.2 takes the wrong scale on AVX-512 machines when the number
       of columns is not a multiple of the block size (a block then spans two rows). Replaced by the definition.
    2. In eval mode on CPUs with AVX512-BF16, Linear4bit repacks its weights and multiplies in bfloat16. `load_4bit`
       switches that off per layer; models also stay in train mode.
    """
    global _override
    import bitsandbytes  # noqa: F401  (registers its operations first)

    if _override is None:
        _override = torch.library.Library("bitsandbytes", "IMPL", "CPU")
        _override.impl("dequantize_4bit", exact_dequantize, allow_override=True)


def load_dense(directory):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager")
    return model.train()


def quantization_config(quant_type="nf4", double_quant=True, compute_dtype=torch.float32, storage=torch.uint8):
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=quant_type,
        bnb_4bit_use_double_quant=double_quant,
        bnb_4bit_compute_dtype=compute_dtype,
        bnb_4bit_quant_storage=storage,
    )


def quantize_directory(source, target, dtype, quant_type="nf4", double_quant=True, storage=torch.uint8, **saving):
    """Load a dense directory into bitsandbytes and write it back as a prequantized checkpoint."""
    from transformers import AutoModelForCausalLM

    config = quantization_config(quant_type, double_quant, storage=storage)
    model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype, quantization_config=config)
    model.save_pretrained(target, **saving)
    return model


def load_4bit(directory, attention="eager", compute=torch.float32):
    """A prequantized checkpoint in train mode; dense parts in float32, products with 4-bit weights and the decoded weights in `compute`."""
    import bitsandbytes as bnb
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation=attention)
    model.config.dtype = torch.float32
    for parameter in model.parameters():  # transformers 5.23 keeps the file's dtype when the file is prequantized
        if parameter.is_floating_point() and not isinstance(parameter, bnb.nn.Params4bit):
            parameter.data = parameter.data.float()
    for module in model.modules():
        if isinstance(module, bnb.nn.Linear4bit):
            module.compute_dtype = compute
            module.compute_type_is_set = True
            module.support_avx512bf16_for_cpu = False  # no bfloat16 repacking, not even in eval mode
            module.weight.quant_state.dtype = compute  # else backward rounds the weights of a bf16 checkpoint
    return model.train()


def assert_not_repacked(model):
    for module in model.modules():
        state = getattr(getattr(module, "weight", None), "quant_state", None)
        assert not getattr(state, "packing_format_for_cpu", False)


# --- Training -----------------------------------------------------------------------------------------------------


def train_curve(model, batches, *, learning_rate, weight_decay, clip, warmup, steps, linear, on_step=None):
    """Losses and gradient norms of `steps` AdamW steps; `on_step(step)` runs after backward, before clipping."""
    from transformers import get_constant_schedule, get_linear_schedule_with_warmup

    parameters = [p for _, p in adapter_parameters(model)]
    optimizer = torch.optim.AdamW(
        parameters, lr=learning_rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=weight_decay
    )
    if linear:
        schedule = get_linear_schedule_with_warmup(optimizer, warmup, steps)
    else:
        schedule = get_constant_schedule(optimizer)
    record = {"losses": [], "grad_norms": [], "learning_rates": [], "seconds": []}
    for step in range(steps):
        started = time.perf_counter()
        loss = model(**batches[step]).loss
        loss.backward()
        if on_step is not None:
            on_step(step)
        norm = torch.nn.utils.clip_grad_norm_(parameters, clip if clip else float("inf"))
        record["learning_rates"].append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        record["losses"].append(float(loss.detach()))
        record["grad_norms"].append(float(norm))
        record["seconds"].append(round(time.perf_counter() - started, 4))
        print(f"step {step + 1:3d}  loss {record['losses'][-1]:.6f}  norm {record['grad_norms'][-1]:.5f}", file=sys.stderr)
    return record
