#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/formats/gguf_package.gguf with PyPI's gguf (0.19): every kind of metadata value and tensors of
several types, which tests/hub/formats/gguf_file.cpp expects.

    python3 make_gguf.py ../../data/formats/gguf_package.gguf
"""
import sys

import gguf
import numpy as np

writer = gguf.GGUFWriter(sys.argv[1], "llama")
writer.add_custom_alignment(64)
writer.add_uint8("test.uint8", 255)
writer.add_int8("test.int8", -128)
writer.add_uint16("test.uint16", 65535)
writer.add_int16("test.int16", -32768)
writer.add_uint32("test.uint32", 2**32 - 1)
writer.add_int32("test.int32", -(2**31))
writer.add_uint64("test.uint64", 2**64 - 1)
writer.add_int64("test.int64", -(2**63))
writer.add_float32("test.float32", 0.5)
writer.add_float64("test.float64", 0.1)
writer.add_bool("test.bool", True)
writer.add_string("test.string", "h\u00e9llo\nworld")
writer.add_array("test.strings", ["a", "", "\u2581the"])
writer.add_array("test.ints", [1, 2, -3])
writer.add_array("test.floats", [1.0, -1.25])
writer.add_array("test.bools", [True, False])
writer.add_array("test.nested", [[1, 2], [3]])

Type = gguf.GGMLQuantizationType


def quantised(name, shape, kind):
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    try:
        data = gguf.quantize(values, kind)
    except NotImplementedError:  # the package only reads some types: any bytes will do
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        rows = shape[:-1] + (shape[-1] // elements * size,)
        data = (np.arange(np.prod(rows)) % 251).astype(np.uint8).reshape(rows)
    writer.add_tensor(name, data, raw_dtype=kind)


writer.add_tensor("f32", np.arange(6, dtype=np.float32).reshape(2, 3))
writer.add_tensor("f16", np.arange(6, dtype=np.float16).reshape(2, 3))
quantised("bf16", (1, 4), Type.BF16)
writer.add_tensor("i8", np.arange(5, dtype=np.int8))
writer.add_tensor("i32", np.arange(6, dtype=np.int32).reshape(2, 1, 3))
writer.add_tensor("f64", np.arange(2, dtype=np.float64))
quantised("q4_0", (2, 64), Type.Q4_0)
quantised("q8_0", (3, 32), Type.Q8_0)
quantised("q6_k", (2, 256), Type.Q6_K)
quantised("q4_k", (1, 512), Type.Q4_K)
quantised("iq4_xs", (1, 256), Type.IQ4_XS)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
