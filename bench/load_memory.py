# SPDX-License-Identifier: Apache-2.0
"""Peak memory and time of loading: makes a BERT of about 500 MB with random weights in every file form,
runs `tern forward` on each, and prints peak resident size over the weights' size; then quantised, with
nothing kept, as a first start and as a second one, and with modules on disk, each three times. Standard library only.

  bench/load_memory.py build/tools/tern [FOLDER]
"""

import array
import json
import os
import random
import shutil
import struct
import sys
import tempfile
import time
import zlib

HIDDEN, LAYERS, VOCABULARY, INNER = 768, 12, 50000, 3072


def shapes():
    yield "embeddings.word_embeddings.weight", [VOCABULARY, HIDDEN]
    yield "embeddings.position_embeddings.weight", [512, HIDDEN]
    yield "embeddings.token_type_embeddings.weight", [2, HIDDEN]
    linears = [("pooler.dense", HIDDEN, HIDDEN)]
    norms = ["embeddings.LayerNorm"]
    for i in range(LAYERS):
        layer = f"encoder.layer.{i}."
        for name in ("query", "key", "value"):
            linears.append((f"{layer}attention.self.{name}", HIDDEN, HIDDEN))
        linears += [(layer + "attention.output.dense", HIDDEN, HIDDEN),
                    (layer + "intermediate.dense", INNER, HIDDEN),
                    (layer + "output.dense", HIDDEN, INNER)]
        norms += [layer + "attention.output.LayerNorm", layer + "output.LayerNorm"]
    for name, out, into in linears:
        yield name + ".weight", [out, into]
        yield name + ".bias", [out]
    for name in norms:
        yield name + ".weight", [HIDDEN]
        yield name + ".bias", [HIDDEN]


BLOCK = array.array("f", (random.Random(1).gauss(0, 0.02) for _ in range(1 << 16))).tobytes()


def count(shape):
    return shape[0] * (shape[1] if len(shape) > 1 else 1)


def content(shape):
    size = 4 * count(shape)
    return (BLOCK * (size // len(BLOCK) + 1))[:size]


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value):
    return b"J" + struct.pack("<i", value)


def tuple_of(values):
    return b"(" + b"".join(map(number, values)) + b"t"


def pickled(turned):
    out = b"\x80\x02}("
    for key, (name, shape) in enumerate(shapes()):
        strides = [shape[1], 1] if len(shape) > 1 else [1]
        if turned and len(shape) > 1:
            strides = [1, shape[0]]
        out += text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage")
        out += b"ctorch\nFloatStorage\n" + text(str(key)) + text("cpu") + number(count(shape))
        out += b"tQ" + number(0) + tuple_of(shape) + tuple_of(strides)
        out += b"\x89ccollections\nOrderedDict\n)RtR"
    return out + b"u."


def write_zip(path, turned=False):
    with open(path, "wb") as file:
        directory, entries = b"", 0

        def add(name, data):
            nonlocal directory, entries
            at, crc = file.tell(), zlib.crc32(data)
            name = name.encode()
            padding = -(at + 34 + len(name)) % 64
            file.write(b"PK\3\4" + struct.pack("<HHHIIIIHH", 0, 0x808, 0, 0, 0, 0, 0, len(name),
                                               padding + 4) + name)
            file.write(b"FB" + struct.pack("<H", padding) + b"Z" * padding + data)
            file.write(b"PK\7\10" + struct.pack("<III", crc, len(data), len(data)))
            directory += b"PK\1\2" + struct.pack("<HHHHIIIIHHHHHII", 0, 0, 0x808, 0, 0, crc,
                                                 len(data), len(data), len(name), 0, 0, 0, 0, 0,
                                                 at) + name
            entries += 1

        add("m/data.pkl", pickled(turned))
        add("m/byteorder", b"little")
        for key, (_, shape) in enumerate(shapes()):
            add(f"m/data/{key}", content(shape))
        begin = file.tell()
        file.write(directory + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, entries, entries,
                                                       len(directory), begin, 0))


def write_old(path):
    keys = [(key, shape) for key, (_, shape) in enumerate(shapes())]
    with open(path, "wb") as file:
        file.write(b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.")
        file.write(b"\x80\x02}." + pickled(False))
        file.write(b"\x80\x02](" + b"".join(text(str(key)) for key, _ in keys) + b"e.")
        for _, shape in keys:
            file.write(struct.pack("<Q", count(shape)) + content(shape))


def write_safetensors(path, tensors=None):
    header, at = {}, 0
    tensors = tensors or [(name, "F32", shape, None) for name, shape in shapes()]
    for name, dtype, shape, data in tensors:
        size = len(data) if data else 4 * count(shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    head = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for _, _, shape, data in tensors:
            file.write(data or content(shape))


def run(command, environment):
    """Exit code, wall seconds, resource usage."""
    begin = time.monotonic()
    child = os.posix_spawn(command[0], command, environment)
    _, status, usage = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), time.monotonic() - begin, usage


def quantised_starts(command, base):
    cache = os.path.join(base, "cache")
    for quantize in ("int8", "int4"):
        for start in ("nothing kept", "first", "second"):
            for _ in range(3):
                if start == "first":
                    shutil.rmtree(cache, ignore_errors=True)
                kept = {"TERN_PACKED_CACHE": "off"} if start == "nothing kept" else {"TERN_CACHE": cache}
                code, wall, usage = run(command + ["--quantize", quantize], os.environ | kept)
                print(f"{quantize}, {start}: exit {code}, {wall:.3f} s, "
                      f"{usage.ru_utime + usage.ru_stime:.3f} s CPU, "
                      f"peak {usage.ru_maxrss * 1024 / 1e6:.0f} MB")
        packed = os.path.join(cache, "packed")
        size = sum(os.path.getsize(os.path.join(packed, name)) for name in os.listdir(packed))
        tables = sum(4 * count(shape) for name, shape in shapes() if "embeddings.weight" in name)
        print(f"{quantize}: {size / 1e6:.0f} MB kept beside {tables / 1e6:.0f} MB of tables")


def placed_starts(command):
    for device_map, memory in (("cpu", None), ("auto", '{"cpu": "256MB"}'), ("disk", None)):
        load = ["--load", f'device_map="{device_map}"'] + (["--load", f"max_memory={memory}"] if memory else [])
        for _ in range(3):
            code, wall, usage = run(command + load, os.environ)
            print(f"device_map {device_map}{', ' + memory if memory else ''}: exit {code}, {wall:.3f} s, "
                  f"{usage.ru_utime + usage.ru_stime:.3f} s CPU, peak {usage.ru_maxrss * 1024 / 1e6:.0f} MB")


def main():
    tern = os.path.abspath(sys.argv[1])
    base = sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp()
    os.makedirs(base, exist_ok=True)
    config = {"model_type": "bert", "hidden_size": HIDDEN, "num_hidden_layers": LAYERS,
              "num_attention_heads": 12, "intermediate_size": INNER, "vocab_size": VOCABULARY}
    with open(os.path.join(base, "config.json"), "w") as file:
        json.dump(config, file)
    inputs, outputs = os.path.join(base, "in.st"), os.path.join(base, "out.st")
    write_safetensors(inputs, [("input_ids", "I64", [1, 4], struct.pack("<4q", 5, 6, 7, 8))])
    weights = sum(4 * count(shape) for _, shape in shapes())
    forms = {"model.safetensors": write_safetensors, "pytorch_model.bin": write_zip,
             "pytorch_model.bin (old form)": write_old,
             "pytorch_model.bin (transposed)": lambda path: write_zip(path, True)}
    print(f"weights {weights / 1e6:.0f} MB, bound {1.05 * weights / 1e6 + 60:.0f} MB")
    command = [tern, "forward", base, "--task", "AutoModel", "--inputs", inputs, "--outputs", outputs,
               "--threads", "1"]
    if sys.argv[3:]:
        quantised_starts(command, base)
        placed_starts(command)
        return
    for label, write in forms.items():
        path = os.path.join(base, label.split(" ")[0])
        write(path)
        code, _, usage = run(command, os.environ)
        os.remove(path)
        peak = usage.ru_maxrss * 1024
        print(f"{label}: exit {code}, peak {peak / 1e6:.0f} MB, "
              f"{peak / weights:.3f} x weights, {usage.ru_utime + usage.ru_stime:.1f} s CPU, "
              f"{'within' if peak <= 1.05 * weights + 60e6 else 'ABOVE'} the bound")
    write_safetensors(os.path.join(base, "model.safetensors"))
    sys.stdout.flush()
    # In a process that never held weights: a child's peak counts from its parent's.
    os.execv(sys.executable, [sys.executable, __file__, tern, base, "quantised"])


main()
