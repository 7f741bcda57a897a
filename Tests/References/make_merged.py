"""Weights that PEFT's merge_and_unload makes of tiny-llama/tied-f32 and its trained adapter, in float32.

Run: python Tests/References/make_merged.py    (requirements.txt beside it; seconds)
Writes Tests/Fixtures/tiny-llama/merged.safetensors.
"""

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

import reference_common as common

HERE = common.FIXTURES / "tiny-llama"
# A square matrix, the one whose columns are no whole blocks, and one that the adapter leaves alone.
NAMES = ["model.layers.0.self_attn.q_proj.weight", "model.layers.1.mlp.down_proj.weight", "model.norm.weight"]


def main():
    model = AutoModelForCausalLM.from_pretrained(HERE / "tied-f32", dtype=torch.float32)
    model = PeftModel.from_pretrained(model, HERE / "lora" / "tied-f32" / "final").merge_and_unload()
    state = model.state_dict()
    save_file({name: state[name].contiguous() for name in NAMES}, HERE / "merged.safetensors")


main()
