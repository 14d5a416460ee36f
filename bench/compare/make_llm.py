# SPDX-License-Identifier: Apache-2.0
"""SmolLM2-135M-Instruct's GGUF file in other formats, and a model of 1.1 B weights (TinyLlama's shape) with random ones,
by llama.cpp's own quantiser, every matrix in the same format. Usage: make_llm.py SOURCE.gguf FOLDER NAME FORMAT...,
NAME smollm2 or 1b; writes FOLDER/<format>.gguf."""

import pathlib
import sys

import gguf
import llama_cpp as ll
import numpy

FORMATS = {"f16": 1, "q4_0": 2, "q4_1": 3, "q8_0": 7, "bf16": 32}  # llama.cpp's llama_ftype
LAYERS, WIDTH, HEADS, KEY_HEADS, INNER = 22, 2048, 32, 4, 5632


def quantise(source, target, name):
    options = ll.llama_model_quantize_default_params()
    options.ftype, options.allow_requantize, options.pure, options.nthread = FORMATS[name], True, True, 2
    partial = target.with_suffix(".incomplete")
    if ll.llama_model_quantize(str(source).encode(), str(partial).encode(), options):
        raise SystemExit(f"{target}: llama.cpp cannot make it")
    partial.rename(target)


def random_model(source, target):
    """Llama with the tokenizer of `source`, f16."""
    reader = gguf.GGUFReader(source)
    partial = target.with_suffix(".incomplete")
    out = gguf.GGUFWriter(partial, "llama")
    for field in reader.fields.values():
        if field.name.startswith("tokenizer.") and field.name != "tokenizer.chat_template":
            kind = field.types[0]
            out.add_key_value(field.name, field.contents(), kind, field.types[-1] if len(field.types) > 1 else None)
    vocabulary = len(reader.fields["tokenizer.ggml.tokens"].contents())
    out.add_context_length(2048), out.add_embedding_length(WIDTH), out.add_block_count(LAYERS)
    out.add_feed_forward_length(INNER), out.add_head_count(HEADS), out.add_head_count_kv(KEY_HEADS)
    out.add_layer_norm_rms_eps(1e-5), out.add_rope_freq_base(10000.0), out.add_rope_dimension_count(WIDTH // HEADS)
    out.add_vocab_size(vocabulary), out.add_file_type(1)
    random = numpy.random.default_rng(1)

    def matrix(name, rows, columns):
        out.add_tensor(name, (random.standard_normal((rows, columns), numpy.float32) * 0.02).astype(numpy.float16))

    def norm(name):
        out.add_tensor(name, numpy.ones(WIDTH, numpy.float32))

    keys = WIDTH // HEADS * KEY_HEADS
    matrix("token_embd.weight", vocabulary, WIDTH)
    for i in range(LAYERS):
        norm(f"blk.{i}.attn_norm.weight")
        for name, rows, columns in [("attn_q", WIDTH, WIDTH), ("attn_k", keys, WIDTH), ("attn_v", keys, WIDTH),
                                    ("attn_output", WIDTH, WIDTH), ("ffn_gate", INNER, WIDTH), ("ffn_up", INNER, WIDTH),
                                    ("ffn_down", WIDTH, INNER)]:
            matrix(f"blk.{i}.{name}.weight", rows, columns)
        norm(f"blk.{i}.ffn_norm.weight")
    norm("output_norm.weight")
    out.write_header_to_file(), out.write_kv_data_to_file(), out.write_tensors_to_file()
    out.close()
    partial.rename(target)


def main():
    source, folder, name = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    if name == "1b":
        target = folder / "f16.gguf"
        if not target.exists():
            random_model(source, target)
        source = target
    for wanted in sys.argv[4:]:
        target = folder / f"{wanted}.gguf"
        if not target.exists():
            quantise(source, target, wanted)


main()
