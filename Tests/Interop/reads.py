"""Files that the other libraries write, read by qpeft: each check compares two losses of the same text, or two lists of numbers."""

import json
import subprocess
from types import SimpleNamespace

import numpy as np
import torch

from compare_tokenizers import Texts
from peers import MLX, LlamaCpp, Transformers, common

TEXT = common.FIXTURES / "text-eval" / "prose.txt"

OPTIONS = {
    "rank 4": {},
    "rsLoRA": {"use_rslora": True},
    "DoRA": {"use_dora": True},
    "patterns": {"rank_pattern": {"q_proj": 2, r"layers\.3\.mlp\.down_proj": 8}, "alpha_pattern": {"v_proj": 3}},
    "biases of B": {"lora_bias": True},
    "modules trained whole": {"modules_to_save": ["norm", "lm_head"]},
    "some layers": {"layers_to_transform": [0, 5, 29], "layers_pattern": "layers"},
    "excluded layers": {"exclude_modules": ["v_proj"]},
    "targets by a regular expression": {"target_modules": r".*\.(1|2)\d\.self_attn\.[qo]_proj"},
}


def bitsandbytes(check, qpeft, work, plain, tokenizer, ids):
    """All kinds of checkpoints that transformers writes in 4 bits, one of them in shards."""
    for quant, double, storage, saving in (
        ("nf4", True, torch.uint8, {"max_shard_size": "30MB"}),
        ("nf4", False, torch.bfloat16, {}),
        ("fp4", True, torch.float16, {}),
        ("fp4", False, torch.float32, {}),
    ):
        theirs = work / f"bitsandbytes-{quant}-{double}"
        common.quantize_directory(plain, theirs, torch.bfloat16, quant, double, storage, **saving)
        tokenizer.save_pretrained(theirs)
        kind = f"{quant}{', double quantization' if double else ''}, stored as {str(storage).removeprefix('torch.')}"
        shards = len(list(theirs.glob("*.safetensors")))
        check(f"bitsandbytes {kind}, {shards} file(s)", qpeft.loss(theirs), Transformers(theirs).loss(ids), 2e-4)


def peft_adapters(check, qpeft, work, plain, ids):
    import peft

    for number, (name, settings) in enumerate(OPTIONS.items()):
        saved = work / f"peft-{number}"
        torch.manual_seed(4)
        config = peft.LoraConfig(
            **{"r": 4, "lora_alpha": 8, "task_type": "CAUSAL_LM", "target_modules": ["q_proj", "v_proj", "down_proj"], **settings})
        model = peft.get_peft_model(common.load_dense(plain), config)
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data += 0.02 * torch.randn_like(parameter) * (parameter.abs().mean() + 1)
        model.save_pretrained(saved)
        del model
        check(f"peft adapter, {name}", qpeft.loss(plain, saved), Transformers(plain, saved).loss(ids), 2e-4)


def mlx_adapters(check, qpeft, work, plain, ids):
    import mlx.core as mx
    from mlx.utils import tree_flatten, tree_map_with_path
    from mlx_lm.tuner.utils import linear_to_lora_layers
    from mlx_lm.utils import load

    for kind in ("lora", "dora"):
        saved = work / f"mlx-{kind}"
        saved.mkdir()
        settings = {
            "fine_tune_type": kind, "num_layers": 8,
            "lora_parameters": {"rank": 4, "scale": 5.0, "dropout": 0.0, "keys": ["self_attn.q_proj", "mlp.down_proj"]},
        }
        (saved / "adapter_config.json").write_text(json.dumps(settings))
        mx.random.seed(6)
        model, _ = load(str(plain))
        model.set_dtype(mx.float32)
        model.freeze()
        linear_to_lora_layers(model, settings["num_layers"], settings["lora_parameters"], use_dora=kind == "dora")
        changed = tree_map_with_path(
            lambda path, x: x + 0.02 * mx.random.normal(x.shape) if path.endswith("lora_b") else x, model.trainable_parameters())
        mx.save_safetensors(str(saved / "adapters.safetensors"), dict(tree_flatten(changed)))
        check(f"mlx adapter, {kind}", qpeft.loss(plain, saved), MLX(plain, saved).loss(ids), 2e-3)


class Vocabulary:
    """The tokens of a GGUF file, as `Texts` asks for them."""

    def __init__(self, file):
        self.tokens = file.fields["tokenizer.ggml.tokens"].contents()
        kinds = file.fields["tokenizer.ggml.token_type"].contents()
        self.added = {i: SimpleNamespace(content=t) for i, (t, kind) in enumerate(zip(self.tokens, kinds)) if kind in (3, 4)}

    def get_vocab(self):
        return {token: i for i, token in enumerate(self.tokens)}

    def get_added_tokens_decoder(self):
        return self.added

    def get_vocab_size(self):
        return len(self.tokens)


def gemma(check, check_same, qpeft, work, path):
    """A model of another family: what is in the file, every number that it decodes to, and its vocabulary."""
    import gguf

    file = gguf.GGUFReader(path)
    decoded = work / "gemma-f32.gguf"
    writer = gguf.GGUFWriter(decoded, "gemma3")
    for tensor in file.tensors:
        numbers = gguf.dequantize(tensor.data, tensor.tensor_type)
        writer.add_tensor(tensor.name, np.ascontiguousarray(numbers, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = qpeft.json("inspect", path, "--source", decoded)
    check_same("Gemma 3, tensors and their types", [(t["name"], t["type"]) for t in found["tensors"]], [
        (t.name, t.tensor_type.name) for t in file.tensors])
    check("Gemma 3, parameters", int(found["facts"]["parameters"]), sum(int(t.n_elements) for t in file.tensors), 0)
    check("Gemma 3, largest difference of a decoded number from gguf's", max(e["largest_error"] for e in found["errors"]), 0, 0)
    check_same("Gemma 3, tensors that were compared", len(found["errors"]), len(file.tensors))

    refusal = subprocess.run([qpeft.path, "quantize", path, "--output", work / "gemma-nf4"], capture_output=True, text=True)
    check_same("Gemma 3 is refused for computing, by name", (refusal.returncode, "gemma3 is not supported" in refusal.stderr), (1, True))

    llama = LlamaCpp(path, vocabulary_only=True)
    draw = Texts(Vocabulary(file), seed=1)
    texts = TEXT.read_text().split("\n") + [TEXT.read_text()] + [draw.text() for _ in range(5000)]
    done = subprocess.run(
        [qpeft.path, "tokenize", "--json", "--model", path], input="\n".join(map(json.dumps, texts)), capture_output=True, text=True,
        check=True)
    ids = [json.loads(line) for line in done.stdout.splitlines()]
    theirs = [llama.model.tokenize(text.encode(), add_bos=True, special=True) for text in texts]
    differing = [text for text, ours, other in zip(texts, ids, theirs, strict=True) if ours != other]
    check_same(f"Gemma 3, ids of {len(texts)} texts, llama.cpp", differing, [])
