# SPDX-License-Identifier: Apache-2.0
"""A peer's tokenizer behind bench_tokenize's protocol (bench/models/tokenize.cpp).

Usage: with_tokenizers.py PEER TOKENIZER.json THREADS CORPUS…"""

import importlib
import json
import os
import statistics
import struct
import sys
import time
import zlib

peer, path, threads, *corpora = sys.argv[1:]
os.environ["RAYON_NUM_THREADS"] = threads
os.environ["TOKENIZERS_PARALLELISM"] = "true" if int(threads) > 1 else "false"
SENTENCE = "The quick brown fox jumps over the lazy dog near the river bank."


def huggingface():
    from tokenizers import Tokenizer

    t = Tokenizer.from_file(path)
    t.no_truncation()
    t.no_padding()
    return (lambda texts: t.encode_batch_fast(texts, add_special_tokens=False), lambda e: e.ids,
            lambda texts: t.encode_batch(texts, add_special_tokens=False))


def fastokens():
    from fastokens import Tokenizer

    t = Tokenizer.from_file(path)
    return lambda texts: t.encode_batch(texts, add_special_tokens=False), lambda e: getattr(e, "ids", e), None


def tokie():
    from tokie import Tokenizer

    t = Tokenizer.from_json(path)
    return lambda texts: t.encode_batch(texts, add_special_tokens=False), lambda e: e.ids, None


def tiktoken():
    """A byte-level BPE whose merges are the ranks of the vocabulary."""
    import tiktoken as library

    model = json.load(open(path))
    split = model["pre_tokenizer"]
    if model["model"]["type"] != "BPE" or model["model"].get("byte_fallback"):
        raise SystemExit("not a byte-level BPE")
    if model["normalizer"]:
        raise SystemExit(f"no {model['normalizer']['type']}")
    if split["type"] == "ByteLevel":
        pattern = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
    else:
        pattern = split["pretokenizers"][0]["pattern"]["Regex"]
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in own]
    byte_of = {chr(b): b for b in own} | {chr(256 + i): b for i, b in enumerate(others)}
    ranks = {bytes(byte_of[c] for c in token): id for token, id in model["model"]["vocab"].items()
             if all(c in byte_of for c in token)}
    t = library.Encoding("it", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return lambda texts: [t.encode_ordinary(text) for text in texts], lambda e: e, None


def sentencepiece():
    import sentencepiece as library

    model = next((os.path.join(os.path.dirname(path), n) for n in ["spiece.model", "tokenizer.model"]
                  if os.path.exists(os.path.join(os.path.dirname(path), n))), None)
    if not model:
        raise SystemExit("no SentencePiece model beside tokenizer.json")
    t = library.SentencePieceProcessor(model_file=model, num_threads=1)
    return lambda texts: [t.encode(text) for text in texts], lambda e: e, None


def load():
    """The peer's calls, and the seconds that it took to load the file."""
    start = time.perf_counter()
    calls = {"tokenizers": huggingface, "fastokens": fastokens, "tokie": tokie, "tiktoken": tiktoken,
             "sentencepiece": sentencepiece}[peer]()
    return calls, time.perf_counter() - start


importlib.import_module(peer)
(encode, ids_of, with_offsets), FIRST_LOAD = load()
DOCUMENTS = [[d.decode() for d in open(c, "rb").read().split(b"\0")[:-1]] for c in corpora]
print("ready", flush=True)
for line in sys.stdin:
    verb, *rest = line.split()
    if verb == "load":
        print(f"{FIRST_LOAD:.9f} {load()[1]:.9f}", flush=True)
        continue
    if verb == "short":
        times = []
        for _ in range(500):
            start = time.perf_counter()
            encode([SENTENCE])
            times.append(time.perf_counter() - start)
        print(f"{statistics.median(times):.9f}", flush=True)
        continue
    corpus, begin, end = map(int, rest)
    texts = DOCUMENTS[corpus][begin:end]
    if verb == "ids":
        print(" ".join(f"{zlib.crc32(struct.pack(f'<{len(i)}I', *i)):08x}" for i in map(ids_of, encode(texts))), flush=True)
        continue
    work = with_offsets if verb == "offsets" and with_offsets else encode
    start = time.perf_counter()
    work(texts)
    print(f"{time.perf_counter() - start:.9f}", flush=True)
