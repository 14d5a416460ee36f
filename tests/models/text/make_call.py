#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/tokenizers/call.jsonl.xz: what Transformers' call returns for bert-base-uncased, with look-ups.

    pip install transformers==5.24.0 tokenizers==0.23.3
    python3 tests/models/text/make_call.py | xz -9e > tests/data/tokenizers/call.jsonl.xz

Each line is {"texts"|"pairs"|"words", "options", "out": {name: rows}, "rows": [look-ups per row]} or has "error" in
place of "out".
"""
import json
import lzma
import pathlib
import random
import sys
import tempfile

from transformers import PreTrainedTokenizerFast

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = HERE.parent.parent / "data/tokenizers/bert-base-uncased"
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, "tokenizer.json")
    path.write_bytes(lzma.open(FOLDER / "tokenizer.json.xz").read())
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(path), model_max_length=512, pad_token="[PAD]", unk_token="[UNK]",
                                        model_input_names=["input_ids", "token_type_ids", "attention_mask"])

TEXTS = ["It rained.", "In a hole in the ground there lived a hobbit.", "", "Unaffable émigrés, 世界!", "a b c d e f g h i j",
         "don't [SEP] stop", "  spaces   between  ", "supercalifragilisticexpialidocious words"]
rng = random.Random(3)


def lookups(found, row, characters):
    tokens = range(len(found["input_ids"][row]))
    words = sorted({w for w in found.word_ids(row) if w is not None})
    span = lambda s: None if s is None else [s[0], s[1]]  # noqa: E731
    return {
        "word_ids": found.word_ids(row), "sequence_ids": found.sequence_ids(row), "tokens": found.tokens(row),
        "token_to_word": [found.token_to_word(row, t) for t in tokens],
        "token_to_chars": [span(found.token_to_chars(row, t)) for t in tokens],
        "char_to_token": [[found.char_to_token(row, c, s) for c in range(characters)] for s in (0, 1)],
        "char_to_word": [found.char_to_word(row, c, 0) for c in range(characters)],
        "word_to_tokens": [[span(found.word_to_tokens(row, w, s)) for w in words] for s in (0, 1)],
        "word_to_chars": [span(found.word_to_chars(row, w, 0)) if found.word_to_tokens(row, w, 0) else None for w in words],
        "words": words,
    }


def case(kind, inputs, options):
    line = {kind: inputs, "options": options}
    arguments = dict(options)
    if kind == "words":
        arguments["is_split_into_words"] = True
    try:
        if kind == "pairs":
            found = tokenizer([a for a, _ in inputs], [b for _, b in inputs], **arguments)
        else:
            found = tokenizer(inputs, **arguments)
        if len({len(ids) for ids in found["input_ids"]}) > 1:
            raise ValueError("unequal lengths")
        out = {k: [list(r) if isinstance(r, list) else r for r in v] for k, v in found.items()}
        line["out"] = json.loads(json.dumps(out))
        line["rows"] = [lookups(found, i, 12) for i in range(len(found["input_ids"]))]
    except BaseException as e:  # the library may also panic
        line["error"] = type(e).__name__
    print(json.dumps(line, ensure_ascii=False, separators=(",", ":")))


def random_options(kind):
    o = {"padding": rng.choice([False, True, "longest", "max_length"]),
         "truncation": rng.choice([None, True, "longest_first", "only_first", "only_second"])}
    if rng.random() < .7:
        o["max_length"] = rng.choice([3, 5, 8, 12, 16, 40])
    if rng.random() < .3:
        o["stride"] = rng.choice([1, 2])
    if rng.random() < .2:
        o["pad_to_multiple_of"] = rng.choice([4, 8])
    if rng.random() < .3:
        o["padding_side"] = rng.choice(["left", "right"])
    for name in ["return_overflowing_tokens", "return_special_tokens_mask", "return_offsets_mapping", "return_length"]:
        if rng.random() < .4:
            o[name] = True
    if rng.random() < .2:
        o["add_special_tokens"] = False
    if rng.random() < .2:
        o["return_token_type_ids"] = False
    if rng.random() < .2:
        o["return_attention_mask"] = False
    if o["truncation"] is None:
        del o["truncation"]
    return o


for _ in range(260):
    count = rng.choice([1, 1, 2, 3])
    kind = rng.choice(["texts", "pairs", "words"])
    if kind == "texts":
        inputs = [rng.choice(TEXTS) for _ in range(count)]
    elif kind == "pairs":
        inputs = [[rng.choice(TEXTS), rng.choice(TEXTS)] for _ in range(count)]
    else:
        inputs = [rng.choice(TEXTS[1:]).split(" ") for _ in range(count)]
    case(kind, inputs, random_options(kind))
sys.stdout.flush()
