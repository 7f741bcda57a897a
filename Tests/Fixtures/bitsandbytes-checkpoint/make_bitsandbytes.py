"""Small matrices quantized by bitsandbytes itself, beside the numbers they were made from.

Run: python Tests/Fixtures/bitsandbytes-checkpoint/make_bitsandbytes.py   (PROVENANCE.md names the versions)
"""

import json
from pathlib import Path

import torch
from bitsandbytes.functional import quantize_4bit
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
# name: dtype, shape, format, block, double quantization
CASES = {
    "f32-nf4-64-dq": (torch.float32, (128, 320), "nf4", 64, True),
    "f32-fp4-64": (torch.float32, (24, 40), "fp4", 64, False),
    "f32-nf4-32": (torch.float32, (16, 48), "nf4", 32, False),
    "f16-nf4-64-dq": (torch.float16, (96, 128), "nf4", 64, True),
    "f16-fp4-128-dq": (torch.float16, (64, 64), "fp4", 128, True),
    "bf16-nf4-64-dq": (torch.bfloat16, (96, 128), "nf4", 64, True),
    "bf16-nf4-4096": (torch.bfloat16, (40, 320), "nf4", 4096, False),
    "bf16-odd-nf4-64": (torch.bfloat16, (7, 9), "nf4", 64, False),
    "f32-ragged-nf4-64": (torch.float32, (11, 13), "nf4", 64, False),
    "f32-ragged-fp4-64": (torch.float32, (11, 13), "fp4", 64, False),
}


def main():
    torch.manual_seed(2305)
    tensors = {}
    for name, (dtype, shape, kind, block, double) in CASES.items():
        weight = torch.randn(shape) * 0.05 * (1 + torch.rand(shape[0], 1))
        weight.view(-1)[: min(64, weight.numel() // 2)] = 0  # a block of zeros
        weight.view(-1)[weight.numel() - 3] = 0.5
        weight = weight.to(dtype)
        codes, state = quantize_4bit(weight, blocksize=block, compress_statistics=double, quant_type=kind)
        tensors[f"{name}.source"] = weight
        tensors[f"{name}.weight"] = codes
        for key, value in state.as_dict(packed=True).items():
            tensors[f"{name}.weight.{key}"] = value.contiguous()
    save_file(tensors, HERE / "model.safetensors", metadata={"format": "pt"})
    (HERE / "config.json").write_text(json.dumps({"model_type": "none"}) + "\n")

    # torch's own means, to the bit: lengths that reach every branch of its summation.
    values = torch.rand(20000) * torch.rand(20000)
    means = {str(n): values[:n].mean().item() for n in (1, 3, 5, 7, 8, 9, 31, 33, 100, 1000, 5184, 13824, 20000)}
    save_file({"values": values}, HERE / "means.safetensors")
    (HERE / "means.json").write_text(json.dumps(means, indent=1) + "\n")


if __name__ == "__main__":
    main()
