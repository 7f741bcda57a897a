"""qpeft and its peers on the same work on one machine, in turns, each in a fresh process; writes JSON, which report.py reads.

Run: python compare.py --folder DIR --python PYTHON --output FILE.json
                       [--qpeft .build/release/qpeft] [--systems qpeft,transformers,llama.cpp,mlx]
                       [--work train,train-off,train-bf16,train-off-bf16,forward,forward-gguf]
                       [--rounds 3] [--steps 5] [--tokens 512] [--new-tokens 64] [--threads N]
DIR is what setup.sh prepared, PYTHON an environment with the peers. Runs are added to FILE.json if it exists, so a comparison
may be made in parts.

Work: `train` is LoRA r 16 on all linear layers with AdamW, one row of --tokens a step, with recomputation; `train-off` the same without;
`-bf16` both with products of 4-bit weights (of qpeft those of attention too) in bfloat16, for processors that multiply it; `forward` reads
a prompt of --tokens and generates --new-tokens, each system from its own form of the model; `forward-gguf` the same from one file, that of
llama.cpp. In every round all systems take their turn, in an order that changes, so that whatever else the machine does hits all; before
every run a 1024 x 1024 float32 product says how fast the machine is at that moment. Peak memory is what the kernel counted for the process
(ru_maxrss).

Each peer in its best setting: bitsandbytes 4-bit with float32 compute, and, where the processor has AVX-512 BF16, with bfloat16 (on
AVX2 float32 is fastest); llama.cpp with Q4_0, which it repacks for the processor, and 8-bit activations; MLX with 4-bit groups of 64. PyTorch
comes with MKL, which takes a slower path on AMD processors than on Intel's.
"""

import argparse
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TEXT = ROOT / "Tests" / "Fixtures" / "text-eval" / "prose.txt"
YARDSTICK = """
import time, numpy as np
a = np.ones((1024, 1024), np.float32); a @ a
best = 9
for _ in range(5):
    t = time.perf_counter(); a @ a; best = min(best, time.perf_counter() - t)
print(2 * 1024**3 / best / 1e9)
"""
WORK = {"train": ["qpeft", "transformers", "mlx"], "train-off": ["qpeft", "transformers"],
        "train-bf16": ["qpeft", "transformers"], "train-off-bf16": ["qpeft", "transformers"],
        "forward": ["qpeft", "llama.cpp", "mlx"], "forward-gguf": ["qpeft", "llama.cpp"]}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--qpeft", default=".build/release/qpeft")
    parser.add_argument("--systems", default="qpeft,transformers,llama.cpp,mlx")
    parser.add_argument("--work", default="train,train-off,forward")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    return parser.parse_args()


def portable(command):
    """As a record keeps it: from the project's root, temporary folders as DIR."""
    return re.sub(rf"{re.escape(tempfile.gettempdir())}/[^/ ]+", "DIR", command.replace(f"{ROOT}/", ""))


class Machine:
    """Starts processes, counts their memory, remembers their commands."""

    def __init__(self, args):
        self.args = args
        self.commands = []

    def run(self, command):
        """(what it printed, its peak resident bytes, seconds it took)"""
        command = [str(part) for part in command]
        self.commands.append(portable(" ".join(command)))
        threads = str(self.args.threads)
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        begun = time.perf_counter()
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(command, stdout=output, stderr=errors, env=environment)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            errors.seek(0)
            if process.returncode != 0:
                sys.exit(f"failed: {' '.join(command)}\n{errors.read()[-2000:]}")
            peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            return output.read(), peak, time.perf_counter() - begun

    def json(self, script, *rest):
        output, peak, _ = self.run([self.args.python, HERE / script, *rest])
        return {**json.loads(output.strip().splitlines()[-1]), "peak_bytes": peak}

    def yardstick(self):
        return float(subprocess.check_output([self.args.python, "-c", YARDSTICK]))


def long_rows(args, path):
    """Rows surely longer than --tokens, begun at different places of one text: every system trains exactly --tokens of each."""
    text = TEXT.read_text()
    reach = 12 * args.tokens
    with open(path, "w") as file:
        for row in range(args.steps):
            start = row * len(text) // args.steps
            file.write(json.dumps({"text": (text[start:] + text * (reach // len(text) + 1))[:reach]}) + "\n")


def settings(work):
    """(checkpointing, compute dtype) of a kind of training."""
    return "off" if "-off" in work else "on", "bf16" if "-bf16" in work else "f32"


def transformers(machine, args, work, data):
    checkpointing, dtype = settings(work)
    found = machine.json("peer_transformers.py", "--model", f"{args.folder}/nf4", "--data", data, "--tokens", args.tokens,
                         "--steps", args.steps, "--checkpointing", checkpointing, "--compute-dtype", dtype, "--threads",
                         args.threads)
    return {"train": found["tokens_per_second"], **{key: found[key] for key in [
        "peak_bytes", "seconds_to_first_step", "versions"]}}


def llama(machine, args, work, data):
    return machine.json("peer_llama.py", "--model", f"{args.folder}/q4_0.gguf", "--tokens", args.tokens, "--new-tokens",
                        args.new_tokens, "--threads", args.threads)


def mlx(machine, args, work, data):
    return machine.json("peer_mlx.py", "forward" if work == "forward" else "train", "--model", f"{args.folder}/mlx4",
                        "--tokens", args.tokens, "--new-tokens", args.new_tokens, "--steps", min(3, args.steps))


def qpeft(machine, args, work, data):
    model = f"{args.folder}/q4_0.gguf" if work == "forward-gguf" else f"{args.folder}/nf4"
    version = machine.run([args.qpeft, "--version"])[0].strip()
    if work.startswith("forward"):
        return {**qpeft_forward(machine, args, model), "versions": {"qpeft": version}}
    checkpointing, dtype = settings(work)
    with tempfile.TemporaryDirectory() as folder:
        _, peak, wall = machine.run([
            args.qpeft, "train", "--model", model, "--data", data, "--output", f"{folder}/adapter", "--max-length",
            args.tokens, "--steps", args.steps, "--batch-size", 1, "--checkpointing", checkpointing, "--compute-dtype", dtype,
            "--threads", args.threads, "--rank", 16, "--alpha", 32, "--train-on", "all", "--no-shuffle"])
        lines = (Path(folder) / "adapter" / "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    speeds = [row["tokens_per_second"] for row in rows[1:] or rows]
    later = sum(row["tokens"] / row["tokens_per_second"] for row in rows[1:])  # the rest of the time is loading and saving
    return {"train": statistics.median(speeds), "peak_bytes": peak, "seconds_to_first_step": max(wall - later, 0),
            "versions": {"qpeft": version}}


def qpeft_forward(machine, args, model):
    """What a long prompt and many new tokens take more than a short prompt and one: loading cancels out."""
    words = TEXT.read_text().split()
    peaks = []

    from tokenizers import Tokenizer

    def seconds(prompt, new_tokens):
        runs = [machine.run([args.qpeft, "generate", "--model", model, "--threads", args.threads, "--prompt", prompt,
                             "--max-tokens", new_tokens]) for _ in range(3)]
        peaks.extend(peak for _, peak, _ in runs)
        written = min(len(tokenizer.encode(text).ids) for text, _, _ in runs)
        if written < 0.9 * new_tokens:  # read again, a text may be a few tokens shorter
            sys.exit(f"the model ended its text after {written} of {new_tokens} tokens")
        return statistics.median(wall for _, _, wall in runs)

    tokenizer = Tokenizer.from_file(f"{args.folder}/nf4/tokenizer.json")
    long_prompt = ""
    for word in words:  # as many words as stay within --tokens
        longer = f"{long_prompt} {word}".strip()
        if len(tokenizer.encode(longer).ids) > args.tokens:
            break
        long_prompt = longer
    few_words = " ".join(words[:4])
    tokens = len(tokenizer.encode(long_prompt).ids) - len(tokenizer.encode(few_words).ids)
    short = seconds(few_words, 1)
    long = seconds(long_prompt, 1)
    many = seconds(few_words, args.new_tokens + 1)
    return {"prompt": tokens / max(long - short, 1e-9), "generate": args.new_tokens / max(many - short, 1e-9),
            "peak_bytes": max(peaks), "seconds_to_first_step": short}


SYSTEMS = {"qpeft": qpeft, "transformers": transformers, "llama.cpp": llama, "mlx": mlx}


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def main():
    args = arguments()
    path = Path(args.output)
    result = json.loads(path.read_text()) if path.exists() else {
        "processor": processor(), "cores": os.cpu_count(), "system": platform.platform(), "runs": []}
    wanted = args.systems.split(",")
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/rows.jsonl"
        long_rows(args, data)
        for work in args.work.split(","):
            systems = [name for name in WORK[work] if name in wanted]
            for turn in range(args.rounds):
                for name in systems[turn % len(systems):] + systems[:turn % len(systems)]:
                    machine = Machine(args)
                    yardstick = machine.yardstick()
                    found = SYSTEMS[name](machine, args, work, data)
                    result["runs"].append({
                        "work": work, "system": name, "sgemm_gflops": yardstick, "tokens": args.tokens,
                        "threads": args.threads, "when": datetime.datetime.now().isoformat(timespec="seconds"),
                        "commands": machine.commands, **found})
                    path.write_text(json.dumps(result, indent=1) + "\n")
                    speeds = ", ".join(f"{key} {found[key]:.1f}" for key in ["train", "prompt", "generate"] if key in found)
                    print(f"{work} {name}: {speeds} tokens/s (sgemm {yardstick:.0f} GFLOP/s)", flush=True)


if __name__ == "__main__":
    main()
