"""Trains the tiny model that `make demo` falls back to without network: about 0.9 million parameters, from scratch, on a CPU.

Run: python Tests/References/make_demo_model.py [STEPS]      (default 1200: some minutes on two threads)
Writes Tests/Fixtures/demo-model/{config.json,model.safetensors,tokenizer.json,tokenizer_config.json}.

It learns plain requests, repeating, picking a word out of a request, and turning "key: value" lists with arbitrary keys into JSON. It never
sees the demo's own task (a request answered by its JSON command, under the system prompt of Docs/Examples/requests): that is
what LoRA teaches it.
"""

import importlib.util
import json
import math
import random
import sys
import time

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, LlamaConfig

import reference_common as common

HERE = common.FIXTURES / "demo-model"
REQUESTS = common.ROOT / "Docs" / "Examples" / "requests" / "make_requests.py"
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
VOCABULARY, LENGTH, ROWS = 640, 128, 24
TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

spec = importlib.util.spec_from_file_location("make_requests", REQUESTS)
requests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(requests)

QUESTIONS = {
    "minutes": "How many minutes?", "time": "What time?", "room": "Which room?", "state": "On or off?",
    "degrees": "How many degrees?", "artist": "Which artist?", "person": "Which person?", "list": "Which list?",
    "item": "Which item?", "city": "Which city?", "day": "Which day?", "task": "Which task?", "to": "To whom?",
    "text": "Which text?", "action": "Which kind?",
}
WORDS = ["name", "size", "color", "price", "city", "day", "room", "count", "owner", "title", "place", "speed", "age", "note",
         "state", "text", "list", "item", "action", "time", "task", "to", "person", "degrees", "minutes", "artist"]


def chat(system, user, answer):
    """(everything before the answer, the answer)"""
    parts = ([("system", system)] if system else []) + [("user", user)]
    prefix = "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in parts)
    return prefix + "<|im_start|>assistant\n", answer + "<|im_end|>"


def some_value(r, commands):
    value = r.choice(list(r.choice(commands).values()))
    return r.randrange(100) if r.random() < 0.25 else value


def key_values(r, commands):
    keys = r.sample(WORDS, r.randint(1, 4))
    pairs = {key: some_value(r, commands) for key in keys}
    said = ", ".join(f"{key}: {value}" for key, value in pairs.items())
    return said, json.dumps(pairs, separators=(",", ":"))


def document(r, recent):
    action = r.choice(requests.ACTIONS)
    plain, command = action(r)
    text = requests.polish(r, plain)
    recent[r.randrange(len(recent))] = command
    form = r.random()
    if form < 0.40:
        key = r.choice(list(command))
        return chat(r.choice(["", "Answer the question."]), f"{QUESTIONS[key]} {text}", str(command[key]))
    if form < 0.55:
        keys = list(command)
        return chat("Answer all questions.", " ".join(QUESTIONS[k] for k in keys) + " " + text,
                    ", ".join(str(command[k]) for k in keys))
    if form < 0.85:
        said, answer = key_values(r, recent)
        return chat(r.choice(["Write JSON.", "Turn the list into JSON."]), said, answer)
    if form < 0.95:
        return chat(r.choice(["", "Repeat."]), "Repeat: " + text, text)
    return text + "\n", ""


def train_tokenizer(r):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    recent = [action(r)[1] for action in requests.ACTIONS]
    texts = []
    for _ in range(4000):
        text = "".join(document(r, recent))
        for special in SPECIALS:
            text = text.replace(special, "\n")
        texts.append(text)
    texts += [requests.SYSTEM] * 20
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=[AddedToken(s, special=True) for s in SPECIALS],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(HERE / "tokenizer.json"))
    common.write_json(HERE / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|im_start|>", "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>", "model_max_length": 512, "chat_template": TEMPLATE})
    return tokenizer


def batches(r, tokenizer):
    """Rows of LENGTH tokens, each beginning with the start of a document, and a weight per token: answers matter most."""
    recent = [action(r)[1] for action in requests.ACTIONS * 4]
    while True:
        rows, weights = [], []
        for _ in range(ROWS):
            ids, weight = [], []
            while len(ids) < LENGTH:
                prefix, answer = [tokenizer.encode(part).ids for part in document(r, recent)]
                ids += prefix + answer
                weight += [0.15] * len(prefix) + [1.0] * len(answer)
            rows.append(ids[:LENGTH])
            weights.append(weight[:LENGTH])
        yield torch.tensor(rows), torch.tensor(weights)


def main():
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 1200
    torch.set_num_threads(2)
    torch.manual_seed(5)
    r = random.Random(5)
    HERE.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer(r)
    model = AutoModelForCausalLM.from_config(LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=128, intermediate_size=384, num_hidden_layers=4,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=True,
        bos_token_id=1, eos_token_id=2, pad_token_id=0, rms_norm_eps=1e-5))
    print("parameters", sum(p.numel() for p in model.parameters()))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.98), weight_decay=0.05)
    started, stream = time.time(), batches(r, tokenizer)
    for step in range(steps):
        rate = 3e-3 * min(1, (step + 1) / 50) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        ids, weights = next(stream)
        logits = model(input_ids=ids).logits[:, :-1].flatten(0, 1)
        losses = torch.nn.functional.cross_entropy(logits, ids[:, 1:].flatten(), reduction="none")
        weight = weights[:, 1:].flatten()
        loss = (losses * weight).sum() / weight.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 50 == 49:
            answers = float(losses.detach()[weight == 1].mean())
            speed = (step + 1) * ROWS * LENGTH / (time.time() - started)
            print(f"step {step + 1}  loss of answers {answers:.4f}  {speed:.0f} tokens/s", flush=True)
    model.to(torch.bfloat16).save_pretrained(HERE)
    (HERE / "generation_config.json").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
