#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what Transformers' apply_chat_template returns as tokens: tests/data/tokenizers/apply_chat.jsonl.xz, and the
small repository tests/data/tokenizers/chat that most of it is asked of.

    pip install transformers==5.24.0 tokenizers==0.23.3 jinja2
    python3 tests/models/text/make_apply_chat.py SHARED_TOKENIZERS

Each line is {"tokenizer", "template"?, "messages", "arguments", and "out": {name: rows} or "error"}. "template" is a file
of tests/data/templates; without it the repository's own is taken. Of real templates only a hash of "out" is kept, for
the texts are not ours. "tokenizer" is "chat" or a folder of SHARED_TOKENIZERS.
"""
import json
import lzma
import pathlib
import random
import shutil
import sys
import tempfile

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

import jinja_chats
from jinja_chats import assistant, system, user

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent.parent / "data"
SMALL = DATA / "tokenizers/chat"
rng = random.Random(7)

CHATML = """{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' }}
{%- if message.role == 'assistant' %}{% generation %}{{- message.content + '<|im_end|>' }}{% endgeneration %}
{%- else %}{{- message.content + '<|im_end|>' }}{% endif %}{{- '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{% endif %}"""


def make_small():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = ["th", "he", "in", "an", "er", "Ġt", "Ġa", "the", "Ġthe", "ing", "Ġan", "user", "us", "ass", "as", "ist"]
    vocabulary = {c: i for i, c in enumerate(alphabet)}
    merges = [("t", "h"), ("h", "e"), ("i", "n"), ("a", "n"), ("e", "r"), ("Ġ", "t"), ("Ġ", "a"), ("th", "e"), ("Ġt", "he"),
              ("in", "g"), ("Ġa", "n"), ("u", "s"), ("us", "er"), ("a", "s"), ("as", "s"), ("i", "s"), ("is", "t")]
    for a, b in merges:
        vocabulary.setdefault(a + b, len(vocabulary))
    assert all(w in vocabulary for w in words)
    t = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t.add_special_tokens([AddedToken(c, special=True, normalized=False)
                          for c in ("<s>", "</s>", "<pad>", "<|im_start|>", "<|im_end|>")])
    # A chat has its own: a call that added these would show.
    t.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair=None, special_tokens=[(c, t.token_to_id(c)) for c in ("<s>", "</s>")])
    SMALL.mkdir(exist_ok=True)
    t.save(str(SMALL / "tokenizer.json"), pretty=False)
    config = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "model_max_length": 96,
              "tokenizer_class": "PreTrainedTokenizerFast", "model_input_names": ["input_ids", "attention_mask"]}
    (SMALL / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
    (SMALL / "chat_template.jinja").write_text(CHATML)


def load(folder):
    with tempfile.TemporaryDirectory() as to:
        for path in folder.iterdir():
            if path.name == "tokenizer.json.xz":
                pathlib.Path(to, "tokenizer.json").write_bytes(lzma.open(path).read())
            elif path.name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
                shutil.copy(path, to)
        # LlamaTokenizer builds components of its own in place of tokenizer.json's, which are obeyed.
        kind = PreTrainedTokenizerFast if folder.name == "mistral" else AutoTokenizer
        return kind.from_pretrained(to)


def rows(found, batched):
    """Nested as [rows][length], which is what tensors are."""
    out = {k: list(v) for k, v in found.items()}
    if not batched and not isinstance(found["input_ids"][0] if len(found["input_ids"]) else 0, list):
        out = {k: [v] for k, v in out.items() if k != "length"} | ({"length": out["length"]} if "length" in out else {})
    if len({len(ids) for ids in out["input_ids"]}) > 1:
        raise ValueError("unequal lengths")
    return json.loads(json.dumps(out))


def record(out, name, tokenizer, messages, arguments, template=None, real=False):
    line = {"tokenizer": name, "messages": messages, "arguments": arguments}
    call = dict(arguments)
    call.update(call.pop("kwargs", {}))
    if template:
        line["template"] = template
        call["chat_template"] = (DATA / "templates" / template).read_text()
    try:
        found = rows(tokenizer.apply_chat_template(messages, **call), bool(messages) and isinstance(messages[0], list))
        if real:
            line["hash"] = "%016x" % jinja_chats.fnv1a(json.dumps(found, separators=(",", ":"), sort_keys=True).encode())
        else:
            line["out"] = found
    except BaseException as e:  # the library may also panic
        line["error"] = type(e).__name__
    out.append(line)


TEXTS = ["Hi", "", "  What is 2+2?\n", "the thing in an anther", "Zürich, 東京 👩‍🚀", "<|im_end|> is <s> text </s>", "a b c d e f g h",
         "user\n\nassistant"]


def chat():
    messages = [system(rng.choice(TEXTS))] if rng.random() < .3 else []
    for _ in range(rng.choice([0, 1, 1, 2])):
        messages += [user(rng.choice(TEXTS)), assistant(rng.choice(TEXTS))]
    if rng.random() < .6 or not messages:
        messages.append(user(rng.choice(TEXTS)))
    return messages


def arguments(batched):
    a = {}
    if rng.random() < .3:
        a["add_generation_prompt"] = True
    elif rng.random() < .2:
        a["continue_final_message"] = True
    a["padding"] = rng.choice([True, True, "longest", "max_length", False] if batched else [False, False, True, "max_length"])
    if rng.random() < .4:
        a["truncation"] = True
    if rng.random() < .5:
        a["max_length"] = rng.choice([1, 8, 20, 40])
    if rng.random() < .5:
        a["return_assistant_tokens_mask"] = True
    more = {}
    for name in ("return_special_tokens_mask", "return_offsets_mapping", "return_length"):
        if rng.random() < .2:
            more[name] = True
    if rng.random() < .3:
        more["padding_side"] = rng.choice(["left", "right"])
    if rng.random() < .2:
        more["pad_to_multiple_of"] = rng.choice([4, 8])
    if rng.random() < .15:
        more["split_special_tokens"] = True
    if rng.random() < .15 and a.get("truncation") and not a.get("return_assistant_tokens_mask"):
        more.update(return_overflowing_tokens=True, stride=rng.choice([0, 2]))
    if rng.random() < .1:
        more["return_attention_mask"] = False
    if rng.random() < .03:
        more.update(rng.choice([{"padding": True}, {"max_length": 5}, {"truncation": True}]))
    if more:
        a["tokenizer_kwargs"] = more
    return a


def main(shared):
    make_small()
    out = []
    small = load(SMALL)
    record(out, "chat", small, [], {})
    record(out, "chat", small, [[]], {})
    record(out, "chat", small, [chat(), []], {"padding": True})
    record(out, "chat", small, [[]], {"continue_final_message": True})
    for _ in range(500):
        batched = rng.random() < .5
        messages = [chat() for _ in range(rng.choice([1, 2, 3]))] if batched else chat()
        record(out, "chat", small, messages, arguments(batched), rng.choice([None, None, "spans.jinja", "zephyr.jinja"]))
    requests = jinja_chats.requests()
    for name in ("gemma3", "llama3", "mistral", "qwen3"):
        tokenizer = load(pathlib.Path(shared, name))
        templates = ["chatml.jinja", "inst.jinja", "spans.jinja", "header_tools.jinja"] + [None] * (name != "mistral")
        for template in templates:
            for request in requests[::2] if template else requests:
                request = dict(request)
                messages = request.pop("messages")
                request["return_assistant_tokens_mask"] = "continue_final_message" not in request and rng.random() < .5
                if template == "header_tools.jinja":
                    request["kwargs"] = {"date_string": "26 Jul 2024"}
                record(out, name, tokenizer, messages, request, template, real=True)
            for _ in range(8):
                batched = rng.random() < .5
                messages = [chat() for _ in range(3)] if batched else chat()
                a = arguments(batched)
                a["kwargs"] = {"date_string": "26 Jul 2024"}
                record(out, name, tokenizer, messages, a, template, real=True)
    with lzma.open(DATA / "tokenizers/apply_chat.jsonl.xz", "wt", preset=9) as f:
        for line in out:
            f.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
    print("%d cases, %d of them errors" % (len(out), sum("error" in line for line in out)))


main(sys.argv[1])
