# SPDX-License-Identifier: Apache-2.0
"""Makes tests/data/formats/h5: small HDF5 files as Keras and Transformers write them, and some that
try to read what is not theirs. Usage: make_h5.py FOLDER (needs h5py 3 and numpy)."""

import sys

import h5py
import numpy as np


def counted(shape, dtype):
    return (np.arange(int(np.prod(shape)), dtype=np.float64) + 1).reshape(shape).astype(dtype)


def bfloat16():
    """A float of 16 bits with 8 of exponent."""
    tid = h5py.h5t.IEEE_F32LE.copy()
    tid.set_fields(15, 7, 8, 0, 7)
    tid.set_size(2)
    tid.set_ebias(127)
    return tid


def keras(path):
    with h5py.File(path, "w") as f:
        f.attrs["layer_names"] = ["m", "head", "none"]  # texts of variable length
        m, head = f.create_group("m"), f.create_group("head")
        m.create_dataset("t/m/dense/kernel:0", data=counted((2, 3), "<f4"))
        m.create_dataset("t/m/packed/kernel:0", data=counted((20, 10), "<f4"), chunks=(7, 4), compression="gzip")
        m.create_dataset("t/m/big/bias:0", data=counted((3,), ">f4"))
        m.create_dataset("t/m/half:0", data=counted((2,), "<f2"))
        m.create_dataset("t/m/double:0", data=counted((2,), "<f8"))
        m.create_dataset("t/m/step:0", data=np.int64(7))
        m.create_dataset("t/m/big_count:0", data=counted((2,), ">u2"))
        m.create_dataset("t/m/empty:0", shape=(0, 3), dtype="<f4")
        m.create_dataset("t/m/unwritten:0", shape=(2,), dtype="<f4", fillvalue=1.5)
        space = h5py.h5s.create_simple((2,))
        brain = h5py.h5d.create(m["t/m"].id, b"brain:0", bfloat16(), space)
        brain.write(h5py.h5s.ALL, h5py.h5s.ALL, counted((2,), "<f4"))
        names = ["t/m/dense/kernel:0", "t/m/packed/kernel:0", "t/m/big/bias:0", "t/m/half:0", "t/m/double:0",
                 "t/m/step:0", "t/m/big_count:0", "t/m/empty:0", "t/m/unwritten:0", "t/m/brain:0"]
        # Cut in two, as Keras cuts what is too long; texts of one length.
        m.attrs["weight_names0"] = np.array([n.encode() for n in names[:6]])
        m.attrs["weight_names1"] = np.array([n.encode() for n in names[6:]])
        head.create_dataset("t/m/dense/kernel:0", data=-counted((2, 3), "<f4"))
        head.create_dataset("t/h___head/bias:0", data=counted((2,), "<f4"))
        head.attrs["weight_names"] = np.array([b"t/m/dense/kernel:0", b"t/h___head/bias:0"])
        f.create_group("none").attrs["weight_names"] = np.array([], dtype=np.float64)


def shard(path):
    with h5py.File(path, "w", userblock_size=512) as f:
        for name in ("m/dense/kernel:0", "final_logits_bias:0", "model.shared/model.shared/weight:0"):
            f.create_dataset(name, data=counted((2, 1), "<f4"))
        f.attrs["layer_names"] = np.array([b"m/dense/kernel:0", b"final_logits_bias:0",
                                           b"model.shared/model.shared/weight:0"])


def single(path, add):
    """One layer "m" with one weight "w:0", which `add` puts there."""
    with h5py.File(path, "w") as f:
        m = f.create_group("m")
        f.attrs["layer_names"] = np.array([b"m"])
        m.attrs["weight_names"] = np.array([b"w:0"])
        add(f, m)


def external_data(f, m):
    m.create_dataset("w:0", shape=(8,), dtype="u1", external=[("/etc/hostname", 0, 8)])


def virtual(f, m):
    layout = h5py.VirtualLayout(shape=(2, 3), dtype="<f4")
    layout[:] = h5py.VirtualSource("keras.h5", "m/t/m/dense/kernel:0", shape=(2, 3))
    m.create_virtual_dataset("w:0", layout)


def external_link(f, m):
    m["w:0"] = h5py.ExternalLink("keras.h5", "m/t/m/dense/kernel:0")


def loop(f, m):
    m["w:0"] = h5py.SoftLink("/m/w:0")


def texts(f, m):
    m.create_dataset("w:0", data=np.array([b"abc"]))


def bomb(f, m):
    m.create_dataset("w:0", shape=(16, 1 << 20), dtype="<f4", chunks=(1, 1 << 20), compression="gzip")
    m["w:0"][0] = 0


def main(folder):
    keras(f"{folder}/keras.h5")
    shard(f"{folder}/shard.h5")
    for add in (external_data, virtual, external_link, loop, texts, bomb):
        single(f"{folder}/{add.__name__}.h5", add)
    single(f"{folder}/missing.h5", lambda f, m: None)
    single(f"{folder}/group.h5", lambda f, m: m.create_group("w:0"))
    with h5py.File(f"{folder}/no_layers.h5", "w") as f:
        f.attrs["layer_names"] = np.array([1, 2])
    with h5py.File(f"{folder}/other.h5", "w") as f:
        f.create_dataset("x", data=counted((2,), "<f4"))


main(sys.argv[1])
