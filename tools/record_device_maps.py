#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records device maps as Transformers and Accelerate plan them, for tests/models/device_map.cpp:
    tools/record_device_maps.py | xz -9e > tests/data/loading/device_maps.jsonl.xz
Needs torch, transformers 5.24 and accelerate. Random module trees with layers that are never split, buffers and tied
weights, random budgets. One case a line: {"entries": [[name, bytes, "parameter" | "buffer" | "module"]…], "layers", "tied": [[target, source]…],
"memory": {device: bytes}, "placement", "map": {module: device}}; cases that the reference cannot plan are left out."""
import json
import random

import torch
from torch import nn
from transformers.integrations.accelerate import _get_device_map


class Layer(nn.Module):
    pass


class Block(nn.Module):
    pass


def tensor(rng):
    return nn.Parameter(torch.empty(rng.choice([1, 3, 10, 40, 200]), device="meta"), requires_grad=False)


def fill(rng, module, depth):
    for i in range(rng.randint(0 if depth else 1, 3)):
        kind = rng.random()
        if kind < 0.35 or depth >= 3:
            setattr(module, rng.choice(["weight", "bias", "scale"]), tensor(rng))
        elif kind < 0.45:
            module.register_buffer("table", torch.empty(rng.choice([2, 30]), device="meta"))
        else:
            child = Layer() if rng.random() < 0.4 else Block()
            module.add_module(f"m{i}", child)
            fill(rng, child, depth + 1)


def random_model(rng):
    model = Block()
    for i in range(rng.randint(1, 6)):
        child = Layer() if rng.random() < 0.5 else Block()
        model.add_module(rng.choice(["embed", "layers", "norm", "head", "body"]) + str(i), child)
        fill(rng, child, 1)
    if rng.random() < 0.2:
        model.top = tensor(rng)
    return model


def llama_like(rng):
    model = Block()
    inner = Block()
    model.add_module("model", inner)
    inner.embed_tokens = Block()
    inner.embed_tokens.weight = nn.Parameter(torch.empty(rng.choice([100, 400, 2000]), device="meta"), requires_grad=False)
    inner.layers = Block()
    for i in range(rng.randint(1, 12)):
        layer = Layer()
        for name in ("self_attn", "mlp"):
            part = Block()
            part.weight = nn.Parameter(torch.empty(rng.choice([50, 64]), device="meta"), requires_grad=False)
            layer.add_module(name, part)
        inner.layers.add_module(str(i), layer)
    inner.norm = Block()
    inner.norm.weight = nn.Parameter(torch.empty(8, device="meta"), requires_grad=False)
    model.lm_head = Block()
    model.lm_head.weight = nn.Parameter(torch.empty_like(inner.embed_tokens.weight), requires_grad=False)
    return model


def record(rng, llama):
    model = llama_like(rng) if llama else random_model(rng)
    names = [n for n, _ in model.named_parameters()]
    tied = {}
    if llama and rng.random() < 0.5:
        tied = {"lm_head.weight": "model.embed_tokens.weight"}
    elif len(names) > 2 and rng.random() < 0.3:
        target, source = rng.sample(names, 2)
        tied = {target: source}
    model.all_tied_weights_keys = tied
    layers = [n for n, m in model.named_modules() if isinstance(m, Layer)]
    model._no_split_modules = ["Layer"] if layers else []
    model._no_placement_params = None
    total = sum(p.numel() * 4 for p in model.parameters())
    memory = {i: int(total * rng.choice([0, 0.1, 0.3, 0.5, 0.7, 1, 2])) for i in range(rng.randint(0, 4))}
    if rng.random() < 0.8:
        memory["cpu"] = int(total * rng.choice([0, 0.2, 0.5, 1, 3]))
    placement = rng.choice(["auto", "balanced", "balanced_low_0", "sequential"])
    if not memory:
        return None
    case = {"entries": [], "layers": layers, "tied": [list(p) for p in tied.items()],
            "memory": {str(k): v for k, v in memory.items()}, "placement": placement}
    walk(model, "", case["entries"])
    try:
        plan = _get_device_map(model, placement, dict(memory), None)
    except Exception:
        return None
    case["map"] = {k: str(v) for k, v in plan.items()}
    return case


def walk(module, prefix, out):
    """In the order of definition: what is tried first when a module is split."""
    start = len(out)
    out += [[prefix + n, p.numel() * 4, "parameter"] for n, p in module.named_parameters(recurse=False)]
    for name, child in module.named_children():
        walk(child, f"{prefix}{name}.", out)
    out += [[prefix + n, b.numel() * 4, "buffer"] for n, b in module.named_buffers(recurse=False)]
    if len(out) == start and prefix:
        out.append([prefix[:-1], 0, "module"])


def main():
    rng = random.Random(20261126)
    made = 0
    while made < 1500:
        case = record(rng, made % 3 == 0)
        if case:
            print(json.dumps(case, separators=(",", ":")))
            made += 1


if __name__ == "__main__":
    main()
