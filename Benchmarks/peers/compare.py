"""qpeft and transformers + PEFT + bitsandbytes side by side, in turns, each in a fresh process; prints a table and writes JSON.

Run: python compare.py --model DIR --qpeft .build/release/qpeft --python VENV/bin/python [--rounds 3] [--steps 8]
                       [--tokens 512] [--batch-size 1] [--threads N] [--text FILE] [--output FILE.json]

Both train the same prequantized directory on the same text with LoRA r 16 on all linears. They take turns so that a noisy
neighbour hits both; before each run a 1024 x 1024 float32 matrix product says how fast the machine is at that moment. Speed is
the median over steps without the first, peak memory is what the kernel counted for the process (ru_maxrss); the table shows
medians over the rounds, and the ratio qpeft / peer. The model needs a tokenizer.json. This script needs only Python; NumPy for
the yardstick comes with the peer's environment.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEFAULT_TEXT = HERE.parents[1] / "Tests" / "Fixtures" / "text-eval" / "prose.txt"
YARDSTICK = """
import time, numpy as np
a = np.ones((1024, 1024), np.float32); a @ a
best = 9
for _ in range(5):
    t = time.perf_counter(); a @ a; best = min(best, time.perf_counter() - t)
print(2 * 1024**3 / best / 1e9)
"""


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--qpeft", required=True)
    parser.add_argument("--python", required=True, help="Python of an environment with the peer's packages")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--text", default=str(DEFAULT_TEXT))
    parser.add_argument("--output")
    return parser.parse_args()


def run(command, environment=None):
    """(what it printed, its peak resident bytes as the kernel counted them)"""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=errors, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            sys.exit(f"failed: {' '.join(map(str, command))}\n{errors.read()[-2000:]}")
        return output.read(), usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def long_rows(args, path):
    """Rows surely longer than --tokens, begun at different places: both sides train exactly --tokens of each."""
    text = Path(args.text).read_text()
    need = args.steps * args.batch_size
    reach = max(12 * args.tokens, 1)
    with open(path, "w") as file:
        for row in range(need):
            start = (row * len(text)) // need
            cut = (text[start:] + text * (reach // len(text) + 1))[:reach]
            file.write(json.dumps({"text": cut}) + "\n")


def run_peer(args, data, checkpointing):
    environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads)}
    output, peak = run([args.python, HERE / "train_transformers.py", "--model", args.model, "--data", data, "--tokens",
                  str(args.tokens), "--batch-size", str(args.batch_size), "--steps", str(args.steps), "--checkpointing",
                  checkpointing, "--threads", str(args.threads)], environment)
    found = json.loads(output.strip().splitlines()[-1])
    return {"tokens_per_second": found["tokens_per_second"], "peak_bytes": peak,
            "seconds_to_first_step": found["seconds_to_first_step"]}


def run_qpeft(args, data, checkpointing):
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        _, peak = run([args.qpeft, "train", "--model", args.model, "--data", data, "--output", f"{folder}/adapter",
                       "--max-length", str(args.tokens), "--steps", str(args.steps), "--batch-size", str(args.batch_size),
                       "--checkpointing", checkpointing, "--threads", str(args.threads), "--rank", "16",
                       "--alpha", "32", "--train-on", "all", "--no-shuffle"])
        wall = time.perf_counter() - begun
        lines = (Path(folder) / "adapter" / "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    speeds = [row["tokens_per_second"] for row in rows[1:] or rows]
    # `seconds` of a metrics row counts from the start of training; what is left of the wall time is loading and saving.
    later = sum(row["tokens"] / row["tokens_per_second"] for row in rows[1:])
    return {"tokens_per_second": statistics.median(speeds), "peak_bytes": peak,
            "seconds_to_first_step": round(max(wall - later, 0), 2)}


def middle(runs, key):
    return statistics.median(r[key] for r in runs)


def main():
    args = arguments()
    rows, yardsticks = [], []
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/rows.jsonl"
        long_rows(args, data)
        for checkpointing in ["on", "off"]:
            found = {"qpeft": [], "peer": []}
            for turn in range(args.rounds):
                order = [("qpeft", run_qpeft), ("peer", run_peer)]
                for name, runner in order if turn % 2 == 0 else order[::-1]:
                    yardsticks.append(float(run([args.python, "-c", YARDSTICK])[0]))
                    found[name].append(runner(args, data, checkpointing))
            rows.append((checkpointing, found))
    print(f"{args.batch_size} x {args.tokens} tokens, {args.threads} threads, {args.rounds} rounds of {args.steps} steps; "
          f"sgemm {statistics.median(yardsticks):.0f} GFLOP/s ({min(yardsticks):.0f} to {max(yardsticks):.0f})\n")
    print("| checkpointing | measure | qpeft | transformers + PEFT + bitsandbytes | ratio |\n|---|---|---:|---:|---:|")
    for checkpointing, found in rows:
        for key, title, scale in [("tokens_per_second", "tokens/s", 1), ("peak_bytes", "peak memory, MB", 1e6),
                                  ("seconds_to_first_step", "seconds to first step", 1)]:
            ours, theirs = middle(found["qpeft"], key) / scale, middle(found["peer"], key) / scale
            print(f"| {checkpointing} | {title} | {ours:.1f} | {theirs:.1f} | {ours / theirs:.2f} |")
    if args.output:
        Path(args.output).write_text(json.dumps({"settings": {k: v for k, v in vars(args).items() if k in (
            "rounds", "steps", "tokens", "batch_size", "threads")}, "sgemm_gflops": yardsticks,
            "runs": {c: f for c, f in rows}}, indent=1) + "\n")


if __name__ == "__main__":
    main()
