"""Blocks as ggml's own reference quantization writes them, through libggml of llama-cpp-python.

Run: python Tests/References/make_ggml_blocks.py     (needs Tests/Interop/requirements.txt)
Writes Tests/Fixtures/ggml-blocks/; PROVENANCE.md there explains every file.
"""

import ctypes
import glob
import os
from pathlib import Path

import llama_cpp
import numpy as np

HERE = Path(__file__).resolve().parents[1] / "Fixtures" / "ggml-blocks"
TYPES = {"q4_0": 2, "q4_1": 3, "q5_0": 6, "q8_0": 8, "q4_k": 12, "q6_k": 14, "iq4_nl": 20}


def values():
    """Sixteen blocks of 256: weights of several sizes and shapes, then the edges."""
    random = np.random.default_rng(20260801)
    rows = [random.normal(0, scale, 256) for scale in (1, 0.02, 30, 1e-4, 1e-7)]
    rows += [random.uniform(-1, 1, 256), random.standard_t(2, 256), np.abs(random.normal(0, 1, 256)) + 3]
    rows += [-np.abs(random.normal(0, 1, 256)), random.integers(-8, 8, 256) / 8, np.linspace(-1, 1, 256)]
    rows += [np.zeros(256), np.full(256, 0.5), np.full(256, -0.25)]
    sparse = np.zeros(256)
    sparse[::37] = random.normal(0, 1, 7)
    outlier = random.normal(0, 0.01, 256)
    outlier[100] = 40
    return np.concatenate(rows + [sparse, outlier]).astype(np.float32)


def main():
    folder = os.path.join(os.path.dirname(llama_cpp.__file__), "lib")
    for name in ("libggml-base.so", "libggml.so", "libllama.so"):
        for path in glob.glob(os.path.join(folder, name)):
            library = ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
            if hasattr(library, "ggml_quantize_chunk"):
                ggml = library
    ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
    ggml.ggml_quantize_chunk.argtypes = [
        ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
    HERE.mkdir(parents=True, exist_ok=True)
    numbers = values()
    (HERE / "values.f32").write_bytes(numbers.tobytes())
    for name, number in TYPES.items():
        out = np.zeros(4 * numbers.size, np.uint8)
        size = ggml.ggml_quantize_chunk(
            number, numbers.ctypes.data, out.ctypes.data, 0, numbers.size // 256, 256, None)
        (HERE / f"{name}.blocks").write_bytes(out[:size].tobytes())
        print(name, size)


main()
