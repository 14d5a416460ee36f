# SPDX-License-Identifier: Apache-2.0
"""A sharded Llama in bfloat16, random weights, as save_pretrained lays it out. Standard library only: seconds for 3 GB.
Usage: make_sharded.py FOLDER MEGABYTES"""

import array
import json
import pathlib
import random
import struct
import sys

HIDDEN, HEADS, KEY_HEADS, INNER, VOCABULARY = 2048, 32, 8, 8192, 16000
SHARD = 500 * 10**6
LAYER = {"self_attn.q_proj": (HIDDEN, HIDDEN), "self_attn.k_proj": (HIDDEN // HEADS * KEY_HEADS, HIDDEN),
         "self_attn.v_proj": (HIDDEN // HEADS * KEY_HEADS, HIDDEN), "self_attn.o_proj": (HIDDEN, HIDDEN),
         "mlp.gate_proj": (INNER, HIDDEN), "mlp.up_proj": (INNER, HIDDEN), "mlp.down_proj": (HIDDEN, INNER),
         "input_layernorm": (HIDDEN,), "post_attention_layernorm": (HIDDEN,)}


def bfloat16(values):
    return array.array("H", (word >> 16 for word in array.array("I", array.array("f", values).tobytes()))).tobytes()


def size(shape):
    return 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)


def shapes(layers):
    yield "model.embed_tokens.weight", (VOCABULARY, HIDDEN)
    for i in range(layers):
        for name, shape in LAYER.items():
            yield f"model.layers.{i}.{name}.weight", shape
    yield "model.norm.weight", (HIDDEN,)
    yield "lm_head.weight", (VOCABULARY, HIDDEN)


def shards(tensors):
    """The Hub's rule: in order, a new file where the next tensor would pass the limit."""
    out, used = [[]], 0
    for name, shape in tensors:
        if out[-1] and used + size(shape) > SHARD:
            out.append([])
            used = 0
        out[-1].append((name, shape))
        used += size(shape)
    return out


def write(path, tensors, block, ones):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors:
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size(shape)]}
        at += size(shape)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for name, shape in tensors:
            if len(shape) == 1:
                file.write(ones)
                continue
            # No two matrices of a layer alike, and no row like the next.
            turn = 2 * (sum(name.encode()) * 997 % (len(block) // 2))
            turned = block[turn:] + block[:turn]
            whole, rest = divmod(size(shape), len(turned))
            for _ in range(whole):
                file.write(turned)
            file.write(turned[:rest])


def main():
    folder, megabytes = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    if (folder / "generation_config.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    per_layer, tables = sum(map(size, LAYER.values())), 2 * size((VOCABULARY, HIDDEN))
    layers = max(1, round((megabytes * 10**6 - tables) / per_layer))
    source = random.Random(1)
    block = bfloat16(source.gauss(0, 0.02) for _ in range((1 << 20) - 2))  # no multiple of a row
    ones = bfloat16([1.0]) * HIDDEN
    parts, where = shards(shapes(layers)), {}
    for i, tensors in enumerate(parts):
        name = f"model-{i + 1:05}-of-{len(parts):05}.safetensors"
        write(folder / name, tensors, block, ones)
        where |= {tensor: name for tensor, _ in tensors}
    total = sum(size(shape) for _, shape in shapes(layers))
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "bfloat16", "hidden_size": HIDDEN,
              "intermediate_size": INNER, "num_hidden_layers": layers, "num_attention_heads": HEADS,
              "num_key_value_heads": KEY_HEADS, "vocab_size": VOCABULARY, "max_position_embeddings": 4096,
              "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": False,
              "bos_token_id": 1, "eos_token_id": 2}
    index = {"metadata": {"total_size": total, "total_parameters": total // 2}, "weight_map": where}
    for name, value in [("model.safetensors.index.json", index), ("config.json", config),
                        ("generation_config.json", {"bos_token_id": 1, "eos_token_id": 2})]:
        (folder / name).write_text(json.dumps(value, indent=2) + "\n")


main()
