"""Makes templates.golden.json: chat templates written for this project in the manner of each model family, templates of
single features, and random ones for white space control, as transformers renders them.

    python make_templates.py
"""
import json, os, random
import transformers, jinja2
from transformers.utils.chat_template_utils import _normalize_chat_messages, render_jinja_template

HERE = os.path.dirname(os.path.abspath(__file__))
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}

U = {"role": "user", "content": "What is 2+2?"}
A = {"role": "assistant", "content": "  It is 4. "}
S = {"role": "system", "content": "Be brief."}
U2 = {"role": "user", "content": "Na\u00efve caf\u00e9 \U0001f600 \"quoted\" <b>&'\n\tnext"}
A2 = {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes"}
TOOL_CALL = {"role": "assistant", "content": "", "tool_calls": [
    {"type": "function", "function": {"name": "get_weather", "arguments": {"city": "K\u00f6ln", "days": 2, "x": 1.5, "deep": [None, True, {"a": []}]}}}]}
TOOL = {"role": "tool", "name": "get_weather", "content": "{\"t\": 21}"}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "Weather of a \"city\"",
          "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]
THOUGHTS = [U, {"role": "assistant", "content": "4", "reasoning": "two and two", "name": None}, U2, {"role": "assistant", "thinking": "t", "reasoning_content": None, "content": None, "tool_calls": None}]
CHATS = [[U], [U, A], [S, U, A, U2], [S, U, A, U2, A2], [U2, A2, U, A]]
TOOL_CHATS = [[S, U, TOOL_CALL, TOOL, A], [U, TOOL_CALL, TOOL, TOOL]]

FAMILIES = {
    "chatml": """{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}""",
    "smollm": """{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou help.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}""",
    "llama3": """{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- "Today: " + date_string + "\\n" + system_message + "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("One call at a time") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '{"name": "' + tool_call.name + '", "parameters": ' }}{{- tool_call.arguments | tojson }}{{- "}<|eot_id|>" }}
    {%- else %}
        {%- if message.content is mapping or message.content is iterable and message.content is not string %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
""",
    "llama2": """{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}""",
    "mistral": """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace(index=0) %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("After the optional system message, roles must alternate") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[TOOL_CALLS] [" }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function|tojson %}
            {{- out[:-1] }}
            {{- "}" if loop.last else "}, " }}
        {%- endfor %}
        {{- "]" + eos_token }}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- elif message["role"] == "tool" %}
        {{- '[TOOL_RESULTS] {"content": ' + message.content|string + "}[/TOOL_RESULTS]" }}
    {%- else %}
        {{- raise_exception("Only user and assistant roles are supported, not " ~ message.role) }}
    {%- endif %}
{%- endfor %}
""",
    "zephyr": """{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}""",
    "gemma": """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}""",
    "qwen": """{%- macro call(function) %}
<tool_call>
{"name": "{{ function.name }}", "arguments": {{ function.arguments | tojson }}}
</tool_call>
{%- endmacro %}
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- "# Tools" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "<|im_end|>\\n" }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(last_query_index=messages|length - 1, multi_step_tool=true) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set content = message.content %}
        {%- set reasoning = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index and (loop.last or (not loop.last and reasoning)) %}
            {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls or [] %}
            {{- call(tool_call.function if tool_call.function else tool_call) }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' ~ message.content ~ '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}""",
    "deepseek": """{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% set ns = namespace(is_first=false, is_tool=false, system_prompt='') %}{%- for message in messages %}{%- if message['role'] == 'system' %}{% set ns.system_prompt = message['content'] %}{%- endif %}{%- endfor %}{{bos_token}}{{ns.system_prompt}}{%- for message in messages %}{%- if message['role'] == 'user' %}{%- set ns.is_tool = false -%}{{'<U>' + message['content']}}{%- endif %}{%- if message['role'] == 'assistant' and message['content'] is not none %}{%- set ns.is_tool = false -%}{{'<A>' + message['content'].split('</think>')[-1] + '<E>'}}{%- endif %}{%- endfor -%}{% if add_generation_prompt and not ns.is_tool %}{{'<A>'}}{% endif %}""",
    "phi": """{% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}""",
    "generation": """{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{{ eos_token }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}\n{% endfor %}""",
}

# One expression each; printed in brackets.
EXPRESSIONS = r"""
1 + 2 * 3 - 4 // 3 % 2 ** 2
7 / 2
-7 // 2
-7 % 3
7.5 // 2
2 ** 10
2 ** -1
1e3
10000000000000000.0
1.5e300
0.00001
0.1 + 0.2
100.0
-3 | abs
'%s and %d' % ('a', 3)
'a' ~ 1 ~ none ~ true ~ 1.5
'ab' * 3
[1, 2] + [3]
[1, 'a', none, true, 1.5, {'k': 'v\'"\n'}]
{'a': 1, 'b': [1]}
{'a': 1}.items() | map('join', '-') | list
{'b': 1, 'a': 2} | dictsort | map('join', '-') | list
{'b': 1, 'a': 2}.keys() | list
{'b': 1}.get('c', 7)
{'b': 1}.get('c')
1 if false
(1 if false else 2)
1 < 2 < 3
1 < 3 < 2
1 == 1.0
true == 1
'a' == "a"
'a' < 'b'
[1, 2] < [1, 3]
not 1 == 2
not none
none is none
x is defined
x is not defined
x is undefined and not y
x | default('d')
'' | default('d')
'' | default('d', true)
none or 'x'
'' and 'y'
1 in [1, 2]
3 not in [1, 2]
'b' in 'abc'
'k' in {'k': 1}
'abc'[1]
'abc'[-1]
'abcdef'[1:4]
'abcdef'[::-1]
'abcdef'[-3:]
'abcdef'[:-3]
'abcdef'[::2]
'abcdef'[4:1:-1]
[1, 2, 3][1:]
[1, 2, 3][-1]
messages[0]['content']
messages[0].role
messages[-1]['role']
messages | length
messages | map(attribute='role') | join(', ')
messages | map(attribute='nothing', default='-') | list
messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list
messages | rejectattr('role', '==', 'user') | list | length
messages | selectattr('tool_calls') | list
['a', 'B', 'c'] | map('upper') | list
[3, 1, 2] | sort
[3, 1, 2] | sort(reverse=true)
['b', 'A', 'c'] | sort
['b', 'A', 'c'] | sort(case_sensitive=true)
[1, 2, 1] | unique | list
[1, 2, 3] | sum
[1, 2, 3] | min
[1, 2, 3] | max
[0, 1, 2] | select | list
[0, 1, 2] | reject('odd') | list
[1, 2, 3] | first
[1, 2, 3] | last
[] | first
[1, 2, 3] | reverse | list
'abc' | reverse
[1, 2, 3, 4, 5] | batch(2) | list
'hello world' | title
"they're bill's FRIENDS" | title
'hELLO' | capitalize
'Hello'.upper() ~ 'Hello'.lower()
' x '.strip() ~ '|' ~ ' x '.lstrip() ~ '|' ~ ' x '.rstrip() ~ '|'
'xxaxx'.strip('x')
'a,b,c'.split(',')
'a,b,c'.split(',', 1)
'a,b,c'.rsplit(',', 1)
' a  b '.split()
' a  b  c '.split(none, 1)
'a\nb\r\nc'.splitlines()
'abc'.startswith('ab') and 'abc'.endswith(('x', 'bc'))
'abcabc'.find('c') ~ 'abcabc'.rfind('c') ~ 'abc'.find('x')
'na\u00efve'.find('v')
'abcabc'.count('bc')
'abcabc'.replace('b', 'X')
'abcabc'.replace('b', 'X', 1)
'abcabc' | replace('b', 'X')
'-'.join(['a', 'b'])
'{} and {} {x}'.format(1, 'b', x=2)
'12'.isdigit() ~ 'a1'.isalnum() ~ 'ab'.isalpha() ~ '  '.isspace() ~ 'AB'.isupper() ~ 'ab'.islower()
'prefix-x'.removeprefix('prefix-') ~ 'x.txt'.removesuffix('.txt')
'a-b-c'.partition('-') | list
'5'.zfill(3)
'42' | int + 1
'x' | int
'3.7' | float
3.7 | int
2.5 | round
3.14159 | round(2)
2.1 | round(method='ceil')
'  x ' | trim
'x\ny\n\nz' | indent(2)
'x\ny' | indent(2, true)
'<a href="x">&\'</a>' | escape
'a b c' | wordcount
'a' | string | length
'\u4f60\u597d\U0001f600' | length
'abc' | list
{'a': 'x"\\/\n\u00e9\u2028<>&\'', 'b': [1, 2.0, none, true], 'c': {}} | tojson
{'a': [1, {'b': 2}], 'c': {}, 'd': []} | tojson(indent=2)
{'b': 1, 'a': '\u00e9'} | tojson(sort_keys=true, ensure_ascii=true)
[1, 2] | tojson(separators=(',', ':'))
1.0 | tojson
(1, 2) | list
range(3) | list
range(5, 0, -2) | list
dict(a=1, b=2)
3 is odd
4 is divisibleby 2
4 is divisibleby(3)
'a' is string
[] is sequence
{} is mapping
'a' is iterable
1 is number
1 is integer
1.0 is float
true is boolean
true is integer
true is true
1 is sameas 1
x is string
none is none and 1 is not none
3 is in [1, 2, 3]
'A' is upper
loop is defined
bos_token + 'x' + eos_token
'a' 'b'
"\x41\u0042\t|"
'it''s'
[[1, 2], [3]] | map('first') | list
[{'a': {'b': 5}}] | map(attribute='a.b') | list
(messages | first).content | upper
messages[0].get('content')
'a' if messages[0].role == 'user' else 'b' if true else 'c'
{'items': 1}['items']
{'a': 1} | items | map('last') | list
- 2 ** 2
'ab' | first ~ 'ab' | last
[1, 2] is eq [1, 2]
[['b', 2], ['a', 1]] | sort(attribute=0)
['x', 'y'] | join
none | default('n')
'abc' | replace('', '-')
'%.2f' | string
'x' in messages[0]
'\u00df'.upper() ~ '\u0130'.lower()
(1, 'a', none)
(1,)
()
[(1, 2), (3,)]
1, 2
(1, 2) == [1, 2]
(1, 2) + (3,)
(1, 2) * 2
(1, 2)[1:]
range(3)
range(5, 0, -2)
range(10)[2:5]
range(10)[::-1]
range(3) | string
4 in range(0, 10, 2)
{'a': 1, 'b': 2}.items()
{'a': 1}.keys()
{'a': 1}.values()
{'a': 1}.items() | list
{'a': 1, 'b': 2} | dictsort
'a-b'.partition('-')
'abc'.startswith(('x', 'a'))
'abc'.startswith(['x', 'a'])
messages | groupby('role') | map(attribute='grouper') | list
(messages | groupby('role'))[0].list | length
[{'a': 'x'}, {'a': 'X'}, {}] | groupby('a', default='z') | map('first') | list
['a', 'A', 'b'] | unique(case_sensitive=true) | list
messages | unique(attribute='role') | map(attribute='role') | list
messages | sort(attribute='role,content') | map(attribute='role') | list
['b', 'A'] | min
['b', 'A'] | max(case_sensitive=true)
messages | map(attribute='content') | map('length') | sum
messages | sum(attribute='content', start='')
[[1], [2]] | sum(start=[])
messages | selectattr('role', 'eq', 'user') | length
messages | selectattr('role', 'eq', 'tool') | first
true if messages | selectattr('role', 'eq', 'tool') else false
[1, 2, 3] | select('gt', 1) | last
[1, 2, 3] | reverse | first
1 | length
'<b>' | e ~ '<'
'<b>' | e + '<'
'<' + ('<b>' | safe)
('%s and %s' | safe) % ('<', 1)
('<b>' | e) * 2
[('<' | e), '<'] | join
('a' | safe).replace('a', '<')
('<b>' | e) | forceescape
('<b>' | safe) is escaped
['<' | e]
'foo bar baz qux' | truncate(9)
'foo bar baz qux' | truncate(9, true)
'foo bar baz qux' | truncate(11)
'foo bar baz qux' | truncate(11, false, '...', 0)
'  <b>Na\u00efve</b> &amp; <!-- <i> -->  caf\u00e9 &#39;s ' | striptags
'a b/c?d=\u00e9&~' | urlencode
{'q': 'a b', 'n': 1} | urlencode
[('a', 'x y'), ('b', '/')] | urlencode
{'class': 'a<b', 'id': none, 'n': 1} | xmlattr
1000000 | filesizeformat
1536 | filesizeformat(true)
1 | filesizeformat
'%s is %05.1f%% of %-4d|%+d|%x' | format('a', 3.14159, 42, 7, 255)
'%(a)s' | format(a=1)
'%5s|%-5s|%.2s' % ('a', 'b', 'cde')
'%e %g %G' % (12345.678, 0.00001, 1e20)
'%c%c' % (65, 'b')
'%*d' % (5, 42)
'%s' % [1, 2]
'{:>5}|{:<5}|{:^5}|{:*^7}'.format('a', 'b', 'c', 'd')
'{:05d}|{:+}|{:,}|{:x}|{:#b}'.format(42, 7, 1234567, 255, 5)
'{:.2f}|{:e}|{:g}|{:%}|{:.3}'.format(3.14159, 1234.5, 0.0001, 0.25, 12.3456)
'{0[a]} {1.role} {0!r} {x:{w}}'.format({'a': 1}, messages[0], x='y', w=3)
'{a}'.format_map({'a': 1})
'a\tb'.expandtabs(4)
'Ab Cd'.istitle() ~ 'AB'.istitle()
'a_1'.isidentifier() ~ '1a'.isidentifier() ~ 'a\n'.isprintable()
'abcabc'.find('c', 3) ~ 'abcabc'.count('b', 2) ~ 'abcabc'.rindex('b') ~ 'abc'.startswith('b', 1)
' a b c '.rsplit(none, 1)
'a\x00\u200b\u00a0\U000e0001' | list
joiner('; ') is callable
cycler('a', 'b').next()
'upper' is filter and 'odd' is test and 'nothing' is not filter
3.0 is odd
0x1f + 0o17 + 0b11 + 1_000
'0x1A' | int(base=16)
'1_000' | int
'z' | int(default=5)
' 12 ' | int ~ '1e3' | float
-7 // 2.5
dict([('a', 1)], b=2)
dict.fromkeys(['a'], 1)
namespace(a=1) is mapping
{'a': {'b': [1, {'c': none}]}} | pprint
loop is undefined
messages[0] | attr('role')
messages[0] | attr('items') is callable
'abc' | map('upper') | join('-')
[3, 1] | sort | reverse | list | tojson
(1, 2) | tojson
{1: 'a', none: 'b', true: 'c', 1.5: 'd'} | tojson
[1, [2, (3,)]] | string
messages[1:2] | map(attribute='content') | first | trim | length
'\n' | trim | length
'A,b' | lower | replace(',', ';') | upper | list | join('.')
'x' | indent(2, true) ~ '|' ~ '' | indent(2, true) ~ '|' ~ 'a\n\nb\n' | indent(1, blank=true)
""".strip().split("\n")

STATEMENTS = [
    "{% for i in range(3) %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }};{% endfor %}",
    "{% for i in [] %}x{% else %}empty{% endfor %}",
    "{% for i in range(6) if i % 2 %}{{ loop.index }}:{{ i }} {% else %}none{% endfor %}",
    "{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }}{{ ', ' if not loop.last }}{% endfor %}",
    "{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% set x = 1 %}{% for i in range(2) %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}",
    "{% set ns = namespace(x=1, y='a') %}{% for i in range(3) %}{% set ns.x = ns.x * 2 %}{% endfor %}{{ ns.x }}{{ ns.y }}",
    "{% if true %}{% set z = 5 %}{% endif %}{{ z }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set t = 1, 2 %}{{ t | length }}",
    "{% set b %}  block {{ 1 + 1 }} {% endset %}[{{ b }}]{% set c | upper | trim %} up {% endset %}[{{ c }}]",
    "{% macro m(a, b='d', c=none) %}{{ a }}-{{ b }}-{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, 2) }} {{ m(1, c=3) }} {{ m(b=9, a=8) }}",
    "{% macro r(n) %}{{ n }}{% if n > 0 %}{{ r(n - 1) }}{% endif %}{% endmacro %}{{ r(3) }}",
    "{% macro w(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call w('b') %}x{{ 1 }}{% endcall %}",
    "{% macro w() %}{{ caller('v') }}{% endmacro %}{% call(x) w() %}[{{ x }}]{% endcall %}",
    "{% macro w() %}{{ caller() }}{% endmacro %}{% macro o(xs) %}{% for x in xs %}{% set y = x ~ '!' %}{% call w() %}{{ x }}{{ y }}{% endcall %}{% endfor %}{% endmacro %}{{ o([1, 2]) }}",
    "{% macro m(a, b, c=3) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(1, **{'b': 5, 'c': 6}) }}{{ m(1, *[7], c=8) }}",
    "{% filter upper %}abc {{ 'def' }}{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}",
    "{% raw %}{{ x }} {% if %}{% endraw %}|{%- raw -%}  y  {%- endraw -%}  |",
    "a {# comment #} b {#- c -#} d\n{# line #}\ne",
    "{{ messages[5] }}|{{ messages[0].nothing }}|{{ nothing }}|",
    "{% if messages[0].tool_calls %}y{% elif not nothing %}n{% else %}z{% endif %}",
    "x\n", "x\n\n", "a\r\nb\r\n", "{{ 'a\nb' }}", "  {% if true %}  a  {% endif %}  \n  b", "{%+ if true %} a{%+ endif %}\n b",
    "{% if true +%}\n a{% endif %}", "a\n   {%- if true -%}   \n  b  \n {%- endif %}\n c", "\t{# c #}\n\t{{ 1 }}\n\t{% set x = 2 %}\n{{ x }}",
    "{{- ' a ' -}}   b", "   {{ 1 }}\n   {%- set q = 1 %}\n z", "{% for x in [1, 2] -%}\n  {{ x }}\n{%- endfor %}!",
    "{% set m = messages | list %}{% for a in m %}{% for b in m %}{{ loop.index }}{{ loop.depth }}{% endfor %}{% endfor %}",
    "{% macro f(x) -%}{%- for i in x %}{{ i }},{% endfor -%}{%- endmacro -%} {% set v = f([1, 2]) %}{{ v | length }}{{ v }}",
    "{% for m in messages %}{% set content = m.content %}{% if loop.index0 == 0 %}{% set content = 'S' ~ content %}{% endif %}{{ content }};{% endfor %}",
    "{{ {'a': 1}.a }}{{ {'a': {'b': 2}}['a']['b'] }}{{ [1, [2, 3]][1][0] }}",
    "{%- if messages is defined and messages|length > 0 and messages[0]['role'] == 'system' -%}s{%- else -%}n{%- endif -%}",
    "{{ '{{' }} {{ '%}' }}",
    "{% set x = {'k': [1, 2]} %}{{ x.k[1] }}{{ x['k'] | join('-') }}",
    "{% for c in 'ab' %}{{ c }}.{% endfor %}{% for k in {'x': 1, 'y': 2} %}{{ k }}{% endfor %}",
    "{% for m in messages recursive %}{{ loop.index }}{% endfor %}",
    "{% for n in [{'v': 1, 'c': [{'v': 2, 'c': [{'v': 3}]}, {'v': 4}]}] recursive %}{{ loop.depth }}{{ n.v }}{% if n.c %}<{{ loop(n.c) }}>{% endif %}{% endfor %}",
    "{% for x in [1, 1, 2, 2, 1] %}{{ x if loop.changed(x) else '-' }}{% endfor %}",
    "{% set comma = joiner(', ') %}{% for x in 'abc' %}{{ comma() }}{{ x }}{% endfor %}",
    "{% set c = cycler('odd', 'even') %}{% for x in 'abc' %}{{ c.current }}{{ c.next() }}{% endfor %}{{ c.reset() }}{{ c.current }}",
    "{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, b=4) }}{{ m.name }}{{ m.arguments }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, b=2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{% call m(1) %}x{% endcall %}",
    "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}",
    "{% set g = messages | selectattr('role', 'eq', 'user') %}{% for m in g %}a{% endfor %}{% for m in g %}b{% endfor %}{{ g | list }}",
    "{% set g = 'abc' | map('upper') %}{{ g | first }}{{ g | first }}{{ 'C' in g }}{{ g | list }}",
    "{% block title %}x{{ 1 }}{% endblock %}{% block b scoped %}y{% endblock b %}", "{% print 1 + 1 %}{% print 'a', 'b' %}",
    "{% autoescape false %}<{{ '<' }}{% endautoescape %}", "{% for k, v in {'a': 1}.items() %}{{ loop.index }}{{ k }}{{ v }}{% endfor %}",
    "{% for g in messages | groupby('role') %}{{ g.grouper }}{{ g.list | length }}{{ g[0] }};{% endfor %}",
    "{% for role, group in messages | groupby('role') %}{{ role }}{{ group | length }};{% endfor %}",
    "{% set ns = namespace() %}{% set ns._x = 1 %}", "{% set a, (b, c) = 1, (2, 3) %}{{ a }}{{ b }}{{ c }}", "{% for a, b in [(1, 2), [3, 4]] %}{{ a }}{{ b }}{% endfor %}",
    "{% set x = {} %}{{ x['a'] is defined }}{{ x.a | default('d') }}", "{% if not x is defined and messages is iterable %}y{% endif %}",
    "{% for m in messages %}{{ m.content is string and m.content | length > 3 }}{% endfor %}", "{% do 1 %}", "{% include 'x' %}", "{{ lipsum }}{% extends 'y' %}",
]


def random_template(r):
    """Text, white space and tags with random signs: what white space control makes of them."""
    def space(): return r.choice(["", "", " ", "  ", "\n", "\n  ", "  \n", "\t", "x", "x ", "\nx", " x\n", "\n\n", "\r\n"])
    def tag(inner, kind="%"):
        open_sign = r.choice(["", "", "-", "+"] if kind == "%" else ["", "-"])
        close_sign = r.choice(["", "", "-", "+"] if kind == "%" else ["", "-"])
        return {"%": "{%%%s %s %s%%}", "{": "{{%s %s %s}}", "#": "{#%s %s %s#}"}[kind] % (open_sign, inner, close_sign)
    def body(depth):
        out = space()
        for _ in range(r.randint(1, 4)):
            k = r.randint(0, 6)
            if k == 0 and depth < 3: out += tag("if " + r.choice(["true", "false", "messages"])) + body(depth + 1) + tag("endif")
            elif k == 1 and depth < 3: out += tag("for i in range(2)") + body(depth + 1) + tag("endfor")
            elif k == 2: out += tag("set v = 1")
            elif k == 3: out += tag("c", "#")
            elif k == 4 and depth < 3: out += tag("if false") + body(depth + 1) + tag("else") + body(depth + 1) + tag("endif")
            else: out += tag(r.choice(["1", "'q'", "i", "v"]), "{")
            out += space()
        return out
    return body(0)


def render(template, messages, generation=False, tools=None, **kwargs):
    try:
        # An `{% generation %}` block is only tracked if transformers is asked to.
        track = "generation %}" in template
        texts, spans = render_jinja_template([_normalize_chat_messages(messages)], tools=tools, chat_template=template, add_generation_prompt=generation,
                                             return_assistant_tokens_mask=track, **SPECIAL, **kwargs)
        case = {"text": texts[0]}
        if track: case["generations"] = [list(s) for s in spans[0]]
        return case
    except Exception as e:
        return {"error": type(e).__name__, "message": str(e)}


if __name__ == "__main__":
    cases = []
    def add(template, messages, generation=False, tools=None, **kwargs):
        case = {"template": template, "messages": messages}
        if generation: case["generation"] = True
        if tools: case["tools"] = tools
        if kwargs: case["variables"] = kwargs
        case.update(render(template, messages, generation, tools, **kwargs))
        cases.append(case)
    for name, template in FAMILIES.items():
        for chat in CHATS:
            for generation in (False, True): add(template, chat, generation)
        if name in ("llama3", "mistral", "qwen"):
            for chat in TOOL_CHATS: add(template, chat, True, TOOLS)
    add(FAMILIES["qwen"], CHATS[0], True, enable_thinking=False)
    for message in ("{{ m }}", "{{ m.items() | list }}", "{{ m.thinking }}{{ m.reasoning_content }}{{ m.reasoning }}{{ m | length }}"):
        add("{% for m in messages %}" + message + ";{% endfor %}", THOUGHTS)
    add("{% for d in documents %}{{ d.title }}:{{ d['text'] }};{% endfor %}", CHATS[0], documents=[{"title": "T", "text": "x"}])
    for expression in EXPRESSIONS: add("[{{ " + expression + " }}]", CHATS[3])
    for statement in STATEMENTS: add(statement, CHATS[3])
    r = random.Random(5)
    for _ in range(400): add(random_template(r), [])
    # The families share their chats: store them once.
    chats, table = [], []
    for case in cases:
        text = json.dumps(case["messages"])
        if text not in chats: chats.append(text); table.append(case["messages"])
        case["messages"] = chats.index(text)
    out = {"library": f"transformers {transformers.__version__}, jinja2 {jinja2.__version__}", "special": SPECIAL, "chats": table, "cases": cases}
    with open(os.path.join(HERE, "templates.golden.json"), "w") as f: json.dump(out, f, ensure_ascii=True, separators=(",", ":"))
    print(len(cases), sum("error" in c for c in cases), [c["message"][:80] for c in cases if "error" in c])
