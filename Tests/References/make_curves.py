"""Logits samples and twenty training steps on a fixed adapter, fixed rows, fixed order: small JSON that Swift can check.

Run: python Tests/References/make_curves.py tiny
     python Tests/References/make_curves.py smollm2 WORKDIR      (directories of make_smollm2_directories.py)
Writes Tests/Fixtures/tiny-llama/curve.json or Tests/Fixtures/smollm2/{formula,logits-*,curve-*}.json. Formats: PROVENANCE.md there.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
import torch

import reference_common as common

STEPS, BATCH, LENGTH, RANK, ALPHA = 20, 2, 128, 16, 32
SETTINGS = {"name": "AdamW", "learning_rate": 2e-4, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.01,
            "max_grad_norm": 1.0, "schedule": "constant", "warmup_steps": 0}
PROBE_BOUND = 0.02


def short(values):
    """float32 values with just enough digits to come back exactly."""
    return [float(f"{value:.9g}") for value in np.asarray(values, dtype=np.float32).reshape(-1)]


def token_rows(ids):
    """40 rows of exactly 128 tokens from the start of the text; when the text ends, from its first row again."""
    whole = [ids[i : i + LENGTH] for i in range(0, len(ids) - LENGTH + 1, LENGTH)]
    return [whole[i % len(whole)] for i in range(STEPS * BATCH)]


def sample_logits(model, ids, path, name):
    with torch.no_grad():
        out = model(input_ids=torch.tensor([ids]), labels=torch.tensor([ids]))
    common.assert_not_repacked(model)
    logits = out.logits[0]
    assert logits.dtype == torch.float32
    flat, stride = logits.reshape(-1), logits.numel() // 512 - 1
    top = torch.topk(logits[-1], 32)
    common.write_json(path, {
        "model": name, "input_ids": ids, "vocabulary": logits.shape[1], "loss": float(out.loss),
        "logit_min": float(logits.min()), "logit_max": float(logits.max()),
        "last_position_top": {"ids": top.indices.tolist(), "values": short(top.values)},
        "strided": {"stride": stride, "values": short(flat[: 512 * stride : stride])},
        "position_sums": [float(f"{v:.12g}") for v in logits.double().sum(dim=1).tolist()],
        "versions": common.versions(),
    })
    print(name, "logits loss", float(out.loss))


def sample_gradients(model):
    found = []
    for key, parameter in common.adapter_parameters(model):
        gradient = parameter.grad.reshape(-1)
        picked = [gradient[(i * gradient.numel()) // 16 + i] for i in range(16)]
        found.append({"key": key, "shape": list(parameter.shape), "norm": float(f"{gradient.double().norm():.9g}"),
                      "samples": short([float(v) for v in picked])})
    return found


def probe(model, batch):
    """One backward with A and B both from the formula (B within +-0.02), so that every gradient is non-zero."""
    common.fill_adapter_by_formula(model)
    with torch.no_grad():
        for key, parameter in common.adapter_parameters(model):
            if ".lora_B." in key:
                values = common.formula_uniform(key, parameter.numel(), PROBE_BOUND)
                parameter.copy_(torch.from_numpy(values.reshape(parameter.shape)))
    loss = model(**batch).loss
    loss.backward()
    result = {"b_bound": PROBE_BOUND, "loss": float(loss.detach()), "gradients": sample_gradients(model)}
    model.zero_grad()
    return result


def round_embedding(model):
    """What `qpeft quantize` stores of a GGUF's Q8_0 embedding: float16."""
    embedding = model.get_input_embeddings().weight
    embedding.data = embedding.data.half().float()
    return model


def adapted(model, rows):
    """The model with an adapter, and the batches of all steps."""
    batches = []
    for step in range(STEPS):
        batch = torch.tensor(rows[step * BATCH : (step + 1) * BATCH])
        batches.append({"input_ids": batch, "labels": batch})
    return common.attach_lora(model, RANK, ALPHA).train(), batches


def curve(model, batches, on_step=None):
    """Losses and norms of all steps, from the formula's adapter on."""
    common.fill_adapter_by_formula(model)
    record = common.train_curve(model, batches, learning_rate=2e-4, weight_decay=0.01, clip=1.0, warmup=0, steps=STEPS,
                                linear=False, on_step=on_step)
    common.assert_not_repacked(model)
    return record


def golden_curve(model, ids, path, name):
    rows = token_rows(ids)
    model, batches = adapted(model, rows)
    probed = probe(model, batches[0])
    kept = {}

    def keep_gradients(step):
        if step == 0:
            kept["gradients"] = sample_gradients(model)

    started = time.perf_counter()
    record = curve(model, batches, keep_gradients)
    seconds = time.perf_counter() - started
    timing = record.pop("seconds")
    steady = sorted(timing[2:])[len(timing[2:]) // 2]
    common.write_json(path, {
        "model": name, "rank": RANK, "alpha": ALPHA, "batch_size": BATCH, "length": LENGTH, "steps": STEPS,
        "targets": "all-linear", "trained_tokens_per_step": BATCH * (LENGTH - 1), "optimizer": SETTINGS,
        "losses": record["losses"], "grad_norms": record["grad_norms"],
        "step_1_gradients": kept["gradients"], "probe": probed,
        "peer": {"seconds_per_step_median": steady, "tokens_per_second": round(BATCH * LENGTH / steady, 1),
                 "seconds_total": round(seconds, 2), "peak_resident_bytes": common.peak_resident_bytes(),
                 "threads": torch.get_num_threads(), "attention": "eager", "gradient_checkpointing": False},
        "versions": common.versions(),
        "rows": rows,
    })
    print(name, "peer", BATCH * LENGTH / steady, "tokens/s, peak", common.peak_resident_bytes() >> 20, "MiB")


def bfloat16_curve(model, ids, path):
    """Losses and norms of the same steps with bnb_4bit_compute_dtype bfloat16."""
    record = curve(*adapted(model, token_rows(ids)))
    common.write_json(path, {"losses": record["losses"], "grad_norms": record["grad_norms"], "versions": common.versions()})


def formula_example(path):
    """A few values of the formula, step by step, for whoever repeats it."""
    key, inputs, count = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", 576, 8
    bound = np.float32(1) / np.sqrt(np.float32(inputs))
    common.write_json(path, {
        "key": key, "inputs": inputs, "seed": f"{common.fnv1a64(key):016x}",
        "outputs": [f"{int(v):016x}" for v in common.splitmix64_stream(common.fnv1a64(key), count)],
        "values": short(common.formula_uniform(key, count, bound)),
    })


def compact(path):
    """One row of numbers per line: JSON that a diff can show."""
    import re

    text = Path(path).read_text()
    text = re.sub(r"\[\s+([-0-9.e+,\s]+?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m.group(1)) + "]", text)
    Path(path).write_text(text)


def main():
    torch.set_num_threads(int(os.environ.get("THREADS", "2")))
    text = (common.FIXTURES / "text-eval" / "prose.txt").read_text()
    if sys.argv[1] == "tiny":
        common.true_float32()
        here = common.FIXTURES / "tiny-llama"
        golden_curve(common.load_4bit(here / "curve-bf16-nf4dq"), list(text.encode("utf-8")), here / "curve.json", "curve-bf16-nf4dq")
        compact(here / "curve.json")
        return
    from transformers import AutoTokenizer

    work, here = Path(sys.argv[2]), common.FIXTURES / "smollm2"
    ids = AutoTokenizer.from_pretrained(work / "smollm2-f32")(text).input_ids
    formula_example(here / "formula.json")
    sample_logits(common.load_dense(work / "smollm2-f32"), ids[:64], here / "logits-f32.json", "smollm2-f32")
    for kind in ["nf4dq", "nf4", "fp4"]:
        sample_logits(common.load_4bit(work / f"smollm2-{kind}"), ids[:64], here / f"logits-{kind}.json", f"smollm2-{kind}")
    for suffix, change in [("", lambda model: model), ("-f16", round_embedding)]:
        model, name = change(common.load_4bit(work / "smollm2-nf4dq")), "nf4dq" + suffix
        if suffix:
            sample_logits(model, ids[:64], here / f"logits-{name}.json", f"smollm2-{name}")
        golden_curve(model, ids, here / f"curve-{name}.json", f"smollm2-{name}")
    bfloat16_curve(common.load_4bit(work / "smollm2-nf4dq", compute=torch.bfloat16), ids, here / "curve-nf4dq-bf16.json")
    for path in here.glob("*.json"):
        compact(path)


if __name__ == "__main__":
    main()
