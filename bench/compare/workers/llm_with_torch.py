# SPDX-License-Identifier: Apache-2.0
"""Transformers on PyTorch: a GGUF file, which it makes bfloat16 of."""

import pathlib
import time

import torch
import transformers

from llm_worker import Worker, serve


class Torch(Worker):
    def __init__(self, path, threads):
        torch.set_num_threads(threads)
        path = pathlib.Path(path)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name,
                                                                       dtype=torch.bfloat16).eval()
        self.vocabulary = self.model.config.vocab_size

    @torch.inference_mode()
    def seconds(self, prompts, tokens):
        ids = torch.tensor(prompts)
        start = time.perf_counter()
        out = self.model(ids, use_cache=True, logits_to_keep=1)
        last = out.logits[:, -1].argmax(-1, keepdim=True)
        first = time.perf_counter() - start
        start = time.perf_counter()
        for _ in range(tokens):
            out = self.model(last, past_key_values=out.past_key_values, use_cache=True)
            last = out.logits[:, -1].argmax(-1, keepdim=True)
        return first, time.perf_counter() - start


serve(Torch)
