# SPDX-License-Identifier: Apache-2.0
"""Cold start, resident memory and oversubscription of tern, measured on whole processes."""

import argparse
import os
import statistics
import subprocess
import time

ROUNDS = 5
PRECISIONS = ["float32", "bfloat16", "int8"]


def cold_start(args, precision):
    """Seconds from starting the process to its first vector, and its peak resident MB; 20 runs."""
    times, peaks = [], []
    option = "--quantize" if precision == "int8" else "--dtype"
    for _ in range(21):
        start = time.perf_counter()
        process = subprocess.Popen([args.tern, "embed", args.model, option, precision], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        process.stdin.write(b"It rained.\n")
        process.stdin.close()
        process.stdout.read(1)
        times.append(time.perf_counter() - start)
        process.stdout.read()
        _, _, usage = os.wait4(process.pid, 0)
        peaks.append(usage.ru_maxrss / 1024)
    return times[1:], peaks[1:]  # the first one fills the page cache


class Workers:
    """`count` processes with `threads` threads each, passing over the sentences at the same time."""

    def __init__(self, args, precision, count, threads):
        self.name = f"{count} x {threads}T"
        command = [args.bench, args.model, args.sentences, precision, str(threads)]
        self.processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                          for _ in range(count)]
        self.present = all(p.stdout.readline() == "ready\n" for p in self.processes)
        if self.present:
            self.ask()

    def stop(self):
        for p in self.processes:
            p.stdin.close()
            p.wait()

    def ask(self):
        """One pass in each process, started together; the sum of their rates in passes/s."""
        for p in self.processes:
            p.stdin.write("all\n")
            p.stdin.flush()
        return sum(1 / float(p.stdout.readline()) for p in self.processes)


def oversubscription(args, precision):
    settings = {name: Workers(args, precision, *name) for name in [(1, 1), (1, 2), (2, 1), (2, 2), (1, 4)]}
    if not all(workers.present for workers in settings.values()):
        print(f"{precision}: not there (see above)")
        return
    rates = {name: [] for name in settings}
    for _ in range(ROUNDS):
        for name, workers in settings.items():
            rates[name].append(workers.ask())
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, median in medians.items():
        print(f"{precision} {settings[name].name}: {2000 * median:7.1f} sentences/s "
              f"(spread {(max(rates[name]) - min(rates[name])) / median:.0%})")
    print(f"{precision} 2 x 2T against 2 x 1T: {medians[2, 2] / medians[2, 1]:.2f} (target 0.87)")
    print(f"{precision} 1 x 4T against 1 x 2T: {medians[1, 4] / medians[1, 2]:.2f} (target 0.87)")
    for workers in settings.values():
        workers.stop()


def main():
    parser = argparse.ArgumentParser()
    for name in ["model", "tern", "bench", "sentences"]:
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()

    weights = os.path.getsize(os.path.join(args.model, "model.safetensors")) / 2**20
    for precision in PRECISIONS:
        times, peaks = cold_start(args, precision)
        print(f"cold start {precision}: median {statistics.median(times) * 1e3:.1f} ms "
              f"({min(times) * 1e3:.1f} to {max(times) * 1e3:.1f}), target 80 ms; peak resident "
              f"{statistics.median(peaks):.0f} MB, target {1.15 * weights + 40:.0f} MB")

    for precision in PRECISIONS:
        oversubscription(args, precision)


main()
