"""Writes Tests/Golden/chat/*.json: templates, conversations and what Jinja makes of them.

pip install jinja2==3.1.6; python chat_golden.py. The environment is set up as transformers does. The templates are
written for these tests; they use the constructs of the model families whose names they bear.
"""

import datetime
import json
from pathlib import Path

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime.datetime(2025, 3, 7, 15, 4, 9)


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        next(parser.stream)
        return parser.parse_statements(["name:endgeneration"], drop_needle=True)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent)


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                        extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


# --- The families -------------------------------------------------------------------------------------------------

CHATML = """{% for m in messages %}{% if loop.first and m['role'] != 'system' %}{{ '<|im_start|>system\\nBe kind.<|im_end|>\\n' }}{% endif %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""

LLAMA2 = """{% if messages[0]['role'] == 'system' %}
    {% set rest = messages[1:] %}
    {% set system = messages[0]['content'] %}
{% else %}
    {% set rest = messages %}
    {% set system = false %}
{% endif %}
{% for m in rest %}
    {% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{ raise_exception('Roles must take turns, user first') }}
    {% endif %}
    {% if loop.index0 == 0 and system != false %}
        {% set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + m['content'] %}
    {% else %}
        {% set content = m['content'] %}
    {% endif %}
    {% if m['role'] == 'user' %}
        {{- bos_token + '[INST] ' + content.strip() + ' [/INST]' }}
    {% elif m['role'] == 'assistant' %}
        {{- ' ' + content.strip() + ' ' + eos_token }}
    {% endif %}
{% endfor %}
"""

LLAMA31 = """{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not tools_in_user_message is defined %}
    {%- set tools_in_user_message = true %}
{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{#- The system message comes first. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{{- "Today: " + date_string + "\\n\\n" }}
{%- if tools is not none and not tools_in_user_message %}
    {{- "You have functions:" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- if tools_in_user_message and not tools is none %}
    {%- if messages | length != 0 %}
        {%- set first = messages[0]['content']|trim %}
        {%- set messages = messages[1:] %}
    {%- else %}
        {{- raise_exception("No first user message to put the tools in!") }}
{%- endif %}
    {{- '<|start_header_id|>user<|end_header_id|>\\n\\n' -}}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
    {{- first + "<|eot_id|>"}}
{%- endif %}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("One call at a time!") }}
        {%- endif %}
        {%- set call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
        {{- '{"name": "' + call.name + '", ' }}
        {{- '"parameters": ' }}
        {{- call.arguments | tojson }}
        {{- "}" }}
        {{- "<|eot_id|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}
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
"""

QWEN3 = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- "# Tools\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0].role == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
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
        {%- if message.tool_calls %}
            {%- for tool_call in message.tool_calls %}
                {%- if (loop.first and content) or (not loop.first) %}
                    {{- '\\n' }}
                {%- endif %}
                {%- if tool_call.function %}
                    {%- set tool_call = tool_call.function %}
                {%- endif %}
                {{- '<tool_call>\\n{"name": "' }}
                {{- tool_call.name }}
                {{- '", "arguments": ' }}
                {%- if tool_call.arguments is string %}
                    {{- tool_call.arguments }}
                {%- else %}
                    {{- tool_call.arguments | tojson }}
                {%- endif %}
                {{- '}\\n</tool_call>' }}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- content }}
        {{- '\\n</tool_response>' }}
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
{%- endif %}"""

MISTRAL1 = """{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate') }}{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"""

MISTRAL3 = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or message.role == "tool_results" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("After the system message, roles must alternate") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[AVAILABLE_TOOLS] [" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}
                        {{- '"' + key + '": "' + val + '"' }}
                    {%- else %}
                        {{- '"' + key + '": ' + val|tojson }}
                    {%- endif %}
                    {%- if not loop.last %}
                        {{- ", " }}
                    {%- endif %}
                {%- endfor %}
                {{- "}}" }}
                {%- if not loop.last %}
                    {{- ", " }}
                {%- else %}
                    {{- "]" }}
                {%- endif %}
            {%- endfor %}
            {{- "[/AVAILABLE_TOOLS]" }}
            {%- endif %}
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
            {%- if not tool_call.id is defined or tool_call.id|length != 9 %}
                {{- raise_exception("Tool call IDs should be strings of length 9!") }}
            {%- endif %}
            {{- ', "id": "' + tool_call.id + '"}' }}
            {%- if not loop.last %}
                {{- ", " }}
            {%- else %}
                {{- "]" + eos_token }}
            {%- endif %}
        {%- endfor %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- elif message["role"] == "tool" %}
        {%- if message.content is defined and message.content.content is defined %}
            {%- set content = message.content.content %}
        {%- else %}
            {%- set content = message.content %}
        {%- endif %}
        {{- '[TOOL_RESULTS] {"content": ' + content|string + ", " }}
        {{- '"call_id": "' + message.tool_call_id + '"}[/TOOL_RESULTS]' }}
    {%- else %}
        {{- raise_exception("Unknown role " ~ message["role"]) }}
    {%- endif %}
{%- endfor %}
"""

TEKKEN = """{%- set today = strftime_now("%Y-%m-%d") %}
{%- set default_system = "Today is " + today + "." %}
{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- if messages[0]['content'] is string %}
        {%- set system_message = messages[0]['content'] %}
    {%- else %}
        {%- set system_message = messages[0]['content'][0]['text'] %}
    {%- endif %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set system_message = default_system %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- '[SYSTEM_PROMPT]' + system_message + '[/SYSTEM_PROMPT]' }}
{%- for message in loop_messages %}
    {%- if message['role'] == 'user' %}
        {%- if message['content'] is string %}
            {{- '[INST]' + message['content'] + '[/INST]' }}
        {%- else %}
            {{- '[INST]' }}
            {%- for block in message['content'] %}
                {%- if block['type'] == 'text' %}
                    {{- block['text'] }}
                {%- elif block['type'] in ['image', 'image_url'] %}
                    {{- '[IMG]' }}
                {%- else %}
                    {{- raise_exception('Only text and image blocks!') }}
                {%- endif %}
            {%- endfor %}
            {{- '[/INST]' }}
        {%- endif %}
    {%- elif message['role'] == 'assistant' %}
        {{- message['content'] + eos_token }}
    {%- endif %}
{%- endfor %}"""

PHI3 = """{% for message in messages %}{% if message['role'] == 'system' and message['content'] %}{{'<|system|>\\n' + message['content'] + '<|end|>\\n'}}{% elif message['role'] == 'user' %}{{'<|user|>\\n' + message['content'] + '<|end|>\\n'}}{% elif message['role'] == 'assistant' %}{{'<|assistant|>\\n' + message['content'] + '<|end|>\\n'}}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}"""

GEMMA = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set prefix = messages[0]['content'] + '\\n\\n' -%}
    {%- else -%}
        {%- set prefix = messages[0]['content'][0]['text'] + '\\n\\n' -%}
    {%- endif -%}
    {%- set rest = messages[1:] -%}
{%- else -%}
    {%- set prefix = "" -%}
    {%- set rest = messages -%}
{%- endif -%}
{%- for message in rest -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Roles must alternate user/assistant/...") }}
    {%- endif -%}
    {%- if (message['role'] == 'assistant') -%}
        {%- set role = "model" -%}
    {%- else -%}
        {%- set role = message['role'] -%}
    {%- endif -%}
    {{ '<start_of_turn>' + role + '\\n' + (prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}
                {{ '<img>' }}
            {%- elif item['type'] == 'text' -%}
                {{ item['text'] | trim }}
            {%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception("Invalid content type") }}
    {%- endif -%}
    {{ '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{'<start_of_turn>model\\n'}}
{%- endif -%}
"""

ZEPHYR = """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>
'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""

SMOLLM3 = """{# A header with switches #}
{%- set mode = "/no_think" if (enable_thinking is defined and not enable_thinking) else "/think" -%}
{%- if messages[0].role == "system" -%}
  {%- set system = messages[0].content -%}
  {%- if "/no_think" in system -%}
    {%- set mode = "/no_think" -%}
    {%- set system = system.replace("/no_think", "").rstrip() -%}
  {%- endif -%}
{%- endif -%}
{{- "<|im_start|>system\\n" -}}
Metadata: {{ strftime_now("%d %B %Y") }} mode {{ mode }}
{% if system is defined and system %}
{{ system }}
{% endif %}
{%- macro tool_list(items, sep=", ") -%}
{%- for t in items -%}{{ t.function.name | upper }}{{ sep if not loop.last }}{%- endfor -%}
{%- endmacro -%}
{%- if tools %}
Tools: {{ tool_list(tools) }} / {{ tool_list(tools, sep="|") }}
{% endif -%}
<|im_end|>
{% for message in messages %}
    {%- set content = message.content if message.content is string else "" -%}
    {%- if message.role == "user" -%}
        {{ "<|im_start|>user\\n" + content + "<|im_end|>\\n" }}
    {%- elif message.role == "assistant" -%}
        {% generation %}
        {{- "<|im_start|>assistant\\n" + content.lstrip("\\n") + "<|im_end|>\\n" }}
        {%- endgeneration %}
    {%- endif -%}
{%- endfor %}
{% if add_generation_prompt %}{{ "<|im_start|>assistant\\n" }}{% endif %}
"""

FAMILIES = dict(chatml=CHATML, llama2=LLAMA2, llama31=LLAMA31, qwen3=QWEN3, mistral1=MISTRAL1, mistral3=MISTRAL3,
                tekken=TEKKEN, phi3=PHI3, gemma=GEMMA, zephyr=ZEPHYR, smollm3=SMOLLM3)

USER = dict(role="user", content="Hello — what is “2 + 2”?\n")
ANSWER = dict(role="assistant", content="  It is 4. ")
SYSTEM = dict(role="system", content=" You are terse. /no_think ")
AGAIN = dict(role="user", content="And cafe\u0301 in café? <b>&'\"</b> 你好 😀")
THOUGHT = dict(role="assistant", content="<think>\nhm\n</think>\n\nYes.")
WEATHER = dict(type="function", function=dict(
    name="weather", description="The weather, \"now\"", parameters=dict(
        type="object", properties=dict(city=dict(type="string", description="Stadt — é"), days=dict(
            type="integer", minimum=1, maximum=7.5)), required=["city"]), **{"return": dict(type="string")}))
CLOCK = dict(type="function", function=dict(name="clock", description="Zeit\n", parameters={}))
CALL = dict(role="assistant", content=None, tool_calls=[
    dict(id="abcdef123", type="function", function=dict(name="weather", arguments=dict(city="Köln", days=2, f=0.5)))])
CALL_TEXT = dict(role="assistant", content="Let me see.", tool_calls=[
    dict(id="abcdef123", type="function", function=dict(name="weather", arguments='{"city": "Bonn"}')),
    dict(id="abcdef124", type="function", function=dict(name="clock", arguments="{}"))])
RESULT = dict(role="tool", tool_call_id="abcdef123", name="weather", content="sunny, 20 °C")
RESULT2 = dict(role="tool", tool_call_id="abcdef124", name="clock", content=dict(content="12:00", zone=None, ok=True))
PARTS = dict(role="user", content=[dict(type="text", text=" Look: "), dict(type="image"), dict(type="text", text="?")])
SYSTEM_PARTS = dict(role="system", content=[dict(type="text", text="Parts.")])

CONVERSATIONS = dict(
    one=dict(messages=[USER]), turns=dict(messages=[USER, ANSWER, AGAIN]), system=dict(messages=[SYSTEM, USER]),
    long=dict(messages=[SYSTEM, USER, ANSWER, AGAIN, THOUGHT]), wrong=dict(messages=[USER, USER]),
    assistant_first=dict(messages=[ANSWER, USER]), strange=dict(messages=[dict(role="poet", content="Ode")]),
    tools=dict(messages=[USER], tools=[WEATHER, CLOCK]), tools_system=dict(messages=[SYSTEM, AGAIN], tools=[WEATHER]),
    call=dict(messages=[USER, CALL, RESULT, THOUGHT, AGAIN], tools=[WEATHER]),
    calls=dict(messages=[USER, CALL_TEXT, RESULT, RESULT2, THOUGHT], tools=[WEATHER, CLOCK]),
    thinking=dict(messages=[USER], extra=dict(enable_thinking=False)),
    thought=dict(messages=[USER, THOUGHT], extra=dict(enable_thinking=True)),
    parts=dict(messages=[PARTS]), parts_system=dict(messages=[SYSTEM_PARTS, PARTS, ANSWER]),
    custom=dict(messages=[USER, ANSWER], extra=dict(
        custom_tools=[CLOCK], date_string="1 Jan 2000", tools_in_user_message=False)),
    empty=dict(messages=[]),
)

# --- Single constructs ----------------------------------------------------------------------------------------------

DATA = dict(
    a=1, b=-7, f=2.5, big=12345678901, t=True, no=False, nil=None, s="Hello World", e="", u="cafe\u0301 café ßẞ ǆ İ",
    l=[3, 1, 2, 1], d=dict(x=1, y="two", items="hidden", z=[1, dict(k=None)]), n=[], m={},
    people=[dict(name="Ann", age=30, team=dict(id="r")), dict(name="bob", age=25, team=dict(id="b")), dict(name="Cy")],
    text="line one\n  line two\n\nline four", sp="  \t padded \n", q="it's \"quoted\" \\ \n\t\x01\u00a0é",
    floats=[1.0, 0.1, 1e16, 1e15, 123456789.125, 1e-5, 1e22, -0.5, 3e100])

EXPRESSIONS = """
a + b * 2 - 3 | a / 2 | b // 2 | b % 3 | 7 % -3 | -7 // 2 | 2 ** 10 | f * 2 | f // 1 | f % 2 | -f | -a ** 2 | +a | a + t
1 + 2 ~ 3 | 'x' ~ 1 ~ none ~ true ~ 1.5 | s * 2 | l + [4] | 'a' 'b' | 10 / 4 | 10 // 4.0 | 2 ** -1 | 1_000 + 1 | 1e3 | 2.5e-1
a == 1 | a == 1.0 | t == 1 | 'a' == 'a' | u == 'x' | l == [3, 1, 2, 1] | d == {} | none == false | a != b | a < 2 <= 2 | 1 < 2 > 3
'a' < 'b' | 'é' == 'e\\u0301' | 'Hello' in s | 'x' in d | 'q' not in d | 3 in l | 9 in l | none in [none] | 'e' not in e
t and 'yes' or 'no' | no or e or 'last' | not t | not no and t | a if t else b | a if no | 'x' if e else 'y' if no else 'z'
l[0] | l[-1] | l[9] | l[1:] | l[:-1] | l[::-1] | l[::2] | l[3:0:-1] | l[-3:-1] | l[5:] | s[0] | s[-1] | s[2:5] | s[::-1] | u[3:6]
d.x | d['y'] | d.z[1].k | d.missing | d['missing'] | d['items'] | d.z | people[0].team.id | (1, 2)[1] | [1, [2, 'x']] | {'a': 1, 'b': [true, none]}
s | upper ;; s | lower ;; 'hELLO wORLD' | capitalize ;; "it's a big-day x1y" | title ;; sp | trim ;; 'xxaxx' | trim('x') ;; u | upper ;; u | lower ;; u | title
s | length ;; l | length ;; d | length ;; u | length ;; missing | length ;; l | count ;; s | first ;; s | last ;; l | first ;; l | last ;; n | first
l | join ;; l | join(', ') ;; people | join(', ', attribute='name') ;; s | join('-') ;; d | join('+') ;; [1.5, none, true] | join('/')
s | replace('o', '0') ;; s | replace('o', '0', 1) ;; s | replace('', '.') ;; s | replace('zz', 'y') ;; 12 | replace('1', '2')
missing | default('x') ;; e | default('x') ;; e | default('x', true) ;; nil | default('x', boolean=true) ;; missing | d('q') ;; missing | default
people | map(attribute='name') | list ;; people | map(attribute='age', default=0) | list ;; people | map(attribute='team.id') | list ;; ['a', 'b'] | map('upper') | list ;; ['1', '2'] | map('int') | sum ;; [' x '] | map('trim') | join
people | selectattr('age') | map(attribute='name') | list ;; people | selectattr('age', 'defined') | list | length ;; people | selectattr('name', 'equalto', 'bob') | map(attribute='age') | first ;; people | rejectattr('age') | map(attribute='name') | list ;; people | rejectattr('name', 'in', ['Ann']) | map(attribute='name') | list ;; people | selectattr('age', '>', 26) | list | length
l | select('odd') | list ;; l | reject('odd') | list ;; l | select('divisibleby', 3) | list ;; [0, 1, ''] | select | list ;; l | unique | list ;; l | reverse | list ;; l | sum ;; l | list ;; 'abc' | list ;; d | list
d | items | list | tojson ;; d.items() | list | tojson ;; d.keys() | list ;; d.values() | list ;; d.get('x') ;; d.get('q') ;; d.get('q', 5) ;; m | items | list ;; missing | items | list
5 | string ;; none | string ;; l | string ;; d | string ;; q | string ;; [q] | string ;; ['é', '\\u200b', 'a\\'b', "c"] | string ;; t | string ;; floats | string
'42' | int ;; 'x' | int ;; 'x' | int(7) ;; 3.9 | int ;; '3.7' | int ;; '-5 ' | int ;; '2.5' | float ;; 'x' | float ;; 3 | float ;; true | int ;; b | abs ;; -2.5 | abs
d | tojson ;; q | tojson ;; u | tojson ;; l | tojson ;; none | tojson ;; t | tojson ;; floats | tojson ;; d | tojson(indent=2) ;; d | tojson(indent=4) ;; n | tojson(indent=2) ;; m | tojson ;; people | tojson(indent=0) ;; 'a/b' | tojson ;; '<&>' | tojson ;; big | tojson
text | indent ;; text | indent(2) ;; text | indent(2, true) ;; text | indent(2, first=true, blank=true) ;; text | indent('> ') ;; '' | indent ;; 'a\\n' | indent(2)
'<&>\\'"' | escape ;; '<' | e ;; '<' | safe
a is defined ;; missing is defined ;; missing is undefined ;; d.q is defined ;; nil is none ;; a is none ;; nil is not none ;; s is string ;; a is string ;; d is mapping ;; l is mapping ;; l is iterable ;; s is iterable ;; a is iterable ;; nil is iterable ;; l is sequence ;; d is sequence ;; a is sequence
a is number ;; f is number ;; t is number ;; s is number ;; a is integer ;; t is integer ;; f is integer ;; f is float ;; a is float ;; t is boolean ;; a is boolean ;; t is true ;; a is true ;; no is false ;; nil is false ;; a is odd ;; a is even ;; b is odd ;; 9 is divisibleby 3 ;; 9 is divisibleby(2)
a is sameas 1 ;; t is sameas true ;; a is sameas true ;; a is eq 1 ;; a is equalto(1) ;; a is ne 2 ;; a is lt 2 ;; a is gt 2 ;; a is ge 1 ;; a is le 0 ;; 1 is in [1] ;; 'x' is in(d) ;; 'abc' is lower ;; 'ABC' is upper ;; 'Ab' is upper ;; '12' is lower ;; range is callable ;; a is callable ;; not a is none ;; a is not defined ;; a is defined and b is defined ;; a is defined or x.y
sp.strip() ;; sp.lstrip() ;; sp.rstrip() ;; 'xyaxy'.strip('yx') ;; 'xya'.lstrip('xy') ;; 'axy'.rstrip('y') ;; s.split() ;; s.split('o') ;; s.split('o', 1) ;; sp.split() ;; 'a,b,,c'.split(',') ;; ' a  b '.split(' ') ;; ' a b c '.split(none, 1) ;; ''.split() ;; ''.split(',') ;; text.splitlines() ;; s.split('o')[-1]
s.startswith('He') ;; s.endswith('ld') ;; s.startswith(('x', 'H')) ;; s.endswith('x') ;; s.startswith('') ;; s.upper() ;; s.lower() ;; 'a b'.title() ;; 'ABC d'.capitalize() ;; s.replace('l', 'L') ;; s.replace('l', 'L', 1) ;; ', '.join(['a', 'b']) ;; s.find('o') ;; s.find('z') ;; u.find('é') ;; s.count('l') ;; '12'.isdigit() ;; '1a'.isdigit() ;; ''.isdigit()
range(3) | list ;; range(1, 4) | list ;; range(5, 0, -2) | list ;; range(0) | list ;; dict(a=1, b='x') ;; namespace(a=1).a ;; strftime_now('%Y-%m-%d %H:%M:%S') ;; strftime_now('%d %b %Y, %A %B %a') ;; strftime_now('%I:%M %p %j %y %e %-d %%')
missing ;; missing ~ 'x' ;; [missing] ;; d.missing is defined ;; true ;; True ;; None ;; none ;; false ;; 1.0 ;; 0.1 ;; 'a\\tb\\'c"\\\\' ;; "\\x41\\u00e9" ;; [] ;; {} ;; 'x'|upper|lower ;; (s|length) + 1 ;; -1|abs ;; not missing ;; 's' in s and 1 ;; s.missing is defined
""".strip("\n")

SNIPPETS = [
    "{% for x in l %}{{ loop.index }}/{{ loop.length }}:{{ x }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for x in l if x > 1 %}{{ loop.index0 }}={{ x }} {{ loop.first }} {{ loop.last }};{% else %}none{% endfor %}",
    "{% for x in l if x > 9 %}{{ x }}{% else %}nothing{% endfor %}", "{% for x in n %}x{% else %}empty{% endfor %}",
    "{% for x in missing %}x{% else %}undefined{% endfor %}", "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in d %}{{ k }},{% endfor %}", "{% for c in 'abc' %}{{ c }}.{% endfor %}",
    "{% for (a, b) in [[1, 2], [3, 4]] %}{{ a + b }} {% endfor %}{{ a }}",
    "{% for x in l %}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %}",
    "{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in l %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}!",
    "{% for x in l %}{% for y in l %}{% if y == 2 %}{% break %}{% endif %}{{ x }}{{ y }}{{ loop.index }} {% endfor %}{{ loop.index }};{% endfor %}",
    "{% set x = 1 %}{% for y in l %}{% set x = x + y %}{{ x }} {% endfor %}{{ x }}",
    "{% set ns = namespace(x=1, seen=[]) %}{% for y in l %}{% set ns.x = ns.x + y %}{% set ns.seen = ns.seen + [y] %}{% endfor %}{{ ns.x }}{{ ns.seen }}{{ ns.q }}",
    "{% if no %}{% set x = 1 %}{% elif a == 1 %}{% set x = 2 %}{% else %}{% set x = 3 %}{% endif %}{{ x }}",
    "{% set x %}  block {{ a }}\n{% endset %}[{{ x }}]{% set y | trim | upper %} up {% endset %}[{{ y }}]",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set t = 1, 2 %}{{ t[1] }}",
    "{% macro f(x, y=2, z='q') %}<{{ x }},{{ y }},{{ z }},{{ a }}>{% endmacro %}{{ f(1) }}{{ f(1, z=3) }}{{ f(1, 2, 3) }}{{ f() }}{{ f(y=f(0)) }}",
    "{% macro fact(k) %}{% if k <= 1 %}1{% else %}{{ k * fact(k - 1) | int }}{% endif %}{% endmacro %}{{ fact(5) }}",
    "{% set g = 5 %}{% macro f() %}{{ g }}{% set g = 6 %}{{ g }}{% endmacro %}{{ f() }}{{ g }}",
    "{% macro f(x) %}{{ caller_is }}{{ x }}{% endmacro %}{% for caller_is in [1, 2] %}{{ f('x') }}{% endfor %}",
    "{%- macro outer(x) -%}{% macro inner(y) %}({{ y }}{{ x }}){% endmacro %}{{ inner(x) }}{%- endmacro -%}{{ outer(3) | upper }}",
    "a\n{% if t %}\nb\n{% endif %}\nc\n", "a\n  {% if t %}\n  b\n  {% endif %}\n  c\n\n", "x {% if t %} y {% endif %} z",
    "a \n {%- if t -%} \n b \n {%- endif -%} \n c", "a {{- ' b ' -}} c", "  {{ a }}  \n{{ a }}\n\n{{ a }}\n", "\n\n{{ a }}\n",
    "a\n  {# note #}\nb", "a {# note #} b", "a\n  {#- note -#}\n  b", "{# one\ntwo #}\nx {#- y #} z",
    "a\n  {%+ if t %}\n  b\n  {%+ endif +%}\n c", "{% if t +%}\nb{% endif %}", "\t{% if t %}\tb{% endif %}\t\n\t{% if t %}x{% endif %}",
    "{% if t %}{% if t %}\n\n  {% endif %}\n  {% endif %}\n  x", "a\r\n{% if t %}\r\nb\r\n{% endif %}\r\nc\r\n", "x{% raw %} {{ raw }} {% if %} {% endraw %}y",
    "a\n  {% raw %}\n {{ x }}\n  {% endraw %}\nb", "{% raw -%}  x  {%- endraw %}", "{{ '{{ not }}' }} {{ \"%}\" }} {{ {'a': {'b': 1}}['a']['b'] }}",
    "{% generation %}\nx{{ a }}\n{% endgeneration %}\ny", "{{ [1,\n 2,\n 3,] | join }}{{ {'a': 1,} }}{{ (1,)[0] }}",
    "{% for p in people %}{% set team = p.team.id if p.team is defined else 'none' %}{{ p.name }}:{{ team }}{{ '\n' }}{% endfor %}",
    "{% for p in people | selectattr('age', 'defined') %}{{ p.name }}{% endfor %}", "{{ 'only' if people | length > 2 and not e }}",
    "{% set x = [] %}{% for i in range(3) %}{% set x = x + [i * i] %}{% endfor %}{{ x }}", "{{ none }}{{ true }}{{ 1.50 }}{{ [] }}{{ {} }}",
    "{% if 'x' in d and d.x is not none and d['x'] == 1 %}yes{% endif %}", "{% if not (a == 1 or b == 2) %}x{% else %}y{% endif %}",
    "{%if t%}tight{%endif%}{{a}}{{-a-}}{{- a -}} {{a}}", "{% for x in l -%}\n  {{ x }}\n{%- endfor %}", "  {% set x = 1 %}  \n  {{ x }}",
    "{% set x = 1 %}{% if t %}{% for y in [1] %}{% set x = 2 %}{% endfor %}{% endif %}{{ x }}", "{{ a }}{% if e %}{% endif %}\n", "", "\n", "\n\n", "no tags\n at all\n\n",
    "{{ '\\n' }}x\n", "{% for i in range(2) %}\n{% for j in range(2) %}\n{{ i }}{{ j }}\n{% endfor %}\n\n{% endfor %}\nend",
]

FAILURES = [
    "{{ raise_exception('no: ' ~ a) }}", "a\n\n{% if t %}\n{{ raise_exception('third line') }}{% endif %}", "{{ missing.x }}",
    "{{ missing() }}", "{{ s() }}", "{{ 1 + 'a' }}", "{{ 'a' + 1 }}", "{{ missing + 1 }}", "{{ 1 / 0 }}", "{{ 1 % 0 }}",
    "{% for x in 5 %}{% endfor %}", "{% for a, b in [1] %}{% endfor %}", "{{ 1 < 'a' }}", "{{ 'a' | nofilter }}", "{{ a is notest }}",
    "{% if %}{% endif %}", "{% if t %}", "{% endif %}", "{% for x l %}{% endfor %}", "{% unknown %}", "{{ }}", "{{ a", "{% if t", "{# open",
    "{{ 'open }}", "{{ (1 }}", "{{ [1 }}", "{{ 1) }}", "{{ a b }}", "{{ a | }}", "{{ a. }}", "{{ a[ }}", "{{ a is }}", "{{ a ? b }}",
    "{% set a.b = 1 %}", "{% set = 1 %}", "{% macro %}{% endmacro %}", "{% macro f(x) %}{% endmacro %}{{ f(1, 2) }}",
    "{% macro f(x) %}{% endmacro %}{{ f(q=2) }}", "{% break %}", "{{ l[::0] }}", "{{ missing | tojson }}", "{{ range(1000000) }}",
    "{{ 5 | items | list }}", "{{ {1 2} }}", "{{ none | items | list }}", "{% raw %}x", "{{ 'a' in 5 }}", "{{ 1 in 'a' }}",
    "{% set x %}a", "{% for x in l %}{% else %}", "{% if t %}{% else %}{% elif a %}{% endif %}", "{{ nil.x.y }}", "{{ d.get() }}",
]


def render(env, source, variables):
    try:
        return dict(output=env.from_string(source).render(**variables))
    except (jinja2.exceptions.TemplateError, TypeError, ZeroDivisionError, ValueError, OverflowError, SyntaxError) as error:
        return dict(error=str(error))


def main():
    folder = Path(__file__).parent.parent / "Golden" / "chat"
    folder.mkdir(parents=True, exist_ok=True)
    env = environment()
    families = dict(templates=FAMILIES, conversations=CONVERSATIONS, cases=[])
    for family, source in FAMILIES.items():
        for name, conversation in CONVERSATIONS.items():
            for prompt in (False, True):
                variables = dict(messages=conversation["messages"], tools=conversation.get("tools"), documents=None,
                                 add_generation_prompt=prompt, bos_token="<s>", eos_token="</s>")
                variables.update(conversation.get("extra", {}))
                result = render(env, source, variables)
                families["cases"].append(dict(template=family, conversation=name, prompt=prompt, **result))
    constructs = dict(data=DATA, cases=[], failures=[])
    for line in EXPRESSIONS.split("\n"):
        parts = line.split(" ;; ") if ";;" in line else line.split(" | ")
        for part in parts:
            source = "{{ " + part.replace("\\\\", "\\") + " }}"
            result = render(env, source, DATA)
            if "error" in result:
                constructs["failures"].append(dict(source=source))
            else:
                constructs["cases"].append(dict(source=source, **result))
    for source in SNIPPETS:
        result = render(env, source, DATA)
        assert "output" in result, (source, result)
        constructs["cases"].append(dict(source=source, **result))
    for source in FAILURES:
        result = render(env, source, DATA)
        assert "error" in result, (source, result)
        constructs["failures"].append(dict(source=source))
    for name, value in dict(families=families, constructs=constructs).items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        print(path.name, path.stat().st_size, len(value["cases"]), sum("error" in c for c in value["cases"]))
    print([f["source"] for f in constructs["failures"]][:20])


if __name__ == "__main__":
    main()
