"""Asks `tokenizers` and `qpeft tokenize` for the ids of random and adversarial Unicode texts, and for the text of random
ids, and compares them. Differences are printed; exit code 1 if there are any.

    python compare_tokenizers.py --qpeft .build/release/qpeft --count 1000000 [--seed 1] DIR_OR_JSON...

Each DIR holds a `tokenizer.json`; a path to such a file under any name will do. Texts are drawn anew from the seed: runs of
scalars of every plane, pieces of natural text in many scripts, joiners, marks, Hangul, emoji sequences, white space of all
kinds, control characters, added tokens with and without space around them, long runs, and pieces of the vocabulary itself.
"""
import argparse, json, os, random, shutil, subprocess, sys, tempfile, time
from tokenizers import Tokenizer, __version__

SCRIPTS = [(0x20, 0x7F), (0xA0, 0x250), (0x250, 0x370), (0x300, 0x370), (0x370, 0x530), (0x590, 0x700), (0x900, 0xD80),
           (0xE00, 0xF00), (0x1000, 0x1200), (0x1100, 0x1200), (0x1E00, 0x2000), (0x2000, 0x2070), (0x2070, 0x2C00),
           (0x3000, 0x3400), (0x4E00, 0xA000), (0xA000, 0xAC00), (0xAC00, 0xD7FF), (0xE000, 0xF900), (0xF900, 0x10000),
           (0x10000, 0x12000), (0x1D000, 0x1E000), (0x1F000, 0x1FB00), (0x20000, 0x30000), (0xE0000, 0xE0200), (0, 0x110000)]
PIECES = [" ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", "\r", "\x0b", "\x0c", "\x85", "\u00a0", "\u2028", "\u3000", "\u200b",
          "\u200c", "\u200d", "\ufeff", "\x00", "\x01", "\x7f", "\u00ad", "\ufffd", "\ufffe", "\ufe0f", "\u20e3", "\u0301",
          "\u0300\u0316", "e\u0301", "\u1112\u1161\u11ab", "\u0915\u094d\u0937", "\u0e33", "\U0001f468\u200d\U0001f469",
          "\U0001f1e9\U0001f1ea", "\u2581", "\u2581\u2581", "\u0120", "\u010a", "'s", "'S", "'ll", "'\u017f", "don't", "DON'T",
          "1234567", "3.14", "\u0663", "\u00bd", "!!", "...", "()", "<|", "|>", "##", "##ing", "<unk>", "<0x41>", "<0xZZ>", "_", "-",
          "Hello", "hello", "WORLD", "camelCase", "snake_case", "Stra\u00dfe", "\u1e9e", "\u0130", "\u01c5", "\u4f60\u597d", "\u3053\u3093",
          "\u0e2a\u0e27", "\u0928\u092e\u0938\u094d\u0924\u0947", "\u05e9\u05dc\u05d5\u05dd", "\u0645\u064e\u0651", "a" * 60, "ab" * 40,
          "=" * 70, " " * 40, "\n" * 20, "x" * 120, "https://example.org/?a=b&c=%20", "{\"key\": [1, null]}", "def f(x):\n    return x\n"]


class Texts:
    def __init__(self, tokenizer, seed):
        self.random = random.Random(seed)
        vocabulary = sorted(tokenizer.get_vocab())
        self.vocabulary = [vocabulary[self.random.randrange(len(vocabulary))] for _ in range(2000)]
        self.added = [t.content for t in tokenizer.get_added_tokens_decoder().values()][:200]
        self.size = tokenizer.get_vocab_size()

    def scalar(self):
        low, high = self.random.choice(SCRIPTS)
        c = self.random.randrange(low, high)
        return "?" if 0xD800 <= c < 0xE000 else chr(c)

    def text(self):
        r, parts = self.random, []
        for _ in range(r.choice([0, 1, 1, 2, 3, 4, 6, 9, 14])):
            kind = r.randrange(12)
            if kind < 4: parts.append("".join(self.scalar() for _ in range(r.randrange(1, 6))))
            elif kind < 9: parts.append(r.choice(PIECES))
            elif kind < 11: parts.append(r.choice(self.vocabulary).replace("\u2581", " ").replace("\u0120", " "))
            elif self.added: parts.append(r.choice(["", " ", "  ", "\n", "x"]) + r.choice(self.added) + r.choice(["", " ", "x"]))
        return "".join(parts)

    def ids(self):
        r = self.random
        return [r.randrange(self.size + 3) for _ in range(r.randrange(0, 24))]


class Command:
    """`qpeft tokenize` on a batch of lines."""

    def __init__(self, qpeft, path):
        self.qpeft, self.folder = qpeft, tempfile.mkdtemp()
        source = os.path.join(path, "tokenizer.json") if os.path.isdir(path) else path
        shutil.copy(source, os.path.join(self.folder, "tokenizer.json"))

    def __call__(self, lines, *options):
        done = subprocess.run([self.qpeft, "tokenize", "--model", self.folder, *options], input="\n".join(lines) + "\n",
                              capture_output=True, text=True, encoding="utf-8", errors="surrogatepass")
        if done.returncode != 0: sys.exit(f"{self.folder}: {done.stderr}")
        results = done.stdout.split("\n")[:-1]
        assert len(results) == len(lines), (len(results), len(lines))
        return [json.loads(r) for r in results]


def compare(qpeft, path, count, seed, shown):
    library = Tokenizer.from_file(os.path.join(path, "tokenizer.json") if os.path.isdir(path) else path)
    library.no_truncation(), library.no_padding()
    texts, command, batch = Texts(library, seed), Command(qpeft, path), 20_000
    start, differ, done = time.time(), [], 0
    while done < count:
        size = min(batch, count - done)
        given = [texts.text() for _ in range(size)]
        ours = command([json.dumps(t) for t in given], "--json")
        theirs = [e.ids for e in library.encode_batch_fast(given)]
        for text, a, b in zip(given, ours, theirs):
            if a != b: differ.append(("encode", text, a, b))
        # Back again: the ids of the texts, and random ones.
        rows = [ids if i % 2 else texts.ids() for i, ids in enumerate(theirs)]
        for skip, options in ((False, []), (True, ["--no-special-tokens"])):
            ours = command([json.dumps(r) for r in rows], "--json", "--decode", *options)
            theirs_text = library.decode_batch(rows, skip_special_tokens=skip)
            for row, a, b in zip(rows, ours, theirs_text):
                if a != b: differ.append((f"decode{' skipping' if skip else ''}", row, a, b))
        done += size
    shutil.rmtree(command.folder)
    print(f"{os.path.basename(path)}: {done} texts, {2 * done} decodings, {len(differ)} differ, {time.time() - start:.0f} s", flush=True)
    for kind, given, a, b in differ[:shown]:
        print(f"  {kind} {ascii(given)}\n    qpeft      {ascii(a)}\n    tokenizers {ascii(b)}", flush=True)
    return len(differ)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--qpeft", required=True)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shown", type=int, default=5, help="differences to print of each tokenizer")
    arguments = parser.parse_args()
    print("tokenizers", __version__)
    found = [compare(arguments.qpeft, p, arguments.count, arguments.seed, arguments.shown) for p in arguments.paths]
    sys.exit(1 if any(found) else 0)
