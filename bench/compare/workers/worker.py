# SPDX-License-Identifier: Apache-2.0
"""What every peer's worker process shares: the requests of bench/models/encode.cpp on standard
input, and a peer's best practice for sentences: sorted by length, batches of 32 padded to the longest.

Usage: with_<peer>.py MODEL SENTENCES PRECISION THREADS, MODEL a folder of make_models.py.
"""

import os
import pathlib
import statistics
import sys
import time

BATCH = 32
MAX_LENGTH = 256
WINDOW = 0.25


class Worker:
    """A peer gives `run(ids, mask)`: int64 arrays [batch, length] to hidden states, an array [batch, length,
    hidden]; or, when it pools by itself, `encode` and `prepare_cell`."""

    def __init__(self, folder):
        import tokenizers

        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / "hf/tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_LENGTH)
        self.tokenizer.enable_padding()

    def encode(self, texts):
        import numpy as np

        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        parts = []
        for start in range(0, len(texts), BATCH):
            rows = order[start:start + BATCH]
            encoded = self.tokenizer.encode_batch_fast([texts[i] for i in rows])
            ids = np.array([e.ids for e in encoded], np.int64)
            mask = np.array([e.attention_mask for e in encoded], np.int64)
            hidden = self.run(ids, mask)
            weights = mask[..., None].astype(np.float32)
            mean = (hidden * weights).sum(1) / weights.sum(1)
            parts.append(mean / np.linalg.norm(mean, axis=1, keepdims=True))
        out = np.empty((len(texts), parts[0].shape[1]), np.float32)
        out[order] = np.concatenate(parts)
        return out

    def prepare_cell(self, batch, length):
        """A call of the transformer alone on as many tokens."""
        import numpy as np

        ids = (1000 + np.arange(batch * length) * 7919 % 20000).reshape(batch, length)
        return lambda: self.run(ids, np.ones_like(ids))

    def answer(self, verb, arguments, texts):
        if verb == "all":
            return seconds_of(lambda: self.encode(texts))
        if verb == "one":
            text = " ".join(["the"] * (int(arguments[0]) - 2))
            return statistics.median(seconds_of(lambda: self.encode([text])) for _ in range(50))
        if verb == "cell":
            call = self.prepare_cell(*map(int, arguments))
            times = []
            while sum(times) < WINDOW:
                times.append(seconds_of(call))
            return statistics.median(times)
        if verb == "vectors":
            self.encode(texts).tofile(arguments[0])
            return "done"
        raise ValueError(verb)


def seconds_of(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def serve(make):
    """make(folder, precision, threads) gives the Worker."""
    folder, sentences, precision, threads = sys.argv[1:]
    os.environ["RAYON_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = threads
    answers = os.fdopen(os.dup(1), "w")  # what a library prints is no answer
    os.dup2(2, 1)
    texts = pathlib.Path(sentences).read_text().splitlines()
    worker = make(pathlib.Path(folder), precision, int(threads))
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        verb, *arguments = line.split()
        print(worker.answer(verb, arguments, texts), file=answers, flush=True)
