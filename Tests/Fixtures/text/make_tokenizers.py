"""Makes the tokenizer fixtures: small tokenizers of every published family, trained on generated text, and what the
`tokenizers` library answers for random and adversarial texts.

    python make_tokenizers.py            # writes tokenizers/NAME.json and tokenizers/NAME.golden.json beside this file

The texts are not stored: both sides draw them with SplitMix64 from `segments.json` (TextGenerator.swift is the twin
of `Generator` below). Stored are 16 bits of a CRC-32 of the ids per text, and the ids themselves of a few texts.
"""
import json, os, struct, sys, zlib
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors,
                        trainers, __version__)
from make_charsmap import train

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "tokenizers")
MASK = (1 << 64) - 1

SEGMENTS = [
    " ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", " \n", "\n ", "\u00a0", "\u3000", "\u2028", "\u0085", "\u200b",
    "\u180e", "\ufeff", "\x00", "\x1c", "\x7f", "'s", "'S", "'\u017f", "'t", "'re", "'RE", "'ve", "'m", "'ll", "'LL",
    "'d", "'", "\u2019s", "I'm", "we'll", "hello", "Hello", " world", " the", "HELLO", "camelCase", "snake_case",
    "1", "12", "123", "1234567", "3.14", "\u0663\u0664", "\u00b2", "\u00bd", "\u2167", "\u4e09", "\u0e53", "0x1F",
    "!", "...", "?!", "()", "{}", "[]", "//", "#include", "a.b", "$5", "<|", "|>", "<tag>", "</s>", "<s>", "-", "--",
    "\u00e9", "e\u0301", "E\u0301\u0323", "\u1e69", "s\u0323\u0307", "\u0344", "\u212b", "\u2126", "\u0958",
    "\ufb01", "\uff21\uff22", "\u00df", "\u1e9e", "\u0130", "\u01c5", "\u03c2", "\u212a",
    "\u4f60\u597d", "\u4e16\u754c", "\u3042\u3044", "\u30a2", "\uac00", "\ud55c\uae00", "\u1112\u1161\u11ab",
    "\u1100", "\u1161", "\u11a8", "\u3131", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u0928\u092e\u0938\u094d\u0924\u0947",
    "\u0627\u0644\u0633\u0644\u0627\u0645", "\u05e9\u05dc\u05d5\u05dd", "\u0645\u064e\u0651", "\u1f600", "\U0001f600",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\U0001f44d\U0001f3fd", "\u2764\ufe0f",
    "\u0489", "\u20e3", "\u0301", "\u0300\u0316", "\u0316\u0300", "\u302a", "\U0001d15e", "\U000e0041", "\ufffd",
    "\ufffe", "\U0010ffff", "\U00020000", "\u24b6", "\u203f", "_", "\u200c", "\u200d", "\u2581", "\u2581a", "\u0120",
    "\u00ad", "\u061c", "\u202e", "<|a|>", "<|b|>", "<|c|>", "<|c|><|d|>", "<|d|>", "word", "words", "sword", "Stra\u00dfe",
    "<|norm|>", "<0x41>", "<0x0A>", "<unk>", "caf\u00e9", "cafe\u0301", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "abababababababababababababababababababababababababababababababab", "=" * 70, " " * 40, "\n" * 20,
]


class Generator:
    """SplitMix64, and texts drawn with it."""

    def __init__(self, seed):
        self.state = seed & MASK

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, n):
        return self.next() % n

    def scalar(self):
        kind = self.below(8)
        top = [0x80, 0x80, 0x250, 0x600, 0x3000, 0x10000, 0x20000, 0x110000][kind]
        c = self.below(top)
        return 0x61 if 0xD800 <= c < 0xE000 else c

    def text(self):
        parts = []
        for _ in range(1 + self.below(12)):
            kind = self.below(4)
            if kind == 0:
                parts.append("".join(chr(self.scalar()) for _ in range(1 + self.below(4))))
            else:
                parts.append(SEGMENTS[self.below(len(SEGMENTS))])
        return "".join(parts)


def digest(data):
    return zlib.crc32(data) & 0xFFFF


def pack(ids):
    return struct.pack("<%di" % len(ids), *ids)


def training_text():
    g = Generator(7)
    syllables = ["ka", "lo", "mi", "ter", "an", "shu", "bra", "ing", "ed", "un", "re", "the", "qu", "ou", "st", "en",
                 "\u00e9", "\u00df", "\u0434\u0430", "\u043d\u0435", "\u03b1\u03c2", "\u4f60", "\u597d", "\u3042", "\ud55c", "12", "2024", "x_"]
    words = ["".join(syllables[g.below(len(syllables))] for _ in range(1 + g.below(4))) for _ in range(400)]
    words += ["hello", "Hello", "world", "the", "words", "word", "caf\u00e9", "return", "import", "don't", "we'll", "it's"]
    lines = []
    for _ in range(1500):
        parts = []
        for _ in range(3 + g.below(10)):
            w = words[min(g.below(len(words)), g.below(len(words)))]
            kind = g.below(10)
            parts.append(w.capitalize() if kind == 0 else w + "," if kind == 1 else "  " + w if kind == 2 else w)
        lines.append(" ".join(parts) + [".", "!", " {\n    }", "?\n\n", ""][g.below(5)])
    return lines


LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
CL100K = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]"
          r"|\s+(?!\S)|\s+")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK3 = [r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
             "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
             "| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"]
DEEPSEEK1 = ["[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", "\\s+$", "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"]
PT = pre_tokenizers
BYTES = PT.ByteLevel(add_prefix_space=False, use_regex=False)
ALPHABET = PT.ByteLevel.alphabet()


def split(pattern, behavior="isolated", invert=False):
    return PT.Split(Regex(pattern), behavior, invert)


def trained(pre_tokenizer, normalizer=None, vocab=700, alphabet=ALPHABET, **model):
    t = Tokenizer(models.BPE(**model))
    t.pre_tokenizer = pre_tokenizer
    if normalizer: t.normalizer = normalizer
    t.train_from_iterator(training_text(), trainers.BpeTrainer(
        vocab_size=vocab, initial_alphabet=sorted(alphabet) if alphabet else [], show_progress=False,
        special_tokens=["<unk>"] if "unk_token" in model else []))
    t.decoder = decoders.ByteLevel()
    return t


def specials(t, *more):
    t.add_special_tokens([AddedToken("<|a|>", normalized=False), AddedToken("<|b|>", lstrip=True, normalized=False),
                          AddedToken("<|c|>", rstrip=True, normalized=False), *more])
    return t


def bos(t, name="<|a|>"):
    return processors.TemplateProcessing(single=f"{name} $A", pair=f"{name} $A $B:1", special_tokens=[(name, t.token_to_id(name))])


def gpt2():
    return specials(trained(PT.ByteLevel(add_prefix_space=False)))


def gpt2_prefix_space():
    t = trained(PT.ByteLevel(add_prefix_space=True))
    t.add_tokens([AddedToken("word", single_word=True), AddedToken("<|norm|>", normalized=True), AddedToken("<|d|>", lstrip=True, rstrip=True),
                  AddedToken("\u00e9", normalized=False)])
    specials(t, AddedToken("<s>", normalized=False), AddedToken("</s>", normalized=False))
    t.post_processor = processors.RobertaProcessing(("</s>", t.token_to_id("</s>")), ("<s>", t.token_to_id("<s>")))
    return t


def llama3():
    t = trained(PT.Sequence([split(LLAMA3), BYTES]), ignore_merges=True)
    # Words that are in the vocabulary but that no merge makes: taken whole.
    j = json.loads(t.to_str())
    for w in ["\u0120zzz", "qqq", "\u0120sword"]: j["model"]["vocab"][w] = len(j["model"]["vocab"])
    j["model"]["merges"] = [" ".join(m) for m in j["model"]["merges"]]
    t = specials(Tokenizer.from_str(json.dumps(j)))
    t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), bos(t)])
    return t


def qwen2():
    return specials(trained(PT.Sequence([split(QWEN2), BYTES]), normalizers.NFC()), AddedToken("cafe\u0301", special=False, normalized=True))


def smollm():
    return specials(trained(PT.Sequence([PT.Digits(individual_digits=True), PT.ByteLevel(add_prefix_space=False)])))


def deepseek1():
    return specials(trained(PT.Sequence([split(p) for p in DEEPSEEK1] + [PT.Digits(individual_digits=True), BYTES])))


def deepseek3():
    return specials(trained(PT.Sequence([split(p) for p in DEEPSEEK3] + [BYTES])))


def o200k():
    return specials(trained(PT.Sequence([split(O200K), BYTES])))


def cl100k():
    return specials(trained(PT.Sequence([split(CL100K, "removed", True), BYTES])))


def small_alphabet():
    # Bytes that the vocabulary lacks vanish: there is no unknown token.
    return specials(trained(PT.ByteLevel(add_prefix_space=False), vocab=300, alphabet=None))


def sentencepiece(trainer_pre=None):
    t = trained(PT.Metaspace(), alphabet=None, vocab=500, unk_token="<unk>")
    j = json.loads(t.to_str())
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for b in range(256): vocab["<0x%02X>" % b] = len(vocab)
    for w in j["model"]["vocab"]:
        if w not in vocab: vocab[w] = len(vocab)
    return vocab, [tuple(m) for m in j["model"]["merges"]]


def llama2():
    vocab, merges = sentencepiece()
    t = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    t.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    specials(t, *[AddedToken(x, normalized=False) for x in ("<unk>", "<s>", "</s>")])
    t.post_processor = bos(t, "<s>")
    return t


def mistral():
    vocab, merges = sentencepiece()
    t = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.pre_tokenizer = PT.Metaspace(prepend_scheme="first", split=False)
    t.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    specials(t, *[AddedToken(x, normalized=True) for x in ("<s>", "</s>")])
    t.post_processor = bos(t, "<s>")
    return t


def no_fallback():
    vocab, merges = sentencepiece()
    vocab = {w: i for i, w in enumerate(w for w in vocab if not (w.startswith("<0x") and len(w) == 6))}
    t = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=False))
    t.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Strip(), normalizers.Lowercase()])
    t.pre_tokenizer = PT.Sequence([PT.WhitespaceSplit(), PT.Punctuation("merged_with_previous"), PT.Metaspace(prepend_scheme="always")])
    t.decoder = decoders.Metaspace()
    return specials(t)


def behaviours():
    t = trained(PT.Sequence([split("[aeiou]", "merged_with_next"), split(r"\d+", "merged_with_previous"),
                             split("(?<=x)y|(?i)stra(?:\u00df|ss)e", "contiguous"), PT.Digits(individual_digits=False), BYTES]), normalizers.NFKD())
    return specials(t)


def nfd():
    return specials(trained(PT.ByteLevel(add_prefix_space=False), normalizers.NFD()))


RULES = {"\ufb01": "fi", "\u00bd": " 1/2", "\u3000": " ", "\u00a0": " ", "\t": " ", "\r\n": " ", "\n": " ", "\u00ad": "",
         "\u200b": "", "\u212b": "\u00e5", "e\u0301": "\u00e9", "\uff21": "A", "\u0489": "", "\u0e33": "\u0e4d\u0e32",
         "\u1112\u1161\u11ab": "\ud55c", "\u1100": "g", "\u2764": "<3", "\U0001f600": ":)", "\u0958": "k", "\u00a9": "(c)",
         "\U0001f1e9": "D"}


def unigram():
    """As T5 has it: a character map, Metaspace, no bytes to fall back on."""
    m = train([l.strip() for l in training_text()], vocab_size=500, model_type="unigram", rules=RULES)
    t = Tokenizer(models.Unigram([(p.piece, p.score) for p in m.pieces], m.trainer_spec.unk_id, False))
    t.normalizer = normalizers.Sequence([normalizers.Precompiled(m.normalizer_spec.precompiled_charsmap),
                                         normalizers.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = PT.Metaspace()
    t.decoder = decoders.Metaspace()
    specials(t, *[AddedToken(x, normalized=False) for x in ("<unk>", "<s>", "</s>")])
    t.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>",
                                                     special_tokens=[("</s>", t.token_to_id("</s>"))])
    return t


def unigram_fallback():
    """Whole texts as one word, with bytes to fall back on and pieces that cross spaces."""
    m = train([l.strip() for l in training_text()], vocab_size=800, model_type="unigram", byte_fallback=True,
              split_by_whitespace=False, rules=RULES)
    t = Tokenizer(models.Unigram([(p.piece, p.score) for p in m.pieces], m.trainer_spec.unk_id, True))
    t.pre_tokenizer = PT.Metaspace(prepend_scheme="first", split=False)
    t.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                   decoders.Strip(" ", 1, 0)])
    return specials(t, *[AddedToken(x, normalized=False) for x in ("<s>", "</s>")])


def wordpiece():
    t = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=50))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = PT.BertPreTokenizer()
    t.train_from_iterator(training_text(), trainers.WordPieceTrainer(
        vocab_size=600, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False))
    t.decoder = decoders.WordPiece()
    t.post_processor = processors.BertProcessing(("[SEP]", t.token_to_id("[SEP]")), ("[CLS]", t.token_to_id("[CLS]")))
    return specials(t, AddedToken("word", single_word=True), AddedToken("\u00e9", normalized=True))


def wordpiece_cased():
    t = wordpiece()
    t.normalizer = normalizers.Sequence([normalizers.BertNormalizer(lowercase=False, handle_chinese_chars=False),
                                         normalizers.NFKD(), normalizers.StripAccents()])
    t.pre_tokenizer = PT.Sequence([PT.CharDelimiterSplit("_"), PT.Whitespace()])
    t.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    return t


def gemma():
    """Spaces as a mark, words cut before them, runs of white space as added tokens of their own."""
    vocab, merges = sentencepiece()
    t = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Replace(" ", "\u2581")
    t.pre_tokenizer = split(" ", "merged_with_previous")
    t.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    t.add_tokens([AddedToken(x, normalized=False) for x in ("\n\n", "\n\n\n", "  ", "   ", "\u2581\u2581", "<tag>")])
    specials(t, *[AddedToken(x, normalized=False) for x in ("<unk>", "<s>", "</s>")])
    t.post_processor = bos(t, "<s>")
    return t


FAMILIES = [gpt2, gpt2_prefix_space, llama3, qwen2, smollm, deepseek1, deepseek3, o200k, cl100k, small_alphabet, llama2,
            mistral, no_fallback, behaviours, nfd, unigram, unigram_fallback, wordpiece, wordpiece_cased, gemma]
TEXTS = 3000
SWEEP = {"qwen2", "llama3", "o200k", "smollm", "nfd", "behaviours", "no_fallback", "deepseek3", "deepseek1",
         "unigram", "wordpiece", "wordpiece_cased"}


def sweep_text(block):
    return "".join(f"a{chr(c)}1 {chr(c)} e{chr(c)}" for c in range(block * 256, block * 256 + 256) if not 0xD800 <= c < 0xE000)


def golden(name, t):
    g = Generator(zlib.crc32(name.encode()))
    texts = [g.text() for _ in range(TEXTS)]
    encodings = [t.encode(x) for x in texts]
    ids = "".join("%04x" % digest(pack(e.ids)) for e in encodings)
    size = t.get_vocab_size()
    streams = [[g.below(size + 2) for _ in range(1 + g.below(20))] for _ in range(500)]
    decode = lambda skip: "".join("%04x" % digest(t.decode(s, skip_special_tokens=skip).encode()) for s in streams)
    result = {"library": "tokenizers " + __version__, "texts": TEXTS, "ids": ids, "streams": 500, "vocabulary": size,
              "decoded": decode(True), "decodedWithSpecial": decode(False),
              "samples": [{"text": x, "ids": e.ids, "bare": t.encode(x, add_special_tokens=False).ids} for x, e in zip(texts[:25], encodings)]}
    if name in SWEEP:
        result["sweep"] = "".join("%04x" % digest(pack(t.encode(sweep_text(b)).ids)) for b in range(0x1100))
    return result


if __name__ == "__main__":
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(HERE, "segments.json"), "w") as f: json.dump(SEGMENTS, f, ensure_ascii=True, separators=(",", ":"))
    for family in FAMILIES:
        name = family.__name__
        if sys.argv[1:] and name not in sys.argv[1:]: continue
        t = family()
        text = t.to_str(pretty=False)
        with open(os.path.join(OUT, name + ".json"), "w") as f: f.write(text)
        with open(os.path.join(OUT, name + ".golden.json"), "w") as f: json.dump(golden(name, t), f, separators=(",", ":"))
        print(name, len(text))
