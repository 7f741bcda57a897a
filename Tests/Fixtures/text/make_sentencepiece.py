"""Makes the SentencePiece fixtures: small models trained on generated text, and the ids that the `sentencepiece` library
gives for the texts of make_tokenizers.py.

    python make_sentencepiece.py         # writes sentencepiece/NAME.model, NAME.gguf and sentencepiece/NAME.golden.json
"""
import json, os, re, zlib
import gguf, sentencepiece
from tokenizers import normalizers
from make_charsmap import train
from make_tokenizers import Generator, RULES, SEGMENTS, digest, pack, training_text

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sentencepiece")
LINES = [line.strip() for line in training_text()]
MODELS = {
    # As Llama 2 has it.
    "bpe": dict(model_type="bpe", vocab_size=900, byte_fallback=True, normalization_rule_name="identity",
                remove_extra_whitespaces=False),
    # As Gemma has it: no space before a text, pieces of the user's own.
    "gemma": dict(model_type="bpe", vocab_size=900, byte_fallback=True, normalization_rule_name="identity",
                  remove_extra_whitespaces=False, add_dummy_prefix=False, user_defined_symbols=["\u2581\u2581", "\n\n", "<tag>"],
                  pad_id=0, eos_id=1, bos_id=2, unk_id=3),
    # As T5 has it: a character map, no bytes.
    "unigram": dict(model_type="unigram", vocab_size=500, rules=RULES),
}
TEXTS = 2000


def has_other_form(text, message, processor):
    """Where a character map is used, SentencePiece takes the longest entry and the Precompiled normalizer of `tokenizers`,
    which is what we follow, the shortest that a whole character begins with."""
    if "\u2581" in text: return True  # Escaped before or after user-defined pieces are looked for.
    if not message.normalizer_spec.precompiled_charsmap: return False
    mapped = normalizers.Precompiled(message.normalizer_spec.precompiled_charsmap).normalize_str(text)
    words = re.sub(" {2,}", " ", mapped.strip(" "))
    return processor.normalize(text) != (("\u2581" + words) if words else "").replace(" ", "\u2581")


os.makedirs(OUT, exist_ok=True)
for name, options in MODELS.items():
    message = train(LINES, **options)
    # Texts and paths of the training are not needed to encode.
    message.trainer_spec.ClearField("input")
    message.trainer_spec.ClearField("model_prefix")
    message.normalizer_spec.ClearField("normalization_rule_tsv")
    data = message.SerializeToString()
    with open(os.path.join(OUT, name + ".model"), "wb") as f: f.write(data)
    processor = sentencepiece.SentencePieceProcessor(model_proto=data)
    g = Generator(zlib.crc32(name.encode()))
    texts = [g.text() for _ in range(TEXTS)]
    # What stands for special pieces is text to SentencePiece and a token to a tokenizer.json.
    special = [p.piece for p in message.pieces if p.type in (2, 3)]
    skip = [any(s in text for s in special) or has_other_form(text, message, processor) for text in texts]
    ids = ["----" if s else "%04x" % digest(pack(processor.encode(text))) for s, text in zip(skip, texts)]
    # The same vocabulary as a GGUF file has it: user-defined pieces with spaces as spaces.
    writer = gguf.GGUFWriter(os.path.join(OUT, name + ".gguf"), "llama")
    writer.add_tokenizer_model("t5" if message.trainer_spec.model_type == 1 else "llama")
    spelled = lambda p: p.piece.replace("\u2581", " ") if p.type == 4 else p.piece
    writer.add_token_list([spelled(p) for p in message.pieces])
    writer.add_token_scores([p.score for p in message.pieces])
    writer.add_token_types([p.type for p in message.pieces])
    writer.add_add_space_prefix(message.normalizer_spec.add_dummy_prefix)
    writer.add_remove_extra_whitespaces(message.normalizer_spec.remove_extra_whitespaces)
    if message.normalizer_spec.precompiled_charsmap:
        writer.add_precompiled_charsmap(message.normalizer_spec.precompiled_charsmap)
    writer.add_bos_token_id(message.trainer_spec.bos_id)
    writer.add_eos_token_id(message.trainer_spec.eos_id)
    writer.add_unk_token_id(message.trainer_spec.unk_id)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    golden = {"library": "sentencepiece " + sentencepiece.__version__, "texts": TEXTS, "ids": "".join(ids),
              "samples": [{"text": t, "ids": processor.encode(t)} for t, s in zip(texts, skip) if not s][:20]}
    with open(os.path.join(OUT, name + ".golden.json"), "w") as f: json.dump(golden, f, separators=(",", ":"))
    print(name, len(data), len(message.pieces), skip.count(True))
