"""One training benchmark of transformers + PEFT + bitsandbytes on a CPU, as a fresh process: prints one JSON object.

Run: python peer_transformers.py --model DIR [--data FILE.jsonl] [--tokens 512] [--batch-size 1] [--steps 8]
                                  [--checkpointing on|off] [--compute-dtype f32|bf16] [--threads N]
DIR is a prequantized Hugging Face directory (bitsandbytes 4-bit). Requirements: Tests/References/requirements.txt.
As a user of these libraries would do it: SDPA attention, LoRA r 16 on all linears, AdamW.
"""

import argparse
import json
import os
import time

STARTED = time.perf_counter()
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--data")
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--checkpointing", choices=["on", "off"], default="on")
    parser.add_argument("--compute-dtype", choices=["f32", "bf16"], default="f32", help="bnb_4bit_compute_dtype")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    return parser.parse_args()


def peak_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def token_rows(args):
    """Rows of exactly `tokens` ids: the texts of --data one after the other, repeated as needed; else a counting pattern."""
    if not args.data:
        while True:
            yield [(7 * i) % 997 + 3 for i in range(args.tokens)]
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(args.model)
    with open(args.data) as file:
        rows = [json.loads(line) for line in file if line.strip()]
    texts = [row.get("text") or row.get("prompt", "") + row.get("completion", "") for row in rows]
    ids = [token for text in texts for token in tokenizer(text).input_ids]
    position = 0
    while True:
        yield [ids[(position + i) % len(ids)] for i in range(args.tokens)]
        position = (position + args.tokens) % len(ids)


def main():
    args = arguments()
    import importlib.metadata

    import bitsandbytes
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(args.model)
    for module in model.modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            module.compute_dtype = torch.bfloat16 if args.compute_dtype == "bf16" else torch.float32
            module.compute_type_is_set = True
    model.config.use_cache = False
    if args.checkpointing == "on":
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    linears = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules=linears, task_type="CAUSAL_LM")).train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=2e-4)
    rows = token_rows(args)
    seconds, losses, first = [], [], None
    for _ in range(args.steps):
        begun = time.perf_counter()
        ids = torch.tensor([next(rows) for _ in range(args.batch_size)])
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - begun)
        losses.append(float(loss.detach()))
        first = first or time.perf_counter() - STARTED
    steady = sorted(seconds[1:] or seconds)
    median = steady[len(steady) // 2]
    print(json.dumps({
        "peer": "transformers + peft + bitsandbytes", "checkpointing": args.checkpointing, "compute_dtype": args.compute_dtype, "tokens": args.tokens,
        "batch_size": args.batch_size, "steps": args.steps, "threads": args.threads,
        "tokens_per_second": round(args.tokens * args.batch_size / median, 2), "seconds_per_step": round(median, 4),
        "seconds_to_first_step": round(first, 2), "peak_bytes": peak_bytes(), "losses": [round(l, 5) for l in losses],
        "versions": {name: importlib.metadata.version(name) for name in ["torch", "transformers", "peft", "bitsandbytes"]},
    }))


if __name__ == "__main__":
    main()
