"""Forward passes of llama.cpp on a CPU, as a fresh process: prints one JSON object.

Run: python peer_llama.py --model FILE.gguf [--tokens 512] [--new-tokens 64] [--repeats 3] [--threads N]
Reads a prompt of --tokens at once, then generates one token at a time, greedily. Its training (llama-finetune) takes float
weights only, so there is no training of the same work to compare.
"""

import argparse
import importlib.metadata
import json
import os
import statistics
import time

STARTED = time.perf_counter()

import llama_cpp


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    model = llama_cpp.Llama(args.model, n_ctx=args.tokens + args.new_tokens, n_batch=args.tokens, n_ubatch=args.tokens,
                            n_threads=args.threads, n_threads_batch=args.threads, verbose=False)
    prompt = [(7 * i) % 997 + 3 for i in range(args.tokens)]
    reading, writing, first = [], [], None
    for _ in range(args.repeats):
        model.reset()
        begun = time.perf_counter()
        model.eval(prompt)
        reading.append(args.tokens / (time.perf_counter() - begun))
        first = first or time.perf_counter() - STARTED
        begun = time.perf_counter()
        for _ in range(args.new_tokens):
            model.eval([model.sample(temp=0.0)])
        writing.append(args.new_tokens / (time.perf_counter() - begun))
    print(json.dumps({
        "prompt": statistics.median(reading), "generate": statistics.median(writing), "seconds_to_first_step": first,
        "versions": {"llama-cpp-python": importlib.metadata.version("llama-cpp-python")},
    }))


if __name__ == "__main__":
    main()
