"""Speed of `qpeft tokenize` beside `tokenizers`, one core each, in turns in one run, on one text that this script writes.

    python tokenizer_speed.py --qpeft ../../.build/release/qpeft [--megabytes 50] [--rounds 3] DIR...

The text is this repository's own prose and sources and generated words in several scripts, shuffled by lines; it is never
kept. Both sides get the same lines. `tokenizers` is timed inside its process, around `encode_batch_fast` alone in batches of
1,000 lines (its fastest call; RAYON_NUM_THREADS=1); `qpeft` from the start of its process to its end, with loading the
tokenizer, reading the lines and writing the ids. `--whole` gives each side the text as one string instead.
"""
import argparse, glob, json, os, random, subprocess, sys, tempfile, time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")

PEER = """
import sys, time
from tokenizers import Tokenizer
t = Tokenizer.from_file(sys.argv[1])
lines = open(sys.argv[2], encoding="utf-8", newline="\\n").read().split("\\n")[:-1]
start, count = time.time(), 0
for i in range(0, len(lines), 1000):
    count += sum(len(e.ids) for e in t.encode_batch_fast(lines[i:i + 1000]))
print(time.time() - start, count)
"""


def text(megabytes, seed=1):
    r = random.Random(seed)
    patterns = ["*.md", "Docs/**/*.md", "Sources/**/*.swift", "CSupport/**/*.[ch]", "Tests/**/*.py"]
    files = sorted(f for p in patterns for f in glob.glob(os.path.join(ROOT, p), recursive=True))
    lines = [l for f in files for l in open(f, encoding="utf-8").read().split("\n") if l.strip()]
    alphabets = ["etaoinshrdlucmfwypvbgkqjxz", "\u0435\u0430\u043e\u0438\u043d\u0442\u0441\u0440\u0432\u043b\u043a\u043c", "\u03b1\u03b5\u03b9\u03bf\u03c4\u03c3\u03bd\u03c1",
                 "\u4e00\u4e8c\u4e09\u4eba\u5927\u5c0f\u4e2d\u56fd\u65e5\u672c\u4e0d\u4e86\u5728\u6709", "\ud55c\uad6d\uc5b4\uc11c\uc6b8\uac00\ub098\ub2e4"]
    words = ["".join(r.choice(a) for _ in range(r.randrange(2, 11))) for a in alphabets for _ in range(20_000)]
    size, out = 0, []
    while size < megabytes * 1_000_000:
        line = r.choice(lines) if r.random() < 0.7 else " ".join(r.choice(words) for _ in range(r.randrange(3, 25)))
        out.append(line)
        size += len(line.encode()) + 1
    return "\n".join(out) + "\n", size


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("directories", nargs="+", help="directories with a tokenizer.json")
    parser.add_argument("--qpeft", required=True)
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--whole", action="store_true", help="the whole text as one string")
    arguments = parser.parse_args()
    environment = dict(os.environ, RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "text")
        content, size = text(arguments.megabytes)
        if arguments.whole: content = content.replace("\n", " ") + "\n"
        with open(path, "w", encoding="utf-8", newline="\n") as f: f.write(content)
        for directory in arguments.directories:
            best = {"qpeft": float("inf"), "tokenizers": float("inf")}
            for _ in range(arguments.rounds):
                with open(path, "rb") as stdin:
                    start = time.time()
                    done = subprocess.run(["taskset", "-c", "0", arguments.qpeft, "tokenize", "--model", directory], stdin=stdin,
                                          stdout=subprocess.PIPE, env=environment, check=True)
                    best["qpeft"] = min(best["qpeft"], time.time() - start)
                ours = done.stdout.count(b",") + sum(1 for l in done.stdout.split(b"\n") if len(l) > 2)
                peer = subprocess.run(["taskset", "-c", "0", sys.executable, "-c", PEER, os.path.join(directory, "tokenizer.json"), path],
                                      stdout=subprocess.PIPE, env=environment, check=True).stdout.split()
                best["tokenizers"] = min(best["tokenizers"], float(peer[0]))
                assert ours == int(peer[1]), (ours, peer)
            rate = {k: size / v / 1e6 for k, v in best.items()}
            print(json.dumps({"tokenizer": os.path.basename(os.path.normpath(directory)), "megabytes": round(size / 1e6, 1), "whole": arguments.whole,
                              "tokens": ours, "qpeft MB/s": round(rate["qpeft"], 2), "tokenizers MB/s": round(rate["tokenizers"], 2),
                              "ratio": round(rate["qpeft"] / rate["tokenizers"], 2)}), flush=True)


if __name__ == "__main__":
    main()
