"""Forward passes of llama.cpp on a CPU, as a fresh process: prints one JSON object.

Run: python peer_llama.py --model FILE.gguf [--tokens 512] [--new-tokens 64] [--repeats 3] [--threads N]
Reads a prompt of --tokens at once, then generates one token at a time, greedily; speeds are those that llama.cpp reports. Its own
training takes float weights only, so there is no training of the same work to compare.
"""

import argparse
import importlib.metadata
import json
import os
import statistics
import time

STARTED = time.perf_counter()

import xllamacpp


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    settings = xllamacpp.CommonParams()
    settings.model.path = args.model
    settings.n_ctx = args.tokens + args.new_tokens + 1
    settings.n_batch = settings.n_ubatch = args.tokens
    settings.n_parallel = 1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = args.threads
    server = xllamacpp.Server(settings)
    prompt = [(7 * i) % 997 + 3 for i in range(args.tokens)]
    reading, writing, first = [], [], None
    for _ in range(args.repeats):
        request = {"prompt": prompt, "n_predict": args.new_tokens, "temperature": 0, "cache_prompt": False, "ignore_eos": True}
        timings = server.handle_completions(request)["timings"]
        first = first or time.perf_counter() - STARTED - timings["predicted_ms"] / 1000
        reading.append(timings["prompt_per_second"])
        writing.append(timings["predicted_per_second"])
    print(json.dumps({
        "prompt": statistics.median(reading), "generate": statistics.median(writing), "seconds_to_first_step": first,
        "features": xllamacpp.get_system_info().strip(),
        "versions": {"llama.cpp (xllamacpp)": importlib.metadata.version("xllamacpp")},
    }))


if __name__ == "__main__":
    main()
