#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records what Transformers' logits processors make of scores: tests/data/logits_processors.jsonl, a line for each case
{"arguments", "prompt", "tokens", "source", "padding", "max_length", "scores", "expected"}; null is minus infinity. The
processors are those that generate() itself would take for the arguments, in its order.

Usage: tests/models/make_logits_processors.py (needs transformers and torch; values of 5.23)"""
import json
import pathlib
import random
import warnings

import torch
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel

VOCABULARY = 14
chance = random.Random(17)


def ids(count):
    return [chance.randrange(VOCABULARY) for _ in range(count)]


CHOICES = {
    "sequence_bias": lambda: [[ids(chance.randrange(1, 4)), round(chance.uniform(-3, 3), 2)] for _ in range(3)],
    "encoder_repetition_penalty": lambda: chance.choice([0.7, 1.5]),
    "repetition_penalty": lambda: chance.choice([0.8, 1.3, 2.0]),
    "no_repeat_ngram_size": lambda: chance.randrange(1, 4),
    "encoder_no_repeat_ngram_size": lambda: chance.randrange(1, 4),
    "bad_words_ids": lambda: [ids(chance.randrange(1, 4)) for _ in range(3)],
    "min_length": lambda: chance.randrange(1, 14),
    "min_new_tokens": lambda: chance.randrange(1, 9),
    "forced_bos_token_id": lambda: chance.randrange(VOCABULARY),
    "forced_eos_token_id": lambda: ids(chance.randrange(1, 3)),
    "remove_invalid_values": lambda: True,
    "exponential_decay_length_penalty": lambda: [chance.randrange(0, 5), chance.choice([0.9, 1.1, 1.6])],
    "suppress_tokens": lambda: ids(3),
    "begin_suppress_tokens": lambda: ids(3),
    "renormalize_logits": lambda: True,
    "temperature": lambda: chance.choice([0.5, 0.9, 2.0]),
    "top_h": lambda: chance.choice([0.1, 0.4, 0.8, 1.0]),
    "top_k": lambda: chance.randrange(1, VOCABULARY + 3),
    "top_p": lambda: chance.choice([0.1, 0.6, 0.9]),
    "min_p": lambda: chance.choice([0.05, 0.3, 0.9]),
    "typical_p": lambda: chance.choice([0.2, 0.7, 0.95]),
    "epsilon_cutoff": lambda: chance.choice([0.02, 0.2]),
    "eta_cutoff": lambda: chance.choice([0.02, 0.3]),
}
SAMPLING = list(CHOICES)[list(CHOICES).index("temperature"):]


def case(model, names):
    prompt = chance.choice([1, 1, 2, 4, 7])
    tokens = ids(prompt + chance.choice([0, 0, 1, 2, 5, 8]))
    padding = chance.randrange(prompt) if chance.random() < 0.4 else 0
    arguments = {name: CHOICES[name]() for name in names}
    if any(name in SAMPLING for name in names):
        arguments["do_sample"] = True
        arguments.setdefault("top_k", 0)
    arguments["eos_token_id"] = ids(chance.randrange(1, 3)) * chance.choice([1, 1, 2])
    if chance.random() < 0.2:
        arguments["num_beams"] = 3
    most = len(tokens) + chance.choice([1, 1, 5])
    config = GenerationConfig(max_length=most, **arguments)
    config._eos_token_tensor = torch.tensor(arguments["eos_token_id"])
    rows, source = torch.tensor([tokens]), torch.tensor([tokens[:prompt]])
    mask = torch.tensor([[0] * padding + [1] * (prompt - padding)])
    processors = model._get_logits_processor(config, input_ids_seq_length=prompt, encoder_input_ids=source,
                                             device="cpu", model_kwargs={"attention_mask": mask})
    scores = [round(chance.gauss(0, 2.5), 3) for _ in range(VOCABULARY)]
    expected = processors(rows, torch.tensor([scores]))[0].tolist()
    if all(x < -1e38 for x in expected):
        return None  # nothing can come next: tern says so
    return {"arguments": arguments, "prompt": prompt, "tokens": tokens, "padding": padding, "max_length": most,
            "scores": scores, "expected": [None if x == -float("inf") else float(f"{x:.7g}") for x in expected]}


def main():
    warnings.simplefilter("ignore")
    torch.manual_seed(1)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, n_embd=8, n_layer=1, n_head=2))
    lines = []
    for name in CHOICES:
        lines += [case(model, [name]) for _ in range(6)]
    for _ in range(150):
        lines.append(case(model, chance.sample(list(CHOICES), chance.randrange(2, 6))))
    out = pathlib.Path(__file__).resolve().parents[1] / "data/logits_processors.jsonl"
    out.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines if line))


if __name__ == "__main__":
    main()
