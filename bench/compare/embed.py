# SPDX-License-Identifier: Apache-2.0
"""Interleaved passes of tern and its peers over the same sentences; prints medians, spread, ratios.

Every contender tokenises, runs, mean-pools and normalises. Peers get their best practice: sentences
sorted by length, batches of 32 padded to the longest. Ratios compare medians of the same run; the
spread is (max - min) / median of a contender's rounds.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import time

import numpy as np

BATCH = 32
MAX_LENGTH = 256


def export(model_dir, path):
    """The Transformers model as ONNX with dynamic batch and length."""
    if path.exists():
        return
    import torch
    import transformers

    model = transformers.AutoModel.from_pretrained(model_dir, dtype=torch.float32).eval()

    class Hidden(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.model(input_ids=input_ids, attention_mask=attention_mask,
                              token_type_ids=token_type_ids).last_hidden_state

    ids = torch.ones(2, 16, dtype=torch.int64)
    axes = {0: "batch", 1: "length"}
    torch.onnx.export(Hidden(), (ids, ids, ids * 0), path, dynamo=False,
                      input_names=["input_ids", "attention_mask", "token_type_ids"],
                      output_names=["hidden"], opset_version=17,
                      dynamic_axes={n: axes for n in
                                    ["input_ids", "attention_mask", "token_type_ids", "hidden"]})


class Peer:
    """A padded-batch engine: `run` maps int64 inputs to hidden states."""

    def __init__(self, name, tokenizer_json):
        import tokenizers

        self.name = name
        self.tokenizer = tokenizers.Tokenizer.from_file(str(tokenizer_json))
        self.tokenizer.enable_truncation(MAX_LENGTH)
        self.tokenizer.enable_padding()

    def encode(self, texts):
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        out = np.empty((len(texts), 384), np.float32)
        for start in range(0, len(texts), BATCH):
            rows = order[start:start + BATCH]
            encoded = self.tokenizer.encode_batch_fast([texts[i] for i in rows])
            ids = np.array([e.ids for e in encoded], np.int64)
            mask = np.array([e.attention_mask for e in encoded], np.int64)
            hidden = self.run(ids, mask, np.zeros_like(ids))
            weights = mask[..., None].astype(np.float32)
            mean = (hidden * weights).sum(1) / weights.sum(1)
            out[rows] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return out

    def all(self, texts):
        start = time.perf_counter()
        self.encode(texts)
        return time.perf_counter() - start

    def one(self, tokens):
        text = " ".join(["the"] * (tokens - 2))
        times = []
        for _ in range(50):
            start = time.perf_counter()
            self.encode([text])
            times.append(time.perf_counter() - start)
        return statistics.median(times)


class OpenVino(Peer):
    def __init__(self, onnx, threads, precision, tokenizer_json):
        super().__init__(f"OpenVINO {precision}", tokenizer_json)
        import openvino

        core = openvino.Core()
        model = core.compile_model(str(onnx), "CPU", {
            "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision,
            "PERFORMANCE_HINT": "LATENCY"})
        self.request = model.create_infer_request()

    def run(self, *inputs):
        return self.request.infer(list(inputs), share_inputs=True)[0]


class OnnxRuntime(Peer):
    def __init__(self, onnx, threads, tokenizer_json):
        super().__init__("ONNX Runtime f32", tokenizer_json)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(onnx), options, ["CPUExecutionProvider"])

    def run(self, ids, mask, types):
        return self.session.run(None, {"input_ids": ids, "attention_mask": mask,
                                       "token_type_ids": types})[0]


class Tern:
    def __init__(self, program, model, sentences, dtype, threads):
        self.name = f"tern {'f32' if dtype == 'float32' else 'bf16'}"
        self.process = subprocess.Popen([program, model, sentences, dtype, str(threads)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def all(self, _):
        return self.ask("all")

    def one(self, tokens):
        return self.ask(f"one {tokens}")


def report(title, times, unit, pairs):
    print(f"\n{title}")
    medians = {}
    for name, values in times.items():
        median = statistics.median(values)
        medians[name] = median
        spread = (max(values) - min(values)) / median
        print(f"  {name:<18} {unit(median)}   spread {spread:4.0%}")
    for ours, theirs in pairs:
        print(f"  {ours} / {theirs}: {medians[theirs] / medians[ours]:.2f} x")


def main():
    parser = argparse.ArgumentParser()
    for name in ["model", "tern", "sentences", "onnx"]:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", default="1,2")
    args = parser.parse_args()
    onnx = pathlib.Path(args.onnx)
    export(args.model, onnx)
    texts = pathlib.Path(args.sentences).read_text().splitlines()
    tokenizer_json = pathlib.Path(args.model, "tokenizer.json")

    for threads in map(int, args.threads.split(",")):
        os.environ["RAYON_NUM_THREADS"] = str(threads)
        contenders = [
            Tern(args.tern, args.model, args.sentences, "float32", threads),
            OpenVino(onnx, threads, "f32", tokenizer_json),
            Tern(args.tern, args.model, args.sentences, "bfloat16", threads),
            OpenVino(onnx, threads, "bf16", tokenizer_json),
            OnnxRuntime(onnx, threads, tokenizer_json),
        ]
        everything = {c.name: [] for c in contenders}
        single = {c.name: [] for c in contenders}
        for c in contenders:  # warm up: compile for the shapes, fill caches
            c.all(texts)
            c.one(16)
        for _ in range(args.rounds):
            for c in contenders:
                everything[c.name].append(c.all(texts))
            for c in contenders:
                single[c.name].append(c.one(16))
        pairs = [("tern f32", "OpenVINO f32"), ("tern bf16", "OpenVINO bf16"),
                 ("tern f32", "ONNX Runtime f32")]
        report(f"{threads} thread(s): {len(texts)} sentences", everything,
               lambda s: f"{len(texts) / s:8.1f} sentences/s", pairs)
        report(f"{threads} thread(s): one sentence of 16 tokens", single,
               lambda s: f"{s * 1e3:8.3f} ms", pairs)


main()
