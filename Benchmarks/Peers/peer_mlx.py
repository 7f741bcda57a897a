"""MLX on a CPU, as a fresh process: prints one JSON object.

Run: python peer_mlx.py --model DIR train|forward [--tokens 512] [--new-tokens 64] [--steps 3] [--repeats 3]
DIR is a directory written by `mlx_lm convert -q`. Training is LoRA r 16 on all linear layers with AdamW, as mlx_lm's own trainer
builds it; forward reads a prompt, then generates one token at a time.
"""

import argparse
import importlib.metadata
import json
import statistics
import time

STARTED = time.perf_counter()

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optimizers
from mlx_lm import load, stream_generate
from mlx_lm.tuner.utils import linear_to_lora_layers

mx.set_default_device(mx.cpu)


def rows(count, tokens):
    return mx.array([[(7 * i) % 997 + 3 for i in range(tokens)] for _ in range(count)])


def train(model, args):
    model.freeze()
    names = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
             "mlp.down_proj"]
    linear_to_lora_layers(model, len(model.layers), {"rank": 16, "scale": 2.0, "dropout": 0.0, "keys": names})
    model.train()
    optimizer = optimizers.AdamW(learning_rate=2e-4)
    ids = rows(1, args.tokens)

    def loss(model):
        return nn.losses.cross_entropy(model(ids[:, :-1]).astype(mx.float32), ids[:, 1:], reduction="mean")

    step = nn.value_and_grad(model, loss)
    seconds, first = [], None
    for _ in range(args.steps):
        begun = time.perf_counter()
        value, gradients = step(model)
        optimizer.update(model, gradients)
        mx.eval(model.parameters(), optimizer.state, value)
        seconds.append(time.perf_counter() - begun)
        first = first or time.perf_counter() - STARTED
    return {"train": args.tokens / statistics.median(seconds[1:] or seconds), "seconds_to_first_step": first}


def forward(model, tokenizer, args):
    prompt = [(7 * i) % 997 + 3 for i in range(args.tokens)]
    reading, writing, first = [], [], None
    for _ in range(args.repeats):
        last = None
        for last in stream_generate(model, tokenizer, prompt, max_tokens=args.new_tokens):
            first = first or time.perf_counter() - STARTED
        reading.append(last.prompt_tps)
        writing.append(last.generation_tps)
    return {"prompt": statistics.median(reading), "generate": statistics.median(writing), "seconds_to_first_step": first}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=["train", "forward"])
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    model, tokenizer = load(args.model)
    found = train(model, args) if args.work == "train" else forward(model, tokenizer, args)
    print(json.dumps({**found, "versions": {name: importlib.metadata.version(name) for name in ["mlx", "mlx-lm"]}}))


if __name__ == "__main__":
    main()
