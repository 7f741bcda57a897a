"""Renders random chat templates with transformers and with `qpeft tokenize --chat`, and compares the texts.

    python compare_templates.py --qpeft .build/release/qpeft [--count 5000] [--seed 1] [TEMPLATE.jinja...]

Templates given as files are rendered for a set of chats first, as they are. The random ones are drawn from a grammar of the
language: expressions with operators, filters, tests, methods and slices over the messages and over constants, and statements
with loops, conditions, macros, namespaces, blocks and white space control. Where transformers gives a text, qpeft must give
the same text; where transformers gives an error, so must qpeft. `refused` counts what transformers renders and qpeft says it
does not know; differences are printed, and exit code 1 says that there are some.
"""
import argparse, json, os, random, shutil, subprocess, sys, tempfile
from transformers.utils.chat_template_utils import render_jinja_template

CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "  What is 2+2?\nNa\u00efve <b>\"x\"</b> & 'y' "},
        {"role": "assistant", "content": "It is 4.", "score": 3, "ratio": 0.5, "tags": ["b", "A", "c"]}, {"role": "user", "content": ""},
        {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"x": 1, "y": [None, True, "\u00e9"]}}}]},
        {"role": "tool", "content": "{\"t\": 21}"}, {"role": "assistant", "content": "Yes\tno\r\nend"}]
TOOLS = [{"type": "function", "function": {"name": "f", "description": "A \"tool\" <x>", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}}}]


class Grammar:
    def __init__(self, seed): self.r = random.Random(seed)

    def pick(self, *options): return self.r.choice(options)

    def atom(self, depth):
        r = self.r.randrange(12)
        if r == 0: return str(self.r.choice([0, 1, 2, 3, 7, 10, 255]))
        if r == 1: return self.pick("1.5", "0.1", "2.0", "1e3", "3.25")
        if r in (2, 3): return repr(self.r.choice(["", "a", "abc", "Hello World", " x ", "a,b,,c", "\u00c4\u00f6\u00df", "12", "3.5", "<b>&", "line\nnext\n"]))
        if r == 4: return self.pick("true", "false", "none", "True", "None", "nothing", "tools", "add_generation_prompt")
        if r == 5: return self.pick("messages", "messages[0]", "messages[1:]", "messages[-1]", "messages[2].tags", "messages[2]")
        if r == 6: return self.pick("m.content", "m['content']", "m.role", "m.score", "m.tags", "m.ratio", "m.tool_calls")
        if r == 7: return self.pick("loop.index", "loop.index0", "loop.first", "loop.last", "loop.length", "loop.revindex", "loop.previtem", "loop.nextitem", "loop.depth")
        if r == 8: return "[" + ", ".join(self.expression(depth - 1) for _ in range(self.r.randrange(4))) + "]"
        if r == 9: return "{" + ", ".join(f"{self.pick(chr(39) + 'k' + chr(39), chr(39) + 'Z' + chr(39), '1')}: {self.expression(depth - 1)}" for _ in range(self.r.randrange(3))) + "}"
        if r == 10: return self.pick("ns.count", "ns.text", "range(3)", "range(1, 6, 2)", "namespace(a=1).a", "dict(a=1, b='x')", "joiner(', ')", "cycler('a', 'b').next()")
        return "m"

    def filter(self, depth):
        e = lambda: self.expression(depth - 1)
        return self.pick(
            "abs", "capitalize", "upper", "lower", "title", "trim", "length", "count", "first", "last", "list", "string", "int", "float", "sort",
            "reverse", "unique", "join", "join(', ')", "join('-', attribute='role')", "join(attribute='content')", "map('upper')|list", "map(attribute='role')|list",
            "map(attribute='nothing', default='-')|list", "map('length')|list", "select|list", "select('string')|list", "reject('none')|list", "select('equalto', 'a')|list",
            "selectattr('role', 'equalto', 'user')|list", "rejectattr('content')|list", "selectattr('tool_calls', 'defined')|list", "selectattr('score')|list",
            "items|list", "dictsort", "dictsort(reverse=true)", "dictsort(by='value')", "tojson", "tojson(indent=2)", "tojson(ensure_ascii=true)", "tojson(separators=(',', ':'))", "tojson(sort_keys=true)",
            "e", "escape", "safe", "indent", "indent(2)", "indent(2, true)", "indent(width=1, first=true, blank=true)", "indent('> ')", "replace('a', 'b')", "replace('l', '', 1)",
            "round", "round(1)", "round(1, 'floor')", "round(0, 'ceil')", "sum", "sum(start=2)", "min", "max", "batch(2)|list", "batch(2, 'x')|list", "slice(2)|list", "slice(3, 'x')|list",
            "wordcount", "center(9)", "truncate(5)", "truncate(7, true, '~', 0)", "striptags", "urlencode", "format(1)", "groupby('role')|list", "sort(attribute='role')|list", "sort(reverse=true)",
            "sort(case_sensitive=true)", "unique(attribute='role')|list", "attr('role')", "default('d')", "default('d', true)", "d", "trim('.')", "wordwrap(5)", "int(9)", "float(0.5)", "random" if False else "first",
            f"default({e()})", f"join({e()})", f"default({e()}, {self.pick('true', 'false')})", "pprint", "xmlattr" if False else "string", "filesizeformat" if False else "string")

    def test(self, depth):
        return self.pick("defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "sequence", "iterable", "true", "false", "odd",
                         "even", "divisibleby(3)", "divisibleby 2", "lower", "upper", "callable", "equalto('a')", "eq 1", "ne 1", "lt(3)", "gt 2", "ge 0", "in ['a', 1]",
                         "sameas none", "sameas true", "not none", "not defined", "not string", "in messages", "escaped", "filter" if False else "string", "test" if False else "none", f"eq({self.expression(depth - 1)})")

    def method(self, depth):
        return self.pick("strip()", "lstrip()", "rstrip()", "strip('a ')", "upper()", "lower()", "title()", "capitalize()", "swapcase()", "split()", "split(',')", "split('\\n')", "split(' ', 1)",
                         "rsplit(' ', 1)", "splitlines()", "startswith('a')", "endswith(('c', ' '))", "startswith('H', 1)", "replace('a', 'b')", "find('l')", "rfind('l')", "count('l')", "index('a')",
                         "isdigit()", "isalpha()", "isspace()", "isupper()", "islower()", "isalnum()", "istitle()", "join(['a', 'b'])", "format(1, 'x')", "zfill(5)", "ljust(6, '.')", "rjust(6)", "center(8)",
                         "partition(' ')", "rpartition(',')", "removeprefix('a')", "removesuffix('c')", "items()", "keys()", "values()", "get('role')", "get('nothing')", "get('nothing', 1)", "casefold()",
                         "append(1)", "pop()", "update({})", "copy()", "encode()", "expandtabs()", "isnumeric()", "isdecimal()", "isidentifier()", "isprintable()", "isascii()", "lstrip('H')")

    def expression(self, depth):
        if depth <= 0: return self.atom(0)
        e = lambda: self.expression(depth - 1)
        r = self.r.randrange(22)
        if r < 6: return self.atom(depth)
        if r < 10: return f"{self.operand(depth)}|{self.filter(depth)}"
        if r == 10: return f"({e()} {self.pick('+', '-', '*', '/', '//', '%')} {e()})"
        if r == 11: return f"({e()} {self.pick('==', '!=', '<', '>', '<=', '>=', 'in', 'not in')} {e()})"
        if r == 12: return f"({e()} {self.pick('and', 'or')} {e()})"
        if r == 13: return f"({e()} ~ {e()})"
        if r == 14: return f"(not {e()})"
        if r == 15: return f"({self.operand(depth)} is {self.test(depth)})"
        if r in (16, 17): return f"{self.operand(depth)}.{self.method(depth)}"
        if r == 18: return f"{self.operand(depth)}[{self.pick('0', '-1', '1:', ':2', '::2', '::-1', '-2:', '1:3', '5', ':-1', chr(39) + 'role' + chr(39))}]"
        if r == 19: return f"({e()} if {e()} else {e()})"
        if r == 20: return f"({e()} if {e()})"
        return f"({self.pick('-', '+')}{self.operand(depth)})"

    def operand(self, depth):
        text = self.expression(depth - 1)
        return text if text[0] in "('[{m" and "|" not in text and " " not in text else f"({text})"

    def mark(self): return self.pick("", "", "", "-", "+")

    def end(self): return self.pick("", "", "", "-")

    def statement(self, depth):
        if depth <= 0 or self.r.random() < 0.45:
            return self.pick(f"{{{{{self.end()} {self.expression(2)} {self.end()}}}}}", self.pick("text", "\n", "  ", " a \n\t b", "\n\n", "#", "{", "%}"), f"{{#{self.end()} note {self.end()}#}}")
        body = lambda: "".join(self.statement(depth - 1) for _ in range(self.r.randrange(1, 4)))
        tag = lambda inside: f"{{%{self.mark()} {inside} {self.end()}%}}"
        r = self.r.randrange(11)
        if r < 3: return tag(f"for m in {self.pick('messages', 'messages[1:]', 'messages[::-1]', '[]', 'tools or []', self.expression(1))}{self.pick('', '', ' if m')}") + body() + self.pick("", tag("else") + body()) + tag("endfor")
        if r < 5: return tag(f"if {self.expression(2)}") + body() + self.pick("", tag(f"elif {self.expression(1)}") + body()) + self.pick("", tag("else") + body()) + tag("endif")
        if r == 5: return tag(f"set {self.pick('v', 'x', 'm')} = {self.expression(2)}") + body()
        if r == 6: return tag("set v") + body() + tag("endset") + "{{ v }}"
        if r == 7: return tag(f"set ns.{self.pick('count', 'text')} = {self.expression(1)}") + body()
        if r == 8: return tag("macro f(a, b=2)") + "{{ a }}{{ b }}" + body() + tag("endmacro") + f"{{{{ f({self.expression(1)}) }}}}"
        if r == 9: return tag(f"filter {self.pick('upper', 'trim', 'indent(2)', 'replace(' + chr(39) + 'a' + chr(39) + ', ' + chr(39) + 'b' + chr(39) + ')')}") + body() + tag("endfilter")
        return tag("for i in range(4)") + tag(f"if i == 2") + tag(self.pick("break", "continue")) + tag("endif") + "{{ i }}" + tag("endfor")

    def template(self):
        start = "{%- set ns = namespace(count=0, text='t') -%}{%- set m = messages[1] -%}\n"
        if self.r.random() < 0.7:
            one = f"{{{{ {self.expression(self.pick(1, 2, 2, 3))} }}}}"
            return start + (one if self.r.random() < 0.5 else "{%- for m in messages[1:4] -%}" + one + "{%- endfor -%}")
        return start + "".join(self.statement(3) for _ in range(self.r.randrange(1, 5)))


class Pair:
    def __init__(self, qpeft, tokenizer):
        self.qpeft, self.folder = qpeft, tempfile.mkdtemp()
        shutil.copy(tokenizer, os.path.join(self.folder, "tokenizer.json"))

    def theirs(self, template, chat, tools):
        try: return render_jinja_template([chat], tools=tools, chat_template=template)[0][0], None
        except RecursionError: raise
        except Exception as error: return None, f"{type(error).__name__}: {error}"

    def ours(self, template, chat, tools):
        with open(os.path.join(self.folder, "chat_template.jinja"), "w", encoding="utf-8", newline="") as f: f.write(template)
        row = os.path.join(self.folder, "row.jsonl")
        with open(row, "w") as f: f.write(json.dumps({"messages": chat, **({"tools": tools} if tools else {})}) + "\n")
        done = subprocess.run([self.qpeft, "tokenize", "--model", self.folder, "--chat", row, "--train-on", "all"], capture_output=True, text=True)
        if done.returncode == 1: return None, done.stderr.strip()
        if done.returncode != 0: return None, f"crashed with {done.returncode}"
        return json.loads(done.stdout)["text"], None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--qpeft", required=True)
    parser.add_argument("--tokenizer", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Fixtures/text/tokenizers/small_alphabet.json"))
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shown", type=int, default=20)
    arguments = parser.parse_args()
    pair, grammar = Pair(arguments.qpeft, arguments.tokenizer), Grammar(arguments.seed)
    counts = {"same": 0, "both refuse": 0, "refused": 0, "different": 0, "not refused": 0, "crashed": 0}
    shown = 0

    def check(template, chat, tools):
        nonlocal shown
        # A row of one token has none to train.
        template = "the text\n" + template
        (theirs, why), (ours, refusal) = pair.theirs(template, chat, tools), pair.ours(template, chat, tools)
        if (refusal or "").startswith("crashed"): kind = "crashed"
        elif theirs is None and ours is None: kind = "both refuse"
        elif theirs is None: kind = "not refused"
        elif ours is None: kind = "refused"
        else: kind = "same" if theirs == ours else "different"
        counts[kind] += 1
        if kind not in ("same", "both refuse") and shown < arguments.shown:
            shown += 1
            print(f"{kind}: {template!r}\n  transformers {theirs if theirs is None else ascii(theirs)} {why or ''}\n  qpeft        {ours if ours is None else ascii(ours)} {refusal or ''}", flush=True)

    for path in arguments.files:
        template = open(path, encoding="utf-8").read()
        for chat in (CHAT[1:2], CHAT[1:3], CHAT[:3], CHAT):
            for tools in (None, TOOLS): check(template, chat, tools)
    for index in range(arguments.count): check(grammar.template(), CHAT, TOOLS if index % 2 else None)
    shutil.rmtree(pair.folder)
    print(json.dumps(counts))
    sys.exit(1 if counts["different"] or counts["not refused"] or counts["crashed"] else 0)


if __name__ == "__main__":
    main()
