"""What llama.cpp's own converters make of Tests/Fixtures/demo-model and of an adapter of tiny-llama: metadata, and a hash of every
tensor's bytes.

Run: LLAMA_CPP=DIR python Tests/References/make_gguf_conversion.py   (DIR: llama.cpp's sources, for example vendor/llama.cpp of the
source package of llama-cpp-python; requirements.txt beside this file)
Writes Tests/Fixtures/gguf/conversion.json.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

LLAMA_CPP = Path(os.environ["LLAMA_CPP"])
sys.path.insert(0, str(LLAMA_CPP / "gguf-py"))
import gguf  # noqa: E402
import reference_common as common  # noqa: E402

FIXTURES = common.FIXTURES
# The converter knows a tokenizer's rules by what it makes of a long text; ours is not in its list, its rules are SmolLM's.
PATCH = """
import runpy, sys
sys.path.insert(0, {root!r})
import conversion.base as base
for kind in (base.ModelBase, base.TextModel):
    if hasattr(kind, "get_vocab_base_pre"): kind.get_vocab_base_pre = lambda self, tokenizer: "smollm"
sys.argv = ["convert_hf_to_gguf.py"] + sys.argv[1:]
runpy.run_path({script!r}, run_name="__main__")
"""


def fnv1a64(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & common.MASK64
    return value


def plain(value):
    if isinstance(value, (list, tuple)):
        if len(value) > 8:
            text = "\n".join(str(v) for v in value)
            return {"count": len(value), "hash": fnv1a64(text.encode())}
        return [plain(v) for v in value]
    return value.item() if hasattr(value, "item") else value


def convert(directory, kind):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model.gguf"
        code = PATCH.format(root=str(LLAMA_CPP), script=str(LLAMA_CPP / "convert_hf_to_gguf.py"))
        subprocess.run([sys.executable, "-c", code, str(directory), "--outfile", str(out), "--outtype", kind], check=True)
        return contents(out)


def contents(path):
    reader = gguf.GGUFReader(path)
    metadata = {k: plain(f.contents()) for k, f in reader.fields.items() if not k.startswith("GGUF.")}
    tensors = {
        t.name: {"type": t.tensor_type.name, "shape": [int(n) for n in reversed(t.shape)], "hash": fnv1a64(t.data.tobytes())}
        for t in reader.tensors
    }
    return {"metadata": metadata, "tensors": tensors}


def convert_adapter(adapter, base):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "adapter.gguf"
        subprocess.run(
            [sys.executable, str(LLAMA_CPP / "convert_lora_to_gguf.py"), str(adapter), "--base", str(base), "--outfile", str(out)],
            check=True)
        return contents(out)


def main():
    tiny = FIXTURES / "tiny-llama"
    result = {
        "versions": common.versions(),
        "demo-model": convert(FIXTURES / "demo-model", "bf16"),
        "tiny-llama/lora/tied-f32/final": convert_adapter(tiny / "lora/tied-f32/final", tiny / "tied-f32"),
    }
    common.write_json(FIXTURES / "gguf" / "conversion.json", result)


main()
