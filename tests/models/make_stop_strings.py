#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records after which tokens Transformers' StopStringCriteria stops: tests/data/stop_strings.jsonl, a line for each case
{"tokenizer", "stop_strings", "ids", "stops"}, stops[i] being its answer for ids[:i + 1].

Usage: tests/models/make_stop_strings.py ../shared/data/tokenizers (needs transformers and torch; answers of 5.23)"""
import json
import lzma
import pathlib
import random
import sys
import tempfile

import torch
from transformers import PreTrainedTokenizerFast, StopStringCriteria

TEXTS = [
    "She said: stop! Then the stopping stopped, stoppable or not; the last stopper stops.",
    "One line.\nAnother line.\n\nThe third\n\n\nUser: hello\nAssistant: Hi there.</s> and on",
    "def f(x):\n    return x + 1\n\n\nclass A:\n    pass\n```python\nprint('```')\n```\n",
    "naïve café, Zürich 東京 タワー 🙂🙂 end of text, the end. The End.",
    "aaaaaaaaaaaaaaaaaaaabaaaaaaab abab ababab",
]
STOPS = [["stop"], ["stop", "\n\n"], ["\n"], ["User:"], ["</s>"], ["```"], [" end"], ["end."], ["東"], ["ー"], ["aab"],
         ["abab"], ["stoppable or not"], ["print('"], ["\n    "], ["x"], ["not in the text"], ["The third\n"], ["é"]]


def main():
    root = pathlib.Path(sys.argv[1])
    chance = random.Random(3)
    out = pathlib.Path(__file__).resolve().parents[1] / "data/stop_strings.jsonl"
    lines = []
    for name in ["gpt2", "mistral"]:
        with tempfile.TemporaryDirectory() as scratch:
            path = pathlib.Path(scratch, "tokenizer.json")
            path.write_bytes(lzma.open(root / name / "tokenizer.json.xz").read())
            tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(path))
        tokenizer.name_or_path = name
        for text in TEXTS:
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            for stops in chance.sample(STOPS, 10):
                try:
                    criteria = StopStringCriteria(tokenizer, stops)
                except ValueError as error:  # it takes not every stop string
                    print(name, error, file=sys.stderr)
                    continue
                answers = [bool(criteria(torch.tensor([ids[: i + 1]]), None)[0]) for i in range(len(ids))]
                lines.append(json.dumps({"tokenizer": name, "stop_strings": stops, "ids": ids,
                                         "stops": [int(a) for a in answers]}, ensure_ascii=False, separators=(",", ":")))
    out.write_text("\n".join(lines) + "\n")


main()
