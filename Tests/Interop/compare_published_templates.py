"""Renders random conversations with published chat templates, by `apply_chat_template` of transformers and by
`qpeft tokenize --chat`, and compares the texts.

    python compare_published_templates.py --qpeft .build/release/qpeft [--count 200] [--seed 1] DIR

DIR holds a folder for each family of models, with its templates as `*.jinja`. They are other people's texts: none are kept
here. Conversations have system messages or none, one to many turns, contents as text and as lists of parts, tools, calls with
one or more tools (arguments as objects and as JSON text) and their results, reasoning, documents, and the variables that
published templates know; each is rendered with the generation prompt and without. Where transformers gives a text, qpeft must
give the same; where transformers refuses, so must qpeft. A table of families is printed, then each kind of difference once;
exit code 1 if there are any.
"""
import argparse, glob, json, os, random, shutil, subprocess, sys, tempfile
from collections import Counter
import jinja2, transformers
from transformers import PreTrainedTokenizerFast

HERE = os.path.dirname(os.path.abspath(__file__))
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
TEXTS = ["Hello", "What is 2+2?", "  spaces around \n", "two\n\nparagraphs", "Na\u00efve caf\u00e9 \U0001f600 \u4f60\u597d", "\"quoted\" & <b>'tags'</b>", "tab\tand\rreturn",
         "{\"json\": [1, null]}", "<think>\nhm\n</think>\n\nYes", "</think>only an end", "[INST] no [/INST]", "{{ braces }} {% tag %}", "\\n is no line break", "x" * 300,
         "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627", "1. one\n2. two\n```py\nprint('a')\n```", "<tool_response>text</tool_response>", ".", "\u2028line\u00a0"]
VALUES = [1, -3, 0, 2.5, 1e-7, 1e20, True, False, None, "K\u00f6ln", "a \"b\" 'c'", [], [1, "x", None], {}, {"deep": [{"a": 1.0}]}, "line\nbreak"]


class Conversations:
    def __init__(self, seed): self.r = random.Random(seed)

    def text(self): return " ".join(self.r.choice(TEXTS) for _ in range(self.r.choice([1, 1, 1, 2])))

    def content(self):
        if self.r.random() < 0.85: return self.text()
        return [{"type": "text", "text": self.text()} for _ in range(self.r.choice([1, 1, 2]))]

    def schema(self, depth=0):
        r = self.r
        kind = r.choice(["string", "integer", "number", "boolean", "string"] + (["array", "object"] if depth < 2 else []))
        out = {"type": kind}
        if r.random() < 0.2: out["type"] = [kind, "null"]
        if r.random() < 0.7: out["description"] = self.text()
        if kind == "string" and r.random() < 0.3: out["enum"] = ["celsius", "fahr\"enheit"]
        if r.random() < 0.2: out["default"] = r.choice(VALUES)
        if kind == "array" and r.random() < 0.8: out["items"] = self.schema(depth + 1)
        if kind == "object": out.update(self.parameters(depth + 1))
        return out

    def parameters(self, depth=0):
        names = self.r.sample(["city", "days", "unit", "query", "options", "limit", "items"], self.r.randrange(0, 4))
        out = {"type": "object", "properties": {n: self.schema(depth) for n in names}}
        if self.r.random() < 0.7: out["required"] = names[:self.r.randrange(0, len(names) + 1)]
        return out

    def tools(self):
        out = []
        for name in self.r.sample(["get_weather", "search", "python", "send_mail"], self.r.choice([1, 1, 2, 3])):
            function = {"name": name, "description": self.text(), "parameters": self.parameters()}
            if self.r.random() < 0.2: function["return"] = self.schema(1)
            out.append({"type": "function", "function": function})
        return out

    def calls(self, tools):
        out = []
        for index in range(self.r.choice([1, 1, 1, 2])):
            arguments = {n: self.r.choice(VALUES) for n in self.r.sample(["city", "days", "unit", "query"], self.r.randrange(0, 3))}
            if self.r.random() < 0.2: arguments = json.dumps(arguments)
            function = {"name": self.r.choice(tools)["function"]["name"], "arguments": arguments}
            call = {"type": "function", "function": function}
            if self.r.random() < 0.6: call["id"] = f"call{self.r.randrange(10000):05d}"[:9]
            out.append(call)
        return out

    def messages(self, tools):
        r, out = self.r, []
        if r.random() < 0.5: out.append({"role": "system", "content": self.content()})
        for turn in range(r.choice([1, 1, 2, 3, 5])):
            out.append({"role": "user", "content": self.content()})
            if tools and r.random() < 0.6:
                calls = self.calls(tools)
                message = {"role": "assistant", "tool_calls": calls}
                if r.random() < 0.7: message["content"] = r.choice(["", None, self.text()])
                if r.random() < 0.2: message["reasoning_content"] = self.text()
                out.append(message)
                for call in calls:
                    result = {"role": "tool", "content": self.content()}
                    if r.random() < 0.7: result["name"] = call["function"]["name"]
                    if "id" in call: result["tool_call_id"] = call["id"]
                    out.append(result)
            answer = {"role": "assistant", "content": self.content()}
            if r.random() < 0.15: answer[r.choice(["reasoning_content", "thinking", "reasoning"])] = self.text()
            if r.random() < 0.05: answer["name"] = "helper"
            out.append(answer)
        if r.random() < 0.4: out.pop()
        if r.random() < 0.05: out.append({"role": "user", "content": self.text()})
        return out

    def case(self):
        r = self.r
        tools = self.tools() if r.random() < 0.5 else None
        case = {"messages": self.messages(tools), "tools": tools, "more": {}}
        if r.random() < 0.15: case["more"]["documents"] = [{"title": self.text(), "text": self.text()} for _ in range(r.randrange(1, 3))]
        for name, values in {"enable_thinking": [True, False], "date_string": ["26 Jul 2024"], "reasoning_effort": ["low", "high"], "tools_in_user_message": [False],
                             "keep_past_thinking": [True], "thinking": [True, False], "builtin_tools": [["python"]], "model_identity": ["You are a test."]}.items():
            if r.random() < 0.12: case["more"][name] = r.choice(values)
        return case


class Pair:
    def __init__(self, qpeft, tokenizer):
        self.qpeft, self.folder = qpeft, tempfile.mkdtemp()
        # With its special tokens, as a model has them.
        self.tokenizer = PreTrainedTokenizerFast(tokenizer_file=tokenizer, **SPECIAL)
        self.tokenizer.backend_tokenizer.save(os.path.join(self.folder, "tokenizer.json"))
        with open(os.path.join(self.folder, "tokenizer_config.json"), "w") as f: json.dump(SPECIAL, f)

    def theirs(self, template, case, generation):
        try:
            return self.tokenizer.apply_chat_template(case["messages"], tools=case["tools"], chat_template=template, tokenize=False,
                                                      add_generation_prompt=generation, **case["more"]), None
        except Exception as error: return None, f"{type(error).__name__}: {error}"

    def ours(self, template, cases, generation):
        """Texts of all cases; None for those that are refused, with all refusals as one text."""
        with open(os.path.join(self.folder, "chat_template.jinja"), "w", encoding="utf-8", newline="") as f: f.write(template)
        rows = os.path.join(self.folder, "rows.jsonl")
        with open(rows, "w") as f:
            for case in cases:
                row = {"messages": case["messages"]}
                if case["tools"]: row["tools"] = case["tools"]
                if case["more"]: row["chat_template_kwargs"] = case["more"]
                f.write(json.dumps(row) + "\n")
        options = ["--generation-prompt"] if generation else []
        done = subprocess.run([self.qpeft, "tokenize", "--model", self.folder, "--chat", rows, "--train-on", "all", "--skip-bad", *options],
                              capture_output=True, text=True)
        if done.returncode not in (0, 1): sys.exit(f"crashed with {done.returncode}: {done.stderr}")
        texts = {}
        for line in done.stdout.split("\n")[:-1]:
            row = json.loads(line)
            texts[row["line"]] = row["text"]
        return [texts.get(i + 1) for i in range(len(cases))], done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("directory")
    parser.add_argument("--qpeft", required=True)
    parser.add_argument("--tokenizer", default=os.path.join(HERE, "../Fixtures/text/tokenizers/small_alphabet.json"))
    parser.add_argument("--count", type=int, default=200, help="conversations for each template")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    pair = Pair(arguments.qpeft, arguments.tokenizer)
    print(f"transformers {transformers.__version__}, jinja2 {jinja2.__version__}")
    print("| family | templates | renderings | refused by both | differences |\n|---|---:|---:|---:|---:|")
    notes, total = [], Counter()
    for family in sorted(d for d in os.listdir(arguments.directory) if os.path.isdir(os.path.join(arguments.directory, d))):
        count = Counter()
        for path in sorted(glob.glob(os.path.join(arguments.directory, family, "*.jinja"))):
            with open(path, encoding="utf-8", newline="") as f: template = f.read()
            conversations = Conversations(f"{arguments.seed} {os.path.basename(path)}")
            cases = [conversations.case() for _ in range(arguments.count)]
            count["templates"] += 1
            for generation in (False, True):
                ours, words = pair.ours(template, cases, generation)
                noted = False
                for case, text in zip(cases, ours):
                    expected, why = pair.theirs(template, case, generation)
                    count["renderings"] += 1
                    if expected is None and text is None: count["refused"] += 1
                    elif expected != text:
                        count["different"] += 1
                        if not noted: notes.append((path, generation, case, expected, why, text, words.split("\n")[0]))
                        noted = True
        total.update(count)
        print(f"| {family} | {count['templates']} | {count['renderings']:,} | {count['refused']:,} | {count['different']:,} |", flush=True)
    print(f"| all | {total['templates']} | {total['renderings']:,} | {total['refused']:,} | {total['different']:,} |")
    for path, generation, case, expected, why, text, words in notes:
        if expected is not None and text is not None:
            at = next((i for i, (a, b) in enumerate(zip(expected, text)) if a != b), min(len(expected), len(text)))
            print(f"{path}{' +generation' if generation else ''}: at {at}\n  transformers {expected[max(0, at - 60):at + 60]!r}\n  qpeft        {text[max(0, at - 60):at + 60]!r}")
        else:
            print(f"{path}: {json.dumps(case)[:300]}\n  transformers {why or expected[-100:]!r}\n  qpeft        {words if text is None else text[-100:]!r}")
    shutil.rmtree(pair.folder)
    sys.exit(1 if total["different"] else 0)


if __name__ == "__main__":
    main()
