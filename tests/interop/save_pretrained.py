#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What tern saved loads in Transformers: no key missing, unexpected or of another shape, the same
bits as the model it was loaded from; and models from a config alone are initialised as there.

For developers, not part of the test run: needs `pip install torch transformers==5.24.0`. Usage:
  TERN_KEEP_SAVED=/tmp/saved build/dev/tests/test_models -tc='every golden model is saved*'
  tests/interop/save_pretrained.py /tmp/saved path/to/golden
"""
import os
import pathlib
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers

transformers.logging.set_verbosity_error()
saved, golden = map(pathlib.Path, sys.argv[1:])


def load(folder, name):
    model, info = getattr(transformers, name).from_pretrained(folder, output_loading_info=True)
    keys = [k for k in ("missing_keys", "unexpected_keys", "mismatched_keys") if info[k]]
    assert not keys, (folder, {k: info[k] for k in keys})
    return model


def spread(x):
    x = x.float()
    return (x.numel(), x.mean().item(), x.std().item() if x.numel() > 1 else 0.0)


def check_fresh(folder, model):
    """Constant tensors and rows are those of Transformers; the rest is as spread."""
    torch.manual_seed(0)
    theirs = type(model)(model.config).state_dict()
    ours = load(folder, type(model).__name__).state_dict()
    assert ours.keys() == theirs.keys(), folder
    for name, x in theirs.items():
        y = ours[name]
        assert x.shape == y.shape and y.isfinite().all(), (folder, name)
        if not x.is_floating_point():
            continue
        rows = x.reshape(x.shape[0], -1) if x.dim() else x.reshape(1, 1)
        mine = y.reshape(rows.shape)
        constant = (rows == rows[:, :1]).all(1) & (rows.shape[1] > 1) | (rows == 0).all(1)
        assert torch.equal(rows[constant], mine[constant]), (folder, name)
        if constant.all():
            continue
        if x.dim() == 1 and (x == x[0]).all():
            assert torch.equal(x, y), (folder, name)
            continue
        assert not (mine[~constant] == 0).all(1).any(), (folder, name, "a zero row too many")
        n, mean, deviation = spread(rows[~constant])
        _, my_mean, my_deviation = spread(mine[~constant])
        limit = 6 * deviation * (2 / n) ** 0.5
        assert abs(mean - my_mean) <= limit, (folder, name, mean, my_mean)
        assert abs(deviation - my_deviation) <= limit, (folder, name, deviation, my_deviation)


count = 0
for folder in sorted(saved.iterdir()):
    import json

    name = json.loads((golden / folder.name / "golden.json").read_text())["saved_class"]
    before, after = load(golden / folder.name, name), load(folder, name)
    assert before.config.to_dict() == {**after.config.to_dict(), "_name_or_path": before.config._name_or_path}, folder
    for key, tensor in before.state_dict().items():
        other = after.state_dict()[key]
        assert tensor.dtype == other.dtype and torch.equal(tensor, other), (folder, key)
    check_fresh(folder / "fresh", after)
    count += 1
print(f"{count} models: saved ones load bit-identical, fresh ones are initialised alike")
