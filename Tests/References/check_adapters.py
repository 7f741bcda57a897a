"""Adapters that qpeft trained, loaded by PEFT: no key missing or left over, and the same loss on a text.

Run: python Tests/References/check_adapters.py .build/release/qpeft    (requirements.txt beside it; about a minute)
Exit code 1 where anything differs.
"""

import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

import reference_common as common

MODEL = common.FIXTURES / "demo-model"
TEXT = common.FIXTURES / "text-eval" / "prose.txt"
ROWS = common.ROOT / "Docs" / "Examples" / "requests" / "train.jsonl"
WINDOW = 64
OPTIONS = {
    "plain": [],
    "rslora": ["--use-rslora", "--rank", "3"],
    "dora": ["--use-dora", "--dropout", "0.1"],
    "patterns": ["--rank-pattern", "q_proj=3", "--rank-pattern", r"1\.mlp\.(up|down)_proj=5", "--alpha-pattern", "v_proj=9",
                 "--exclude-modules", "gate_proj"],
    "biases": ["--bias", "all", "--lora-bias", "--targets", "q_proj,v_proj"],
    "modules": ["--modules-to-save", "norm,lm_head,embed_tokens", "--targets", "o_proj"],
    "layers": ["--layers", "1", "--init-lora-weights", "gaussian", "--lora-plus-ratio", "8"],
    "regex": ["--targets", r".*\.(q|down)_proj", "--exclude-modules", r".*\.0\.mlp\..*"],
    "adamw-8bit": ["--optimizer", "adamw-8bit"],
    "lion": ["--optimizer", "lion", "--learning-rate", "1e-3"],
    "sgd": ["--optimizer", "sgd", "--nesterov", "--learning-rate", "1e-1"],
    "adafactor": ["--optimizer", "adafactor"],
}


def peft_loss(adapter):
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    ids = tokenizer(TEXT.read_text(), add_special_tokens=False)["input_ids"]
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32, attn_implementation="eager")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(model, adapter).eval()
    told = [str(w.message) for w in caught if "key" in str(w.message).lower()]
    assert not told, told
    total, count = 0.0, 0
    with torch.no_grad():
        for start in range(0, len(ids), WINDOW):
            window = torch.tensor([ids[start : start + WINDOW]])
            if window.shape[1] > 1:
                total += float(model(input_ids=window, labels=window).loss) * (window.shape[1] - 1)
                count += window.shape[1] - 1
    return total / count


def main(qpeft):
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name, options in OPTIONS.items():
            adapter = str(Path(folder) / name)
            run = [qpeft, "train", "--model", str(MODEL), "--data", str(ROWS), "--output", adapter, "--steps", "4",
                   "--learning-rate", "1e-2", "--save-steps", "0"]
            subprocess.run(run + options, check=True, stdout=subprocess.DEVNULL)
            evaluate = [qpeft, "evaluate", "--model", str(MODEL), "--data", str(TEXT), "--window", str(WINDOW), "--json"]
            ours = json.loads(subprocess.run(evaluate + ["--adapter", adapter], check=True, capture_output=True).stdout)["loss"]
            plain = json.loads(subprocess.run(evaluate, check=True, capture_output=True).stdout)["loss"]
            theirs = peft_loss(adapter)
            good = abs(ours - theirs) < 2e-6 * theirs and abs(ours - plain) > 1e-4
            failed |= not good
            print(f"{name:12s} qpeft {ours:.7f}  PEFT {theirs:.7f}  without adapter {plain:.7f}  {'' if good else 'DIFFERS'}")
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
