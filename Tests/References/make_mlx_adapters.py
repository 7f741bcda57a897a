"""Adapters as mlx-lm writes them, on a tiny Llama of Tests/Fixtures/adapters, with the logits that mlx-lm computes.

Run: python Tests/References/make_mlx_adapters.py    (needs `pip install "mlx[cpu]" mlx-lm`; seconds)
Writes Tests/Fixtures/adapters/mlx-lora and mlx-dora.
"""

import importlib.metadata
import json
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_map_with_path
from mlx_lm.tuner.utils import linear_to_lora_layers
from mlx_lm.utils import load_model, save_config

HERE = Path(__file__).resolve().parents[1] / "Fixtures" / "adapters"
IDS = [[3, 17, 42, 9, 60, 5, 11, 30]]
VARIANTS = {  # name: base, number of layers, parameters, DoRA
    "mlx-lora": ("model", -1, {"rank": 3, "scale": 5.0, "dropout": 0.0, "keys": ["self_attn.q_proj", "mlp.down_proj"]}, False),
    "mlx-dora": ("model-tied", 1, {"rank": 2, "scale": 10.0, "dropout": 0.0}, True),
}


def main():
    mx.set_default_device(mx.cpu)
    for seed, (name, (base, layers, parameters, dora)) in enumerate(VARIANTS.items()):
        mx.random.seed(seed)
        model, _ = load_model(HERE / base)
        model.freeze()
        linear_to_lora_layers(model, layers, parameters, use_dora=dora)
        # Nothing is zero, and magnitudes are not the norms.
        model.update(tree_map_with_path(
            lambda path, x: x + 0.1 * mx.random.normal(x.shape) if path.split(".")[-1] in ("lora_b", "m") else x,
            model.trainable_parameters()))
        directory = HERE / name
        directory.mkdir(exist_ok=True)
        mx.save_safetensors(str(directory / "adapters.safetensors"), dict(tree_flatten(model.trainable_parameters())))
        config = {"model": base, "fine_tune_type": "dora" if dora else "lora", "num_layers": layers,
                  "lora_parameters": parameters, "optimizer": "adam", "learning_rate": 1e-5}
        save_config(config, directory / "adapter_config.json")
        logits = model(mx.array(IDS)).astype(mx.float32)
        (directory / "golden.json").write_text(json.dumps({
            "base": base, "ids": IDS[0], "logits": [float(x) for x in logits.reshape(-1).tolist()],
            "versions": {p: importlib.metadata.version(p) for p in ("mlx", "mlx-lm")},
        }) + "\n")
        print(name, sorted(k for k, _ in tree_flatten(model.trainable_parameters())), logits.shape)


if __name__ == "__main__":
    main()
