# SPDX-License-Identifier: Apache-2.0
"""What every peer's worker for language models shares: the requests of bench/models/generate.cpp on standard input.

Usage: llm_with_<peer>.py MODEL THREADS
"""

import os
import random
import resource
import sys


class Worker:
    """A peer gives `seconds(prompts, tokens)`: seconds to the first token of each row, and from there to `tokens` more;
    and `vocabulary`."""

    def answer(self, verb, arguments):
        if verb == "peak":
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        numbers = list(map(int, arguments))
        batch, tokens = numbers[:2]
        length = numbers[2] if verb == "decode" else tokens
        prompts = [[random.randrange(self.vocabulary) for _ in range(length)] for _ in range(batch)]
        first, more = self.seconds(prompts, tokens if verb == "decode" else 0)
        return more if verb == "decode" else first


def serve(make):
    """make(path, threads) gives the Worker."""
    path, threads = sys.argv[1:]
    os.environ["OMP_NUM_THREADS"] = threads
    answers = os.fdopen(os.dup(1), "w")  # what a library prints is no answer
    os.dup2(2, 1)
    worker = make(path, int(threads))
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        verb, *arguments = line.split()
        print(worker.answer(verb, arguments), file=answers, flush=True)
