# SPDX-License-Identifier: Apache-2.0
"""A BERT checkpoint with a WordPiece tokenizer.json as GGUF for llama.cpp: F32, BF16, and Q8_0 with floating norms and biases,
named as llama.cpp's own converter names them. Usage: make_gguf.py FOLDER, which has hf/; writes FOLDER/<precision>.gguf.
"""

import json
import pathlib
import sys

import gguf
import numpy
import torch
from gguf import GGMLQuantizationType as Type
from safetensors.torch import load_file

TYPES = {"float32": Type.F32, "bfloat16": Type.BF16, "int8": Type.Q8_0}
FILE_TYPES = {"float32": gguf.LlamaFileType.ALL_F32, "bfloat16": gguf.LlamaFileType.MOSTLY_BF16,
              "int8": gguf.LlamaFileType.MOSTLY_Q8_0}
EMBEDDINGS = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm.": "token_embd_norm.",
}
LAYERS = {
    "attention.self.query.": "attn_q.",
    "attention.self.key.": "attn_k.",
    "attention.self.value.": "attn_v.",
    "attention.output.dense.": "attn_output.",
    "attention.output.LayerNorm.": "attn_output_norm.",
    "intermediate.dense.": "ffn_up.",
    "output.dense.": "ffn_down.",
    "output.LayerNorm.": "layer_output_norm.",
}


def gguf_name(name):
    for ours, theirs in EMBEDDINGS.items():
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    layer, _, rest = name.removeprefix("encoder.layer.").partition(".")
    for ours, theirs in LAYERS.items():
        if rest.startswith(ours):
            return f"blk.{layer}.{theirs}{rest.removeprefix(ours)}"
    return None  # the pooler, position_ids


def tokens_of(folder):
    """llama.cpp marks beginnings of words, not continuations."""
    vocabulary = json.loads((folder / "hf/tokenizer.json").read_text())["model"]["vocab"]
    for token in sorted(vocabulary, key=vocabulary.get):
        special = token.startswith("[") and token.endswith("]")
        yield token if special else token[2:] if token.startswith("##") else "\u2581" + token


def write(folder, precision):
    config = json.loads((folder / "hf/config.json").read_text())
    out = gguf.GGUFWriter(folder / f"{precision}.gguf", "bert")
    out.add_file_type(FILE_TYPES[precision])
    out.add_context_length(config["max_position_embeddings"])
    out.add_embedding_length(config["hidden_size"])
    out.add_feed_forward_length(config["intermediate_size"])
    out.add_block_count(config["num_hidden_layers"])
    out.add_head_count(config["num_attention_heads"])
    out.add_layer_norm_eps(config["layer_norm_eps"])
    out.add_causal_attention(False)
    out.add_pooling_type(gguf.PoolingType.MEAN)
    tokens = list(tokens_of(folder))
    out.add_tokenizer_model("bert")
    out.add_tokenizer_pre("jina-v2-en")
    out.add_token_list(tokens)
    out.add_token_type_count(config["type_vocab_size"])
    out.add_token_types([gguf.TokenType.CONTROL if t.startswith("[") and t.endswith("]") else gguf.TokenType.NORMAL
                         for t in tokens])
    for add, token in [(out.add_unk_token_id, "[UNK]"), (out.add_sep_token_id, "[SEP]"), (out.add_pad_token_id, "[PAD]"),
                       (out.add_mask_token_id, "[MASK]"), (out.add_bos_token_id, "[CLS]"),
                       (out.add_eos_token_id, "[SEP]")]:
        add(tokens.index(token))
    out.add_add_bos_token(True)
    out.add_add_eos_token(True)
    for name, tensor in load_file(folder / "hf/model.safetensors").items():
        target = gguf_name(name.removeprefix("bert."))
        if target is None:
            continue
        plain = tensor.ndim == 1 or target in ("position_embd.weight", "token_types.weight")
        kind = Type.F32 if plain else TYPES[precision]
        data = tensor.to(torch.float32).numpy().astype(numpy.float32)
        out.add_tensor(target, gguf.quants.quantize(data, kind), raw_dtype=kind)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


folder = pathlib.Path(sys.argv[1])
for precision in TYPES:
    if not (folder / f"{precision}.gguf").exists():
        write(folder, precision)
