# SPDX-License-Identifier: Apache-2.0
"""llama.cpp by llama-cpp-python: float32, bfloat16 or int8 (Q8_0). It tokenises, packs sequences without
padding and pools by itself; a cell therefore includes the pooling."""

from worker import Worker, serve

TOKENS = 1024  # of one batch: the largest cell


class Llama(Worker):
    def __init__(self, folder, precision, threads):
        import llama_cpp

        self.llama = llama_cpp.Llama(
            str(folder / f"{precision}.gguf"), embedding=True, n_ctx=TOKENS, n_batch=TOKENS, n_ubatch=TOKENS,
            n_threads=threads, n_threads_batch=threads, verbose=False)

    def encode(self, texts):
        import numpy as np

        return np.array(self.llama.embed(texts, normalize=True), np.float32)

    def prepare_cell(self, batch, length):
        rows = [[1000 + (b * length + i) * 7919 % 20000 for i in range(length)] for b in range(batch)]

        def call():
            for sequence, row in enumerate(rows):
                self.llama._batch.add_sequence(row, sequence, True)
            self.llama._ctx.kv_cache_clear()
            self.llama._ctx.decode(self.llama._batch)
            self.llama._batch.reset()

        return call


serve(Llama)
