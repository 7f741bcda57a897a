"""The other programs, each behind the same two questions: what is the loss of these tokens, and how do you go on from them?"""

import contextlib
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "References"))

import numpy as np
import torch

import reference_common as common


def mean_loss(logits, ids):
    """Mean cross-entropy of tokens 1... under logits [n, vocabulary], in double."""
    logits = np.asarray(logits, dtype=np.float64)[: len(ids) - 1]
    top = logits.max(axis=1, keepdims=True)
    sums = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
    return float((sums - logits[np.arange(len(ids) - 1), ids[1:]]).mean())


class Peer:
    """A model with logits [n, vocabulary] of n tokens."""

    def loss(self, ids):
        return mean_loss(self.logits(ids), ids)

    def go_on(self, ids, count, ends):
        ids = list(ids)
        start = len(ids)
        for _ in range(count):
            token = int(self.logits(ids)[-1].argmax())
            if token in ends:
                break
            ids.append(token)
        return ids[start:]


class Transformers(Peer):
    """transformers, with bitsandbytes where the directory is quantized, with peft where there is an adapter; float32."""

    def __init__(self, directory, adapter=None):
        import json

        quantized = "quantization_config" in json.loads((Path(directory) / "config.json").read_text())
        common.true_float32()
        self.model = common.load_4bit(directory) if quantized else common.load_dense(directory)
        if adapter:
            from peft import PeftModel

            self.model = PeftModel.from_pretrained(self.model, adapter).train(False)
            # Evaluation without dropout; quantized layers stay unpacked (see reference_common).
        common.assert_not_repacked(self.model)

    def logits(self, ids):
        with torch.no_grad():
            return self.model(input_ids=torch.tensor([ids])).logits[0].float().numpy()


class LlamaCpp(Peer):
    """llama.cpp through llama-cpp-python, with a GGUF adapter where there is one."""

    def __init__(self, path, adapter=None, vocabulary_only=False):
        from llama_cpp import Llama

        with quiet():
            self.model = Llama(
                str(path), lora_path=str(adapter) if adapter else None, n_ctx=1024, n_batch=512, logits_all=True, verbose=False,
                n_threads=os.cpu_count(), flash_attn=False, type_k=0, type_v=0, vocab_only=vocabulary_only)

    def tokens(self, text, special=False):
        return self.model.tokenize(text.encode(), add_bos=False, special=special)

    def logits(self, ids):
        self.model.reset()
        with quiet():
            self.model.eval(list(ids))
        return np.array(self.model.scores[: len(ids)])


class MLX(Peer):
    """mlx-lm on mlx's CPU back end."""

    def __init__(self, directory, adapter=None):
        from mlx_lm.utils import load

        self.model, _ = load(str(directory), adapter_path=str(adapter) if adapter else None)
        import mlx.core as mx

        self.mx = mx
        self.model.set_dtype(mx.float32)

    def logits(self, ids):
        return np.array(self.model(self.mx.array([ids]))[0].astype(self.mx.float32))


@contextlib.contextmanager
def quiet():
    """llama.cpp talks on the standard error output whatever one asks."""
    null, saved = os.open(os.devnull, os.O_WRONLY), os.dup(2)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(null)
        os.close(saved)
