"""Tiny Llamas that transformers and bitsandbytes wrote in 4 bits, in every form in which such checkpoints are found.

Run: python Tests/References/make_prequantized.py    (requirements.txt beside it; seconds)
Writes Tests/Fixtures/prequantized/; PROVENANCE.md there explains every file.
"""

import json
import shutil
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig

import reference_common as common

HERE = common.FIXTURES / "prequantized"

# name: 4-bit code, double quantization, type in which the codes are stored, longest shard
VARIANTS = {
    "nf4-bf16": ("nf4", False, torch.bfloat16, "1GB"),
    "nf4-dq-f16": ("nf4", True, torch.float16, "1GB"),
    "nf4-dq-f32-sharded": ("nf4", True, torch.float32, "12KB"),
    "fp4-f32": ("fp4", False, torch.float32, "1GB"),
    "fp4-dq-bf16": ("fp4", True, torch.bfloat16, "1GB"),
    "fp4-dq-uint8": ("fp4", True, torch.uint8, "1GB"),
}


def source(directory):
    torch.manual_seed(11)
    model = AutoModelForCausalLM.from_config(LlamaConfig(
        vocab_size=64, hidden_size=64, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=True))
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if key.endswith("norm.weight"):
                parameter.copy_(1 + 0.2 * torch.randn_like(parameter))
            else:
                parameter.copy_(torch.randn_like(parameter) * 1.2 / parameter.shape[1] ** 0.5)
    model.to(torch.float16).save_pretrained(directory)


def main():
    torch.set_num_threads(1)
    common.true_float32()
    ids = torch.arange(48).reshape(2, 24) * 37 % 64
    with tempfile.TemporaryDirectory() as dense:
        source(dense)
        for name, (kind, double, storage, shard) in VARIANTS.items():
            directory = HERE / name
            shutil.rmtree(directory, ignore_errors=True)
            config = BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type=kind, bnb_4bit_use_double_quant=double,
                bnb_4bit_compute_dtype=torch.float32, bnb_4bit_quant_storage=storage)
            model = AutoModelForCausalLM.from_pretrained(dense, dtype=torch.float16, quantization_config=config)
            model.save_pretrained(directory, max_shard_size=shard)
            (directory / "generation_config.json").unlink(missing_ok=True)
            text = json.dumps({k: v for k, v in json.loads((directory / "config.json").read_text()).items()
                               if k != "_name_or_path"}, indent=2)
            (directory / "config.json").write_text(text + "\n")
            model = common.load_4bit(directory)
            with torch.no_grad():
                logits = model(input_ids=ids).logits
            common.assert_not_repacked(model)
            assert logits.dtype == torch.float32
            save_file({"input_ids": ids.to(torch.int32), "logits": logits.contiguous()}, directory / "golden.safetensors")
            size = sum(f.stat().st_size for f in Path(directory).iterdir())
            print(f"{name:20s} {size} bytes, {len(list(directory.glob('model*.safetensors')))} file(s) of weights")
    common.write_json(HERE / "versions.json", common.versions())


if __name__ == "__main__":
    main()
