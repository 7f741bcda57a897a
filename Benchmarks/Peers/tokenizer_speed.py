"""Speed of `qpeft tokenize` beside `tokenizers`, one core each, in turns in one run, on one text that this script writes.

    python tokenizer_speed.py --qpeft ../../.build/release/qpeft [--megabytes 50] [--rounds 3] [--kinds KIND...] [DIR...]

Without directories four tokenizers of 32,000 pieces are trained on a part of the text and kept in `--vocabularies`: byte-level
BPE with Llama 3's pattern, BPE as SentencePiece has it with byte fallback (Llama 2's pipeline), Unigram (T5's) and WordPiece (BERT's).

The text is this repository's own prose and sources and generated words in several scripts, shuffled by lines; it is never
kept. Both sides get the same lines and one core; what is counted is processor time, which other work on the machine changes
little. Of `tokenizers` it is that of `encode_batch_fast` alone in batches of 1,000 lines (its fastest call;
RAYON_NUM_THREADS=1); of `qpeft` that of its whole process, with loading the tokenizer, reading the lines and writing the
ids. `--whole` gives each side the text as one string instead.
"""
import argparse, glob, json, os, random, resource, subprocess, sys, tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")

PEER = """
import sys, time
from tokenizers import Tokenizer
t = Tokenizer.from_file(sys.argv[1])
lines = open(sys.argv[2], encoding="utf-8", newline="\\n").read().split("\\n")[:-1]
start, count = time.process_time(), 0
for i in range(0, len(lines), 1000):
    count += sum(len(e.ids) for e in t.encode_batch_fast(lines[i:i + 1000]))
print(time.process_time() - start, count)
"""


def spent():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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


def train(kind, lines, folder):
    """Writes a tokenizer.json of a kind, with a vocabulary of the lines."""
    import tokenizers as T
    from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers
    size, special = 32_000, ["<unk>", "<s>", "</s>"]
    metaspace = pre_tokenizers.Metaspace(prepend_scheme="always")
    if kind == "byte-level":
        tokenizer = T.Tokenizer(models.BPE())
        pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(T.Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    elif kind == "sentencepiece":
        tokenizer = T.Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
        tokenizer.pre_tokenizer = metaspace
        tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
        trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special + [f"<0x{b:02X}>" for b in range(256)], show_progress=False)
    elif kind == "unigram":
        tokenizer = T.Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer, tokenizer.decoder = metaspace, decoders.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=special, unk_token="<unk>", show_progress=False)
    else:
        tokenizer = T.Tokenizer(models.WordPiece(unk_token="<unk>"))
        tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(lines, trainer)
    content = json.loads(tokenizer.to_str())
    if kind == "sentencepiece":
        # Llama 2 cuts nothing beforehand: a line is one word.
        content["pre_tokenizer"] = None
        content["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8") as f: json.dump(content, f, ensure_ascii=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("directories", nargs="*", help="directories with a tokenizer.json")
    parser.add_argument("--kinds", nargs="+", default=["byte-level", "sentencepiece", "unigram", "wordpiece"])
    parser.add_argument("--vocabularies", default=os.path.join(tempfile.gettempdir(), "qpeft-vocabularies"))
    parser.add_argument("--only-train", action="store_true", help="train the tokenizers and stop")
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
        directories = arguments.directories or [os.path.join(arguments.vocabularies, k) for k in arguments.kinds]
        for directory in directories:
            if not arguments.directories and not os.path.exists(os.path.join(directory, "tokenizer.json")):
                train(os.path.basename(directory), content.split("\n")[:40_000], directory)
        if arguments.only_train: return
        for directory in directories:
            best = {"qpeft": float("inf"), "tokenizers": float("inf")}
            for _ in range(arguments.rounds):
                with open(path, "rb") as stdin:
                    start = spent()
                    done = subprocess.run(["taskset", "-c", "0", arguments.qpeft, "tokenize", "--model", directory], stdin=stdin,
                                          stdout=subprocess.PIPE, env=environment, check=True)
                    best["qpeft"] = min(best["qpeft"], spent() - start)
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
