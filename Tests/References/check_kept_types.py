"""Why `qpeft quantize` gives all that it keeps of a GGUF one type: transformers cannot compute with a mixture in a 4-bit model.

Run: python Tests/References/check_kept_types.py DIR    DIR: what `qpeft quantize MODEL.gguf --output DIR` wrote
Loads it as it is, and a copy whose norms are float32, as GGUF files have them beside 16-bit embeddings; says which computes. Exit
code 1 where the first does not, or where the second does: then norms could keep their type.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

IDS = torch.tensor([[1, 30, 400, 500, 22, 17, 9]])


def computes(directory, **options):
    try:
        model = AutoModelForCausalLM.from_pretrained(directory, **options)
        types = f"norms {model.model.norm.weight.dtype}, embedding {model.model.embed_tokens.weight.dtype}"
        with torch.no_grad():
            model(IDS)
    except RuntimeError as error:
        print(f"{options}: {types}: {error}")
        return False
    print(f"{options}: {types}: computes")
    return True


def main(directory):
    options = [{}, {"dtype": "auto"}, {"dtype": torch.float32}]
    print("as written")
    written = [computes(directory, **choice) for choice in options]
    print("with norms of float32")
    with tempfile.TemporaryDirectory() as other:
        shutil.copytree(directory, other, dirs_exist_ok=True)
        for file in Path(other).glob("*.safetensors"):
            tensors = load_file(file)
            tensors = {name: value.float() if "norm" in name else value for name, value in tensors.items()}
            save_file(tensors, file, metadata={"format": "pt"})
        mixed = [computes(other, **choice) for choice in options]
    return 0 if all(written) and not any(mixed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
