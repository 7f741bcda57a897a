"""Codes and scales as bitsandbytes writes them on a processor, for KernelsTests.

Run: python make_codes.py   (torch, bitsandbytes; see PROVENANCE.md). Raw little-endian files, no header.
"""

import pathlib

import torch
import bitsandbytes.functional as F

here = pathlib.Path(__file__).parent


def write(name, tensor):
    (here / name).write_bytes(tensor.contiguous().view(torch.uint8).numpy().tobytes())


generator = torch.Generator().manual_seed(20260801)
count = 9000 + 37  # the last block is short, and the number of elements odd
values = torch.randn(count, generator=generator) * 0.05
values[640:768] = 0  # blocks of nothing but zeros
values[1000] = 3.5  # an outlier
values[2000:2064] *= 1e-30
for bits, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16), ("f16", torch.float16)):
    given = values.to(dtype)
    write(f"values.{bits}", given)
    for kind in ("nf4", "fp4"):
        for block in (64, 256):
            codes, state = F.quantize_4bit(given, blocksize=block, quant_type=kind)
            write(f"{kind}-{block}-{bits}.codes", codes)
            write(f"{kind}-{block}-{bits}.absmax", state.absmax)

scales = torch.rand(5000, generator=generator) * 0.1 - 0.04
codes, state = F.quantize_blockwise(scales, blocksize=256)
write("scales.f32", scales)
write("scales.codes", codes)
write("scales.absmax", state.absmax)
write("dynamic-map.f32", F.create_dynamic_map())
for kind in ("nf4", "fp4"):
    write(f"{kind}-levels.f32", F.get_4bit_type(kind, device="cpu"))
