"""Fifty steps of every optimizer, by the libraries that define them.

Run: python Tests/References/make_optimizers.py    (requirements.txt beside it; seconds)
Writes Tests/Fixtures/optimizers/; PROVENANCE.md there explains every file.
"""

import bitsandbytes as bnb
import numpy as np
import torch
from safetensors.torch import save_file
from transformers.optimization import Adafactor

import reference_common as common

HERE = common.FIXTURES / "optimizers"
STEPS = 50
# Large enough for 8-bit moments (4096), with a last block that is short; a small matrix; a vector.
SHAPES = {"large": (33, 125), "small": (7, 19), "vector": (37,)}
SCALE = np.float32(0.5)  # what clipping multiplies gradients by

OPTIMIZERS = {  # name: make, peak learning rate
    "adamw": (lambda p: torch.optim.AdamW(p, betas=(0.9, 0.99), eps=1e-7, weight_decay=0.01), 3e-3),
    "adamw-8bit": (lambda p: bnb.optim.AdamW8bit(p, betas=(0.9, 0.99), eps=1e-7, weight_decay=0.01), 3e-3),
    "lion": (lambda p: bnb.optim.Lion(p, betas=(0.9, 0.99), weight_decay=0.01), 1e-3),
    "sgd": (lambda p: torch.optim.SGD(p, momentum=0.9, weight_decay=0.01), 1e-2),
    "sgd-nesterov": (lambda p: torch.optim.SGD(p, momentum=0.8, weight_decay=0.01, nesterov=True), 1e-2),
    "adafactor": (lambda p: Adafactor(p, lr=1e-3, scale_parameter=False, relative_step=False, weight_decay=0.01), 3e-3),
}


def formula(name, shape, bound):
    values = common.formula_uniform(name, int(np.prod(shape)), np.float32(bound))
    return torch.from_numpy(values.reshape(shape).copy())


def run(make, peak):
    parameters = {name: torch.nn.Parameter(formula(name, shape, 0.5)) for name, shape in SHAPES.items()}
    optimizer = make(list(parameters.values()))
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = float(np.float32(peak * (1 - step / STEPS)))
        for name, parameter in parameters.items():
            noise = formula(f"{name} {step}", SHAPES[name], 0.2)
            with torch.no_grad():  # a pull to zero and noise, so that a wrong step shows in all that follow
                parameter.grad = (noise + np.float32(0.25) * parameter) * SCALE
        optimizer.step()
    return {name: parameter.detach().clone() for name, parameter in parameters.items()}


def main():
    torch.set_num_threads(1)
    kept = {}
    for name, (make, peak) in OPTIMIZERS.items():
        for key, value in run(make, peak).items():
            kept[f"{name}.{key}"] = value
    HERE.mkdir(exist_ok=True)
    save_file(kept, HERE / "golden.safetensors")
    common.write_json(HERE / "golden.json", {
        "steps": STEPS, "peak_learning_rates": {name: peak for name, (_, peak) in OPTIMIZERS.items()},
        "versions": common.versions(),
    })


if __name__ == "__main__":
    main()
