# SPDX-License-Identifier: Apache-2.0
"""CTranslate2's Generator of the folder beside the GGUF file: int8 for Q8_0, bfloat16 for BF16."""

import json
import pathlib
import time

import ctranslate2

from llm_worker import Worker, serve

TYPES = {"q8_0": "int8", "bf16": "bfloat16"}


class Generator(Worker):
    def __init__(self, path, threads):
        path = pathlib.Path(path)
        folder = path.parent / "ctranslate2"
        self.generator = ctranslate2.Generator(str(folder), "cpu", compute_type=TYPES[path.stem], intra_threads=threads,
                                               inter_threads=1)
        self.tokens = json.loads((folder / "vocabulary.json").read_text())
        self.vocabulary = len(self.tokens)

    def seconds(self, prompts, tokens):
        prompts = [[self.tokens[i] for i in prompt] for prompt in prompts]
        times = []

        def told(step):
            if step.batch_id == 0:
                times.append(time.perf_counter())
            return False

        start = time.perf_counter()
        self.generator.generate_batch(prompts, max_batch_size=0, beam_size=1, min_length=tokens + 1,
                                      max_length=tokens + 1, include_prompt_in_result=False, callback=told)
        assert len(times) == tokens + 1
        return times[0] - start, times[-1] - times[0]


serve(Generator)
