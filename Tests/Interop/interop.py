"""Checks every form that qpeft writes by the library that owns it, and theirs by qpeft. See run.sh.

A check prints both numbers; any that differ by more than its bound fail the run at the end, after all have been printed.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import peers
import reads
from peers import MLX, LlamaCpp, Transformers, common

TEXT = common.FIXTURES / "text-eval" / "prose.txt"
WINDOW = 256
# Tokens that are generated, and how near two logits are that llama.cpp's 8-bit inputs may bring into the other order.
COUNT, TIE = 24, 0.25
failures = []


def check(name, found, expected, bound):
    difference = abs(found - expected)
    ok = difference <= bound
    print(f"{'ok  ' if ok else 'FAIL'} {name}: {found:.6f}, expected {expected:.6f}, difference {difference:.2e} (bound {bound:g})", flush=True)
    if not ok:
        failures.append(name)


def check_same(name, found, expected):
    ok = found == expected
    print(f"{'ok  ' if ok else 'FAIL'} {name}: the same" + ("" if ok else f"; {found} is not {expected}"), flush=True)
    if not ok:
        failures.append(name)


def check_same_choices(name, peer, start, found, ends):
    """Each of the tokens `found` is the likeliest for `peer` too, after the same ones before it. Where the peer has two tokens
    nearer to each other than its own rounding of inputs moves a logit (TIE), either may be chosen, and that is printed."""
    expected, ties, largest = list(start), 0, 0.0
    for token in found:
        logits = peer.logits(expected)[-1]
        gap = float(logits.max() - logits[token])
        if gap > TIE:
            print(f"FAIL {name}: {token} is {gap:.3f} below {int(logits.argmax())} after {len(expected) - len(start)} tokens", flush=True)
            failures.append(name)
            return
        ties, largest = ties + (gap > 0), max(largest, gap)
        expected.append(token)
    if len(found) < COUNT and int(peer.logits(expected)[-1].argmax()) not in ends:
        failures.append(name)
        print(f"FAIL {name}: the peer does not end after {len(found)} tokens", flush=True)
        return
    print(f"ok   {name}: {len(found)} tokens, {ties} of them ties (largest gap {largest:.3f}, bound {TIE})", flush=True)


class QPEFT:
    def __init__(self, path, work):
        self.path, self.work = str(Path(path).resolve()), work

    def run(self, *arguments):
        done = subprocess.run([self.path, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"qpeft {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--json"))

    def loss(self, model, adapter=None):
        return self.json(
            "evaluate", "--model", model, *(["--adapter", adapter] if adapter else []), "--data", self.work / "text.txt", "--window",
            WINDOW)["loss"]

    def go_on(self, model, prompt, count, adapter=None):
        more = ["--adapter", adapter] if adapter else []
        return self.run("generate", "--model", model, *more, "--prompt", prompt, "--max-tokens", count).rstrip("\n")


def fresh(path):
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    return path


def main():
    parser = argparse.ArgumentParser()
    for name in ("--qpeft", "--model", "--work"):
        parser.add_argument(name, required=True)
    parser.add_argument("--gemma", help="Gemma 3 270M as GGUF")
    arguments = parser.parse_args()
    import importlib.metadata as metadata

    print("peers:", ", ".join(f"{n} {metadata.version(n)}" for n in (
        "torch", "transformers", "peft", "bitsandbytes", "llama-cpp-python", "mlx", "mlx-lm", "gguf")))
    work = fresh(Path(arguments.work))
    work.mkdir(parents=True)
    qpeft = QPEFT(arguments.qpeft, work)

    # One window of a text of ours, as tokens, for everybody.
    nf4, plain = work / "nf4", work / "plain"
    qpeft.run("quantize", arguments.model, "--output", nf4)
    qpeft.run("quantize", arguments.model, "--output", plain, "--keep", "*")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(plain)
    ids = tokenizer(TEXT.read_text(), add_special_tokens=False).input_ids[:WINDOW]
    (work / "text.txt").write_text(tokenizer.decode(ids))
    ids = tokenizer((work / "text.txt").read_text(), add_special_tokens=False).input_ids[:WINDOW]
    prompt = "The old mill by the river"
    start = tokenizer(prompt, add_special_tokens=False).input_ids
    ends = json.loads((plain / "generation_config.json").read_text()).get("eos_token_id", [])
    ends = set(ends if isinstance(ends, list) else [ends])

    def words(tokens):
        return tokenizer.decode(tokens)

    adapter = work / "adapter"
    qpeft.run(
        "train", "--model", nf4, "--data", common.ROOT / "Docs/Examples/requests/train.jsonl", "--output", adapter, "--steps", "12",
        "--batch-size", "2", "--learning-rate", "2e-3", "--rank", "8", "--max-length", "192")

    options = work / "adapter-options"
    qpeft.run(
        "train", "--model", nf4, "--data", common.ROOT / "Docs/Examples/requests/train.jsonl", "--output", options, "--steps", "6",
        "--batch-size", "2", "--learning-rate", "2e-3", "--rank", "4", "--max-length", "192", "--use-dora", "--use-rslora",
        "--rank-pattern", "q_proj=2", "--alpha-pattern", "v_proj=3", "--exclude-modules", "down_proj", "--layers", "20",
        "--modules-to-save", "norm")

    print("\nwhat qpeft writes")
    check("quantized directory, transformers + bitsandbytes", Transformers(nf4).loss(ids), qpeft.loss(nf4), 2e-4)
    tuned = Transformers(nf4, adapter)
    on = qpeft.loss(nf4, adapter)
    check("adapter on it, peft", tuned.loss(ids), on, 2e-4)
    del tuned
    check("adapter of DoRA, rsLoRA and patterns on it, peft", Transformers(nf4, options).loss(ids), qpeft.loss(nf4, options), 2e-4)
    tuned = Transformers(nf4, adapter)
    # Few, because every token decodes all weights in Python (reference_common.true_float32).
    few = tuned.go_on(start, 4, ends)
    check_same("adapter on it, greedy words of peft", qpeft.go_on(nf4, prompt, 4, adapter), words(few))
    del tuned

    merged = work / "merged"
    report = qpeft.json("merge", "--model", nf4, "--adapter", adapter, "--output", merged, "--dtype", "f32")
    print("     merge:", json.dumps(report["comparison"]))
    dense = Transformers(merged)
    check("merged directory, transformers", dense.loss(ids), on, 2e-4)
    told = dense.go_on(start, COUNT, ends)
    check_same("merged directory, greedy words of transformers", qpeft.go_on(nf4, prompt, COUNT, adapter), words(told))
    del dense

    exact = work / "merged-f32.gguf"
    qpeft.run("export", "gguf", "--model", nf4, "--adapter", adapter, "--output", exact, "--type", "f32")
    llama = LlamaCpp(exact)
    check_same("GGUF F32, tokens of llama.cpp", llama.tokens(TEXT.read_text()[:2000]), tokenizer(
        TEXT.read_text()[:2000], add_special_tokens=False).input_ids)
    chat = tokenizer.apply_chat_template([{"role": "user", "content": "Wake me at 6:45"}], tokenize=False, add_generation_prompt=True)
    check_same("GGUF F32, tokens of a chat", llama.tokens(chat, special=True), tokenizer(chat, add_special_tokens=False).input_ids)
    check_same("GGUF F32, chat template", llama.model.metadata.get("tokenizer.chat_template"), tokenizer.chat_template)
    check("GGUF F32, llama.cpp", llama.loss(ids), on, 2e-3)
    check_same("GGUF F32, greedy tokens of llama.cpp", llama.go_on(start, COUNT, ends), told)
    del llama
    for kind in ("f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q4_k", "q4_k_m", "q6_k"):
        path = work / f"merged-{kind}.gguf"
        qpeft.run("export", "gguf", "--model", nf4, "--adapter", adapter, "--output", path, "--type", kind)
        # llama.cpp multiplies blocks with inputs rounded to 8 bits: losses are near, not equal.
        llama = LlamaCpp(path)
        check(f"GGUF {kind}, llama.cpp beside qpeft on the same file", llama.loss(ids), qpeft.loss(path), 0.02)
        check_same_choices(f"GGUF {kind}, greedy tokens of both on the same file", llama, start, tokenizer(
            prompt + qpeft.go_on(path, prompt, COUNT), add_special_tokens=False).input_ids[len(start):], ends)
        del llama

    base = work / "base-f32.gguf"
    qpeft.run("export", "gguf", "--model", nf4, "--output", base, "--type", "f32")
    lora = work / "adapter.gguf"
    qpeft.run("export", "gguf-adapter", "--model", nf4, "--adapter", adapter, "--output", lora)
    with_lora = LlamaCpp(base, lora)
    check("GGUF adapter on the base, llama.cpp", with_lora.loss(ids), on, 2e-3)
    check_same("GGUF adapter on the base, greedy tokens of llama.cpp", with_lora.go_on(start, COUNT, ends), told)
    check("the base without it is another model", min(1.0, abs(LlamaCpp(base).loss(ids) - on) / 0.01), 1.0, 0.0)

    mlx_adapter = work / "adapter-mlx"
    qpeft.run("export", "mlx-adapter", "--model", plain, "--adapter", adapter, "--output", mlx_adapter)
    check("mlx adapter on the plain model, mlx-lm", MLX(plain, mlx_adapter).loss(ids), qpeft.loss(plain, adapter), 2e-3)
    check("plain directory, mlx-lm", MLX(plain).loss(ids), qpeft.loss(plain), 2e-3)

    print("\nwhat qpeft reads")
    reads.bitsandbytes(check, qpeft, work, plain, tokenizer, ids)
    reads.peft_adapters(check, qpeft, work, plain, ids)
    reads.mlx_adapters(check, qpeft, work, plain, ids)
    import llama_cpp

    source = work / "plain-f16.gguf"
    qpeft.run("export", "gguf", "--model", plain, "--output", source, "--type", "f16")
    for kind, ftype in (("Q4_K_M", llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M), ("Q6_K", llama_cpp.LLAMA_FTYPE_MOSTLY_Q6_K), (
            "IQ4_NL", llama_cpp.LLAMA_FTYPE_MOSTLY_IQ4_NL)):
        path = work / f"llama-{kind}.gguf"
        parameters = llama_cpp.llama_model_quantize_default_params()
        parameters.ftype = ftype
        with peers.quiet():
            assert llama_cpp.llama_model_quantize(str(source).encode(), str(path).encode(), parameters) == 0
        check(f"GGUF {kind} of llama.cpp", qpeft.loss(path), LlamaCpp(path).loss(ids), 0.02)

    same_blocks(qpeft, work, plain)
    if arguments.gemma:
        reads.gemma(check, check_same, qpeft, work, Path(arguments.gemma))
    if failures:
        sys.exit("failed: " + ", ".join(failures))
    print("\nall checks hold")


def same_blocks(qpeft, work, plain):
    """Blocks of qpeft's Q4_K_M file are those of llama.cpp's wherever both chose the same type."""
    import gguf

    ours = work / "plain-q4_k_m.gguf"
    qpeft.run("export", "gguf", "--model", plain, "--output", ours, "--type", "q4_k_m")
    theirs = {t.name: t for t in gguf.GGUFReader(work / "llama-Q4_K_M.gguf").tensors}
    same, types, different = 0, 0, []
    for tensor in gguf.GGUFReader(ours).tensors:
        other = theirs[tensor.name]
        if tensor.tensor_type != other.tensor_type:
            types += 1
            print("     type differs:", tensor.name, tensor.tensor_type.name, other.tensor_type.name)
        elif np.array_equal(tensor.data, other.data):
            same += 1
        else:
            different.append(tensor.name)
    print(f"     {same} tensors are llama.cpp's byte by byte, {types} of another type")
    check_same("GGUF Q4_K_M, blocks that differ from llama.cpp's", different, [])
    check_same("GGUF Q4_K_M, types that differ from llama.cpp's", types, 0)


main()
