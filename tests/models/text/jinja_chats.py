# SPDX-License-Identifier: Apache-2.0
"""The conversations that make_jinja.py renders with every template."""

TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}

WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "The weather of a place: <now> & \"soon\".",
    "parameters": {"type": "object", "properties": {
        "place": {"type": "string", "description": "A town, say Zürich or 東京."},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": None},
        "days": {"type": "array", "items": {"type": "integer"}}},
        "required": ["place"]}, "return": {"type": "object"}}}
ADD = {"type": "function", "function": {
    "name": "add", "description": "Adds two numbers.",
    "parameters": {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
                   "required": ["a", "b"]}}}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return dict(role="assistant", content=text, **more)


def system(text):
    return {"role": "system", "content": text}


def call(name, arguments, id="abcdefghi"):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def requests():
    hello = [user("Hello!")]
    talk = [user("  What is 2+2?\n"), assistant(" 4 \n"), user("And ×3?")]
    ruled = [system("You are terse.\n\n"), *talk]
    parts = [user([{"type": "text", "text": "Look: "}, {"type": "image"}, {"type": "text", "text": " what is it?"}]),
             assistant([{"type": "text", "text": "A cat. "}]), user("Sure?")]
    tools = [user("Weather in Zürich?"),
             assistant("", tool_calls=[call("get_weather", {"place": "Zürich", "days": [1, 2], "deep": {"x": None, "y": True, "z": 1.5e-7}})]),
             {"role": "tool", "name": "get_weather", "tool_call_id": "abcdefghi", "content": "{\"temp\": 21.5}"},
             assistant("21.5 °C."), user("Thanks, add 1 and 2.")]
    two_calls = [system("Use tools."), user("Add."),
                 assistant(None, tool_calls=[call("add", {"a": 1, "b": 2.0}), call("add", "{\"a\": 3, \"b\": 4}", "ihgfedcba")]),
                 {"role": "tool", "name": "add", "tool_call_id": "abcdefghi", "content": "3"},
                 {"role": "tool", "name": "add", "tool_call_id": "ihgfedcba", "content": "7"}]
    thinking = [user("Think."), assistant("Done.", reasoning_content="Hmm,\nyes."), user("Again."),
                assistant("<think>\nold\n</think>\n\nThe answer."), user("More?")]
    reasoning = [user("Think."), assistant("Done.", thinking="So it is.")]
    long = [m for i in range(12) for m in (user("Question %d" % i), assistant("Answer %d" % i))] + [user("Last")]
    odd = [assistant("I begin."), user("No."), user("Twice.")]
    documents = [{"title": "Tides", "text": "The moon pulls."}, {"title": "Ebb & flow", "text": "Twice a day."}]
    out = []
    for messages in (hello, talk, ruled, parts, tools, two_calls, thinking, reasoning, long, odd):
        for prompt in (False, True):
            out.append({"messages": messages, "add_generation_prompt": prompt})
    for messages in (hello, ruled, tools, two_calls):
        out.append({"messages": messages, "tools": [WEATHER, ADD], "add_generation_prompt": True})
    out.append({"messages": hello, "tools": []})
    out.append({"messages": hello, "documents": documents, "add_generation_prompt": True})
    out.append({"messages": thinking, "kwargs": {"enable_thinking": False}, "add_generation_prompt": True})
    out.append({"messages": thinking, "kwargs": {"enable_thinking": True, "bos_token": "<other>", "date_string": "4 July"}})
    out.append({"messages": [user("Say:"), assistant("Once upon a ")], "continue_final_message": True})
    out.append({"messages": [user("Say:"), assistant("Once upon a")], "continue_final_message": True})
    out.append({"messages": [user("Say:"), assistant([{"type": "text", "text": "Once \n"}])], "continue_final_message": True})
    out.append({"messages": [user("Say:"), assistant("Done", reasoning="Because ")], "continue_final_message": "reasoning_content"})
    out.append({"messages": [user("Say:"), {"role": "assistant"}], "continue_final_message": True})
    return out


def fnv1a(data):
    h = 0xcbf29ce484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001b3 & (1 << 64) - 1
    return h
