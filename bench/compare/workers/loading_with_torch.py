# SPDX-License-Identifier: Apache-2.0
"""Transformers on PyTorch: loads a folder as it is stored, says its first greedy token, then its peak. Usage:
loading_with_torch.py FOLDER THREADS ID…"""

import resource
import sys

import torch
import transformers

torch.set_num_threads(int(sys.argv[2]))
model = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype="auto").eval()
ids = torch.tensor([list(map(int, sys.argv[3:]))])
with torch.inference_mode():
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=1, do_sample=False)
print(out[0, -1].item(), flush=True)
