"""Small seeds for every target out of the fixtures of the tests, and a few written here. Run: python3 Tests/Fuzz/make_corpus.py"""

import gzip
import json
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "Tests" / "Fixtures"
CORPUS = ROOT / "Tests" / "Fuzz" / "corpus"


def seed(target, name, content):
    path = CORPUS / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def safetensors(tensors):
    header, data = {}, b""
    for name, (kind, shape, content) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def quantized(kind, nested):
    state = {"quant_type": kind, "blocksize": 64, "dtype": "float32", "shape": [2, 64]}
    if nested:
        state |= {"nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": 0.5}
    text = json.dumps(state).encode()
    tensors = {
        "w": ("U8", [64, 1], bytes(range(64))), "w.quant_map": ("F32", [16], bytes(64)),
        f"w.quant_state.bitsandbytes__{kind}": ("U8", [len(text)], text)}
    if nested:
        tensors |= {"w.absmax": ("U8", [2], b"\1\2"), "w.nested_absmax": ("F32", [1], bytes(4)),
                    "w.nested_quant_map": ("F32", [256], bytes(1024))}
    else:
        tensors |= {"w.absmax": ("F32", [2], bytes(8))}
    return safetensors(tensors)


def main():
    shutil.rmtree(CORPUS, ignore_errors=True)
    seed("safetensors", "dense", safetensors({"a": ("F32", [2, 2], bytes(16)), "b": ("BF16", [3], bytes(6))}))
    seed("safetensors", "nf4", quantized("nf4", True))
    seed("safetensors", "fp4", quantized("fp4", False))
    seed("safetensors", "equivalent", safetensors({"\u00e9": ("U8", [1], b"1"), "e\u0301": ("U8", [1], b"2")}))
    seed("index", "one", json.dumps({"metadata": {"total_size": 4}, "weight_map": {"a": "s.safetensors"}}))
    seed("index", "up", json.dumps({"weight_map": {"a": "../s.safetensors"}}))
    for name in ("types", "rope-llama3"):
        seed("gguf", name, (FIXTURES / "gguf" / f"{name}.gguf").read_bytes())
    seed("gguf", "llama", small_llama())
    for path in sorted((FIXTURES / "text" / "tokenizers").glob("*.json")):
        tokenizer = json.loads(path.read_text())
        if not isinstance(tokenizer, dict) or "model" not in tokenizer:
            continue
        vocabulary = tokenizer["model"].get("vocab", {})
        tokenizer["model"]["vocab"] = dict(list(vocabulary.items())[:300]) if isinstance(vocabulary, dict) else vocabulary[:300]
        if "merges" in tokenizer["model"]:
            tokenizer["model"]["merges"] = tokenizer["model"]["merges"][:20]
        text = json.dumps(tokenizer)
        if len(text) < 16384:
            seed("tokenizer", path.stem, text)
    for path in sorted((FIXTURES / "tiny-llama").glob("*/config.json")):
        seed("config", path.parent.name, path.read_bytes())
    for path in sorted((FIXTURES / "tiny-llama" / "lora").glob("*/initial/adapter_config.json")):
        seed("adapter", path.parent.parent.name, path.read_bytes())
    golden = json.loads((FIXTURES / "text" / "templates.golden.json").read_text())
    sources = sorted({case["template"] for case in golden["cases"]}, key=lambda source: (len(source), source))
    for index, source in enumerate(sources[:: max(1, len(sources) // 40)]):
        seed("template", f"{index}", source)
    seed("template", "long-range", "{% for i in range(7777777777777) %}x{% endfor %}{{ range(9223372036854775807, -9, -1) }}")
    seed("rows", "three", '{"text": "ab"}\n{"prompt": "a", "completion": "b"}\n'
         '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n')
    seed("rows", "sharegpt", '{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}\n')
    seed("rows", "gzip", gzip.compress(b'{"text": "ab"}\n{"text": "c"}\n', mtime=0))
    seed("csv", "quoted", 'prompt,completion\r\n"a, ""b""",c\r\n"two\nlines",d\r\n')
    seed("csv", "messages", 'messages,tools\n"[{""role"": ""user"", ""content"": ""a""}, {""role"": ""assistant"", ""content"": ""b""}]",[]\n')
    for path in sorted((FIXTURES / "text" / "sentencepiece").glob("*.model")):
        if path.stat().st_size < 16384:
            seed("vocabulary", path.stem, path.read_bytes())
    seed("json", "all", r'{"a": [1, -2.5e3, true, null, "\u00e4\ud83c\udf31\n"], "b": {"c": {}}}')


def small_llama():
    """The metadata of the tiny llama with weights of almost nothing."""
    def text(value):
        return len(value.encode()).to_bytes(8, "little") + value.encode()

    def number(value, width=4):
        return value.to_bytes(width, "little")

    keys = [
        text("general.architecture") + number(8) + text("llama"),
        text("tokenizer.ggml.model") + number(8) + text("gpt2"), text("tokenizer.ggml.pre") + number(8) + text("smollm"),
        text("tokenizer.ggml.tokens") + number(9) + number(8) + number(3, 8) + text("a") + text("b") + text("ab"),
        text("tokenizer.ggml.token_type") + number(9) + number(5) + number(3, 8) + number(1) * 3,
        text("tokenizer.ggml.merges") + number(9) + number(8) + number(1, 8) + text("a b"),
        text("tokenizer.chat_template") + number(8) + text("{{ messages }}")]
    for key, value in {"llama.block_count": 0, "llama.context_length": 8, "llama.embedding_length": 32,
                       "llama.feed_forward_length": 32, "llama.attention.head_count": 2,
                       "tokenizer.ggml.eos_token_id": 1}.items():
        keys.append(text(key) + number(4) + number(value))
    tensors = [("token_embd.weight", [32, 3], 8, 102), ("output_norm.weight", [32], 0, 128),
               ("blk.0.attn_q.weight", [32, 32], 2, 576)]
    infos, data = b"", b""
    for name, shape, kind, size in tensors:
        infos += text(name) + number(len(shape)) + b"".join(number(x, 8) for x in shape) + number(kind) + number(len(data), 8)
        data += bytes(size + -size % 32)
    header = b"GGUF" + number(3) + number(len(tensors), 8) + number(len(keys), 8) + b"".join(keys) + infos
    return header + bytes(-len(header) % 32) + data


if __name__ == "__main__":
    main()
