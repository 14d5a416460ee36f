#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records what Transformers renders: tests/data/templates/{snippets,chats,shared}.jsonl.

    pip install transformers jinja2 && make_jinja.py [SHARED_TOKENIZERS]
    make_jinja.py --fuzz COUNT SEED FILE      random templates, for TERN_JINJA_CASES=FILE test_models

snippets.jsonl   one template of a few characters per line, for each filter, test, method and rule
chats.jsonl      templates in the style of published models (templates/*.jinja beside the data), each with several
                 conversations
shared.jsonl     the real templates of SHARED_TOKENIZERS/*/tokenizer_config.json: only their names and a hash
                 of each answer are recorded, for the texts are not ours
An answer is {"out": text, "spans": [[begin, end], …]} or {"error": true}. Python 3.11's Unicode tables decide.
"""
import copy
import datetime
import json
import os
import sys

import jinja2
from transformers.utils import chat_template_utils as hf

import jinja_chats
import jinja_snippets

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.normpath(os.path.join(HERE, "../../data/templates"))
NOW = datetime.datetime(2024, 7, 4, 9, 5, 3, 42)


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


hf.datetime = Clock


def answer(call):
    try:
        return call()
    except Exception as e:  # whatever a template does wrong
        return {"error": True, "why": "%s: %s" % (type(e).__name__, str(e)[:100])}


def snippet(template, variables):
    def call():
        compiled = hf._compile_jinja_template.__wrapped__(template)
        blocks, spans = [], []
        with compiled.environment.activate_tracker(blocks, spans):
            for block in compiled.generate(**copy.deepcopy(variables)):
                blocks.append(block)
        out = {"out": "".join(blocks)}
        if " at 0x" in out["out"]:
            return None  # an address
        if spans:
            out["spans"] = spans
        return out
    return answer(call)


def chat(template, request, tokens):
    def call():
        kwargs = {**tokens, **request.get("kwargs", {})}
        messages = hf._normalize_chat_messages(request["messages"])
        rendered, spans = hf.render_jinja_template(
            conversations=[messages], tools=request.get("tools"), documents=request.get("documents"),
            chat_template=template, return_assistant_tokens_mask="generation" in template
            and not request.get("continue_final_message"),
            continue_final_message=request.get("continue_final_message", False),
            add_generation_prompt=request.get("add_generation_prompt", False), **kwargs)
        out = {"out": rendered[0]}
        if spans and spans[0]:
            out["spans"] = spans[0]
        return out
    return answer(call)


def write(name, lines):
    with open(os.path.join(DATA, name), "w", encoding="utf-8") as f:
        for line in lines:
            f.write(json.dumps(line, ensure_ascii=False) + "\n")
    errors = sum("error" in line for line in lines)
    print("%s: %d cases, %d of them errors" % (name, len(lines), errors))


def fuzz(count, seed, path):
    """A file like snippets.jsonl. Left out is what cannot be compared: addresses, big integers, …"""
    import jinja_fuzz
    results = {}
    for t in jinja_fuzz.templates(count, seed):
        result = snippet(t, jinja_snippets.VARIABLES)
        if result:
            results[t] = result
    with open(path, "w", encoding="utf-8") as f:
        f.write(json.dumps({"variables": jinja_snippets.VARIABLES}) + "\n")
        for t, result in results.items():
            f.write(json.dumps(dict(template=t, **result), ensure_ascii=False) + "\n")
    print("%s: %d templates, %d of them errors" % (path, len(results), sum("error" in r for r in results.values())))


def main(shared):
    write("snippets.jsonl", [{"variables": jinja_snippets.VARIABLES}] + [
        dict(template=t, **result) for t in jinja_snippets.all_snippets()
        if (result := snippet(t, jinja_snippets.VARIABLES))])
    lines = []
    for name in sorted(os.listdir(DATA)):
        if name.endswith(".jinja"):
            with open(os.path.join(DATA, name), encoding="utf-8") as f:
                template = f.read()
            for request in jinja_chats.requests():
                lines.append(dict(template=name, request=request, **chat(template, request, jinja_chats.TOKENS)))
    write("chats.jsonl", lines)
    lines = []
    for name in sorted(os.listdir(shared)) if shared else []:
        path = os.path.join(shared, name, "tokenizer_config.json")
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as f:
            config = json.load(f)
        template = config.get("chat_template")
        if not isinstance(template, str):
            continue
        tokens = {k: config[k] for k in ("bos_token", "eos_token", "unk_token", "pad_token") if config.get(k)}
        for request in jinja_chats.requests():
            result = chat(template, request, tokens)
            if "out" in result:
                result["hash"] = "%016x" % jinja_chats.fnv1a(result.pop("out").encode())
            lines.append(dict(tokenizer=name, request=request, **result))
    if lines:
        write("shared.jsonl", lines)


if sys.argv[1:2] == ["--fuzz"]:
    fuzz(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
else:
    main(sys.argv[1] if len(sys.argv) > 1 else None)
