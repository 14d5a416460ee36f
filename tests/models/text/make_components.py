#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/tokenizers/components.jsonl.xz: what single normalizers and decoders of the reference
give.

    pip install tokenizers==0.23.3
    python3 tests/models/text/make_components.py 2>/dev/null | xz -9e > tests/data/tokenizers/components.jsonl.xz

Each line is {"tokenizer": tokenizer.json, "text", "tokens", "offsets"} with one token for each character, so that the
offsets tell where every character came from, or {"tokenizer", "ids", "decoded"}. What the reference cannot do (it
panics) is left out.
"""
import base64
import json
import random
import struct

from tokenizers import Tokenizer, normalizers


def double_array(mapping):
    """A charsmap as SentencePiece compiles it (darts-clone units), for few keys."""
    texts, trie = b"", {}
    for key, value in sorted((k.encode(), v.encode()) for k, v in mapping.items()):
        node = trie
        for byte in key:
            node = node.setdefault(byte, {})
        node[-1] = len(texts)
        texts += value + b"\0"
    units, used = {0: 0}, {0}

    def place(node, at):
        labels = [max(label, 0) for label in node]
        offset = next(o for o in range(1, 1 << 20) if not used & {at ^ o ^ label for label in labels})
        used.update(at ^ offset ^ label for label in labels)
        units[at] |= offset << 10 | (-1 in node) << 8
        for label in node:
            units[at ^ offset ^ max(label, 0)] = node[label] | 1 << 31 if label == -1 else label
        for label in node:
            if label != -1:
                place(node[label], at ^ offset ^ label)

    place(trie, 0)
    size = (max(units) + 256) // 256 * 256
    blob = b"".join(struct.pack("<I", units.get(i, 0)) for i in range(size))
    return base64.b64encode(struct.pack("<I", len(blob)) + blob + texts).decode()


CHARSMAP = double_array({"a": "b", "ﬁ": "fi", "\t": " ", "\u1161": "V", "½": "1/2", "x\u0301": "X", "\x01": "", "Ω": "omega",
                         "z": "", "\u0600": "P", "ㅎ": "h", "\r": "R", "\u0915": "ka"})
N = {
    "nmt": {"type": "Nmt"},
    "byte level": {"type": "ByteLevel"},
    "charsmap": {"type": "Precompiled", "precompiled_charsmap": CHARSMAP},
    "replace": {"type": "Replace", "pattern": {"String": "ab"}, "content": "xyz"},
    "replace empty": {"type": "Replace", "pattern": {"String": ""}, "content": "-"},
    "replace by nothing": {"type": "Replace", "pattern": {"String": "a"}, "content": ""},
    "replace regex": {"type": "Replace", "pattern": {"Regex": "a+|\\s"}, "content": "<é>"},
    "replace empty regex": {"type": "Replace", "pattern": {"Regex": "a*"}, "content": "-"},
    "replace blanks": {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
}
STEPS = [[name] for name in N] + [["nmt", "byte level"], ["charsmap", "replace"], ["replace", "charsmap"],
                                  ["replace by nothing", "byte level"], ["replace empty", "replace regex"],
                                  ["charsmap", "charsmap"], ["replace blanks", "nmt"]]
PARTS = ["a", "b", "ab", " ", "  ", "\t", "\n", "\r\n", "\r", "é", "e\u0301", "a\u0301", "a\u0301\u0302\u0303", "ﬁ\u0301", "x\u0301", "½",
         "\x01", "z", "Ω", "\u200d", "©", "©\u200d©", "\U0001F468\u200d\U0001F469", "\u1112\u1161", "\u1112\u0301", "한", "\u0600a",
         "\u0915\u094d\u0937", "\u0915\u0301\u094d\u0937", "\U0001F1E9\U0001F1EA\U0001F1E9", "ㅎ", "\u2581", "\ufeff", "\x7f", "\x0b", "\x1f", "\u1680",
         "\x8f", "\x85", "世", "K", "xyz", "\u0903", "\u00ad", "q"]


def tokenizer(**parts):
    out = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
           "pre_tokenizer": None, "post_processor": None, "decoder": None}
    out.update(parts)
    return out


def spell(config, text):
    """One token for each character of the normalized text."""
    one = normalizers.Sequence([])
    plain = tokenizer(normalizer=config, model={"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"})
    one = Tokenizer.from_str(json.dumps(plain)).normalizer
    characters = sorted(set(one.normalize_str(text)))
    vocab = {c: i + 1 for i, c in enumerate(characters)}
    model = {"type": "WordPiece", "vocab": {"[UNK]": 0, **vocab}, "unk_token": "[UNK]", "continuing_subword_prefix": "",
             "max_input_chars_per_word": 1000}
    whole = tokenizer(normalizer=config, model=model)
    found = Tokenizer.from_str(json.dumps(whole)).encode(text)
    emit({"tokenizer": whole, "text": text, "tokens": found.tokens, "offsets": found.offsets})


def decode(config, tokens):
    vocab = {t: i for i, t in enumerate(sorted(set(tokens)))}
    whole = tokenizer(decoder=config, model={"type": "WordLevel", "vocab": vocab, "unk_token": "a"})
    ids = [vocab[t] for t in tokens]
    try:
        decoded = Tokenizer.from_str(json.dumps(whole)).decode(ids, skip_special_tokens=False)
    except BaseException:  # a panic
        return
    emit({"tokenizer": whole, "ids": ids, "decoded": decoded})


def emit(line):
    print(json.dumps(line, ensure_ascii=False, separators=(",", ":")))


def normalizer_cases():
    rng = random.Random(5)
    for names in STEPS:
        steps = [N[name] for name in names]
        config = steps[0] if len(steps) == 1 else {"type": "Sequence", "normalizers": steps}
        for count in [1, 2, 3, 4, 6, 8, 8, 12, 20, 40]:
            spell(config, "".join(rng.choice(PARTS) for _ in range(count)))
    for part in PARTS:
        spell(N["charsmap"], part + "a" + part)


D = [{"type": "BPEDecoder", "suffix": "</w>"}, {"type": "BPEDecoder", "suffix": ""},
     {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
     {"type": "WordPiece", "prefix": "##", "cleanup": True}, {"type": "WordPiece", "prefix": "##", "cleanup": False},
     {"type": "WordPiece", "prefix": "", "cleanup": True},
     {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
     {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False},
     {"type": "Metaspace", "replacement": "_", "prepend_scheme": "never", "split": True},
     {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True},
     {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": False},
     {"type": "CTC", "pad_token": "", "word_delimiter_token": "", "cleanup": True},
     {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "Replace", "pattern": {"String": ""}, "content": "x"},
     {"type": "Replace", "pattern": {"Regex": "[a-c]*"}, "content": "x"}, {"type": "Replace", "pattern": {"Regex": "^▁"}, "content": ""},
     {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}, {"type": "Strip", "content": "▁", "start": 2, "stop": 1},
     {"type": "Strip", "content": "a", "start": 0, "stop": 2}, {"type": "ByteFallback"}]
TOKENS = ["a", "aa", "b", "c", "▁a", "▁▁", "a▁", "_a", "</w>", "a</w>", "b</w>c", "##a", "##", "####b", " a ", "  ", " do not", "n't", ".",
          " .", "'s", "|", "<pad>", "<pad>|", "Ġa", "Ã", "©", "Ġ", "世", "é", "<0x61>", "<0xE4>", "<0xB8>", "<0x96>", "<0xe4>", "<0xG1>", "<0x+1>",
          "<0xff>", "<0x61", "Ċ", "x"]


def decoder_cases():
    rng = random.Random(7)
    chains = [[d] for d in D] + [[], [D[12], D[20], D[16], D[17]], [D[20], D[6]], [D[16], D[2]], [D[6], D[3]], [D[9], D[16]]]
    for chain in chains + [None]:
        config = None if chain is None else chain[0] if len(chain) == 1 else {"type": "Sequence", "decoders": chain}
        for count in [0, 1, 1, 2, 3, 5, 9, 14, 20, 30]:
            decode(config, [rng.choice(TOKENS) for _ in range(count)])


normalizer_cases()
decoder_cases()
