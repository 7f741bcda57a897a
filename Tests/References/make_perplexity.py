"""Perplexity of SmolLM2 in float32, NF4+DQ, NF4 and FP4 on the project's own text, by transformers + bitsandbytes.

Run: python Tests/References/make_perplexity.py WORKDIR    (directories of make_smollm2_directories.py)
Writes Tests/Fixtures/smollm2/perplexity.json. The whole text is one token sequence without BOS, cut into windows of 512 that
do not overlap; the first token of a window is not predicted; the last window is shorter. Perplexity = exp(sum of losses / count).
"""

import math
import sys
from pathlib import Path

import torch

import reference_common as common

WINDOW = 512


def window_sums(model, ids):
    sums = []
    for start in range(0, len(ids) - 1, WINDOW):
        part = torch.tensor([ids[start : start + WINDOW]])
        with torch.no_grad():
            logits = model(input_ids=part).logits[0, :-1]
        losses = torch.nn.functional.cross_entropy(logits, part[0, 1:], reduction="none")
        sums.append((float(losses.double().sum()), part.shape[1] - 1))
    common.assert_not_repacked(model)
    return sums


def summary(sums):
    total, count = sum(s for s, _ in sums), sum(n for _, n in sums)
    return {"loss": total / count, "perplexity": math.exp(total / count), "predicted_tokens": count}


def main():
    from transformers import AutoTokenizer

    torch.set_num_threads(2)
    work = Path(sys.argv[1])
    text = (common.FIXTURES / "text-eval" / "prose.txt").read_text()
    ids = AutoTokenizer.from_pretrained(work / "smollm2-f32")(text).input_ids
    result = {"text": "Tests/Fixtures/text-eval/prose.txt", "tokens": len(ids), "window": WINDOW, "models": {}}
    for kind in ["f32", "nf4dq", "nf4", "fp4"]:
        directory = work / f"smollm2-{kind}"
        model = common.load_dense(directory) if kind == "f32" else common.load_4bit(directory)
        sums = window_sums(model, ids)
        result["models"][kind] = {
            **summary(sums), "full_windows_only": summary([s for s in sums if s[1] == WINDOW - 1]),
            "window_losses": [s / n for s, n in sums],
        }
        print(kind, result["models"][kind]["perplexity"], result["models"][kind]["full_windows_only"]["perplexity"])
    result["versions"] = common.versions()
    common.write_json(common.FIXTURES / "smollm2" / "perplexity.json", result)


if __name__ == "__main__":
    main()
