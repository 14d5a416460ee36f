# SPDX-License-Identifier: Apache-2.0
"""llama.cpp by llama-cpp-python's C interface: a GGUF file as it is, greedy sampling by its own sampler."""

import time

import llama_cpp as ll

from llm_worker import Worker, serve

ROWS, BATCH = 8, 2048


class Llama(Worker):
    def __init__(self, path, threads):
        ll.llama_backend_init()
        model = ll.llama_model_load_from_file(path.encode(), ll.llama_model_default_params())
        self.vocabulary = ll.llama_vocab_n_tokens(ll.llama_model_get_vocab(model))
        options = ll.llama_context_default_params()
        options.n_ctx, options.n_batch, options.n_seq_max = ROWS * 1536, BATCH, ROWS
        options.n_threads = options.n_threads_batch = threads
        self.context = ll.llama_init_from_model(model, options)
        self.memory = ll.llama_get_memory(self.context)
        self.sampler = ll.llama_sampler_init_greedy()
        self.batch = ll.llama_batch_init(BATCH, 0, 1)

    def decode(self, tokens):
        """tokens: (row, position, token, whether its logits are wanted)."""
        b = self.batch
        b.n_tokens = len(tokens)
        for i, (row, position, token, wanted) in enumerate(tokens):
            b.token[i], b.pos[i], b.n_seq_id[i], b.seq_id[i][0], b.logits[i] = token, position, 1, row, wanted
        start = time.perf_counter()
        if ll.llama_decode(self.context, b):
            raise SystemExit("llama_decode failed")
        return time.perf_counter() - start  # without what Python's loop above costs

    def sample(self, index):
        return ll.llama_sampler_sample(self.sampler, self.context, index)

    def seconds(self, prompts, tokens):
        ll.llama_memory_clear(self.memory, True)
        flat = [(row, i, token, i == len(prompt) - 1)
                for row, prompt in enumerate(prompts) for i, token in enumerate(prompt)]
        first, last = 0, [0] * len(prompts)
        for begin in range(0, len(flat), BATCH):
            part = flat[begin:begin + BATCH]
            first += self.decode(part)
            for i, (row, _, _, wanted) in enumerate(part):
                if wanted:
                    last[row] = self.sample(i)
        more = 0
        for step in range(tokens):
            more += self.decode([(row, len(prompts[row]) + step, token, True) for row, token in enumerate(last)])
            start = time.perf_counter()
            last = [self.sample(row) for row in range(len(prompts))]
            more += time.perf_counter() - start
        return first, more


serve(Llama)
