"""Compiles normalization rules to the map that SentencePiece models and the Precompiled normalizer hold."""
import os, tempfile
import sentencepiece
from sentencepiece import sentencepiece_model_pb2


def train(lines, **options):
    """A SentencePiece model of these lines, as its message."""
    with tempfile.TemporaryDirectory() as folder:
        text = os.path.join(folder, "text")
        with open(text, "w") as f: f.write("\n".join(lines) + "\n")
        rules = options.pop("rules", None)
        if rules is not None:
            options["normalization_rule_tsv"] = os.path.join(folder, "rules.tsv")
            spell = lambda s: " ".join("%X" % ord(c) for c in s)
            with open(options["normalization_rule_tsv"], "w") as f:
                for source, target in rules.items(): f.write(f"{spell(source)}\t{spell(target)}\n")
        sentencepiece.SentencePieceTrainer.train(
            input=text, model_prefix=os.path.join(folder, "model"), minloglevel=2, hard_vocab_limit=False,
            num_threads=1, **options)
        message = sentencepiece_model_pb2.ModelProto()
        with open(os.path.join(folder, "model.model"), "rb") as f: message.ParseFromString(f.read())
        return message


def charsmap(rules):
    lines = [f"hello world abc def ghi {i}" for i in range(200)]
    return train(lines, vocab_size=40, rules=rules).normalizer_spec.precompiled_charsmap
