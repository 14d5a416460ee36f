# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/tokenizers/subwords.jsonl: odd BPE and Unigram models, and what the reference
(PyPI's tokenizers 0.23.3) makes of short texts. One line per model: {"model", "cases": [[text,
[[id, begin, end], ...] or null where it refuses], ...]}, or without "cases" where it refuses the
model. begin and end count bytes. Run: python3 make_subwords.py > ../../data/tokenizers/subwords.jsonl
"""

import json
import random

from tokenizers import Tokenizer

rng = random.Random(20)


def ask(model, texts):
    line = {"model": model}
    try:
        tokenizer = Tokenizer.from_str(
            json.dumps({"version": "1.0", "added_tokens": [], "model": model})
        )
    except BaseException:  # a panic of the reference is no Exception
        return line
    line["cases"] = []
    for text in texts:
        try:
            tokens = tokenizer.model.tokenize(text)
            line["cases"].append([text, [[t.id, *t.offsets] for t in tokens]])
        except BaseException:
            line["cases"].append([text, None])
    return line


def emit(model, texts):
    print(json.dumps(ask(model, texts), ensure_ascii=False, separators=(",", ":")))


def bpe(vocab, merges, **options):
    if not isinstance(vocab, dict):
        vocab = {token: i for i, token in enumerate(vocab)}
    return {"type": "BPE", "vocab": vocab, "merges": merges, **options}


def unigram(vocab, unk_id=0, **options):
    return {"type": "Unigram", "unk_id": unk_id, "vocab": vocab, **options}


def byte_tokens(values, start=100):
    return {f"<0x{b:02X}>": start + b for b in values}


def by_hand():
    ab = ["a", "b", "ab", "<unk>"]
    texts = [
        "ab",
        "aéb",
        "éab",
        "abé",
        "é",
        "éüab",
        "éaüb",
        "üéüa",
        "<unk>",
        "<unk>a",
        "<0xC3>",
        "ab<unk>ab",
    ]
    half = byte_tokens([0xC3, 0xA9, 0x61])
    whole = {**{t: i for i, t in enumerate(ab)}, **half}
    for fuse in (False, True):
        emit(bpe(ab, ["a b"], unk_token="<unk>", fuse_unk=fuse), texts)
        emit(bpe(ab, ["a b"], fuse_unk=fuse), texts)
        emit(bpe(whole, ["a b"], unk_token="<unk>", fuse_unk=fuse, byte_fallback=True), texts)
        emit(bpe(whole, ["a b"], fuse_unk=fuse, byte_fallback=True), texts)
    emit(bpe(["a"], [], unk_token="<unk>"), ["a", "aé"])
    emit(bpe(["a"], [], unk_token=""), ["a", "aé"])
    emit(
        bpe(
            {**whole, "<0xC3><0xA9>": 7, "<unk>a": 8},
            ["a b", "<0xC3> <0xA9>", "<unk> a"],
            unk_token="<unk>",
            byte_fallback=True,
        ),
        texts,
    )
    emit(bpe(ab, ["a b"], unk_token="a"), texts)
    for merges in (
        ["a b", "b c", "a b"],
        ["#version: 0.2", "b c", "a b"],
        [["a", "b"], ["b", "c"]],
        ["ab"],
        ["a  b"],
        ["a b", ""],
        ["a b", ["b", "c"]],
        [["a", "b"], "b c"],
        [["a"]],
        [["a", "b", "c"]],
        ["a d"],
        ["c b"],
        [],
        [["a", 1]],
    ):
        emit(bpe(["a", "b", "c", "ab", "bc"], merges), ["abc", "abcab"])
    emit(bpe(["", "a", "aa"], [" a"]), ["aa"])
    emit(bpe([" ", "a", " a", "a  a"], [[" ", "a"]]), ["a a", "a  a"])
    emit(bpe(["\0", "a", "\0a"], [["\0", "a"]]), ["\0a", "a\0", "\0\0a"])
    pieces = ["a", "##b", "ab", "##c", "##bc", "b", "##a"]
    for extra in ({}, {"unk_token": "b"}):
        emit(
            bpe(pieces, ["##b ##c", "a ##b"], continuing_subword_prefix="##", **extra),
            ["abc", "ab", "bc", "abbc", "cab", "éab", "aéb", "#", "a##b"],
        )
    emit(bpe(["a", "b", "ab"], ["a b"], continuing_subword_prefix="##"), ["ab"])
    final = ["a", "b</w>", "ab</w>", "b", "a</w>", "<", "/", "w", ">", "w>", "/w>", "</w>", "<unk>"]
    suffix = ["ab", "abb", "a", "abz", "zab", "b</w>", "</w>", "abé", "éb", "é"]
    for extra in ({}, {"unk_token": "<unk>"}, {"unk_token": "<unk>", "fuse_unk": True}):
        emit(bpe(final, ["a b</w>"], end_of_word_suffix="</w>", **extra), suffix)
        emit(
            bpe(
                final,
                ["w >", "/ w>", "< /w>", "b </w>", "a b</w>"],
                end_of_word_suffix="</w>",
                **extra,
            ),
            suffix,
        )
    emit(
        bpe(
            {"a": 0, "<unk>": 1, **byte_tokens(range(256))},
            [],
            end_of_word_suffix="</w>",
            continuing_subword_prefix="##",
            unk_token="<unk>",
            byte_fallback=True,
        ),
        ["a"],
    )
    emit(bpe(["a", "b", "ab", "abc", "c"], ["a b"], ignore_merges=True), ["abc", "abcab", "é", "c"])
    emit(bpe(["a", "b", "ab", "abc", "c"], ["a b"]), ["abc", "abcab", "é", "c"])
    emit(
        bpe(["a", "b", "ab</w>", "ab"], [], ignore_merges=True, end_of_word_suffix="</w>"),
        ["ab", "ab</w>"],
    )
    emit(bpe({"a": 1, "b": 2, "c": 1, "ab": 3, "cb": 4}, ["a b", "c b"]), ["ab", "cb"])
    emit(
        bpe({"a": 1, "b": 2, "c": 3, "ab": 5, "bc": 6, "abc": 5}, ["a b", "b c", "ab c", "a bc"]),
        ["abc", "abcabc"],
    )
    emit(
        bpe({"a": 0, "b": 1, "c": 2, "ab": 3, "bc": 4, "abc": 3}, ["b c", "a b", "a bc"]),
        ["abc", "ababc"],
    )
    emit(bpe(["a", "b", "c", "d", "ab", "abc", "cd"], ["ab c", "c d", "a b"]), ["abcd", "abc"])
    emit(bpe(["a", "aa", "aaa", "aaaa"], ["a a", "aa a", "aa aa"]), ["a" * n for n in range(1, 12)])
    for dropout in (0.0, -0.1, 1.5, "x", None):
        emit(bpe(["a", "b", "ab"], ["a b"], dropout=dropout), ["ab"])
    emit({"type": "BPE", "vocab": {}}, [])
    emit({"type": "BPE", "merges": []}, [])
    emit(bpe({"a": -1}, []), [])


def by_hand_unigram():
    texts = [
        "ab",
        "abab",
        "é",
        "aéüb",
        "<unk>",
        "x<unk>y",
        "<unk><unk>",
        "<unk>é",
        "éb",
        "éa",
        "éü",
        "<0xC3>",
        "a",
        "xab",
        "abx",
    ]
    emit(unigram([["<unk>", 0.0], ["a", -1.0], ["b", -2.0], ["ab", -3.0]]), texts)
    emit(
        unigram(
            [["<unk>", 0], ["a", -1], ["b", -1], ["c", -1], ["ab", -2], ["bc", -2], ["abc", -3]]
        ),
        ["ab", "bc", "abc", "abcabc", "cab"],
    )
    emit(unigram([["<unk>", 0.0], ["a", -1.0], ["a", -5.0], ["aa", -4.0]]), ["a", "aa", "aaa"])
    emit(unigram([["<unk>", 0.0], ["", -1.0], ["a", -5.0]]), ["a", "aa", "b"])
    emit(unigram([["a", -1.0]], None), ["a", "b", "aba"])
    emit(unigram([["a", -1.0], ["ab", 100.0], ["b", 0.5]], None), ["ab", "b"])
    emit(unigram([["a", -1.0], ["cd", -1.0]], None), ["a", "cd", "c"])
    emit(unigram([["a", -1.0]], 5), [])
    emit(unigram([], 0), [])
    emit(unigram([], None), ["a"])
    emit(unigram([["<unk>", 100.0], ["ab", 100.0], ["c", 100.0]]), texts)
    half = [[t, -3.0] for t in byte_tokens([0xC3, 0xA9, 0x61])]
    emit(unigram([["<unk>", 0.0], ["b", -1.0], *half], byte_fallback=True), texts)
    for bad in ([["<unk>", "x"]], [["<unk>"]], [["<unk>", 0, 1]], {"a": 0}, [[1, 0]]):
        emit(unigram(bad), [])
    emit(unigram([["a", 0.0]], -1), [])
    # Without a type.
    words = {"a": 0, "##b": 1, "b": 2, "ab": 3}
    for model in (
        {"vocab": words, "unk_token": "b"},
        {"vocab": words},
        {"vocab": words, "merges": ["a b"], "unk_token": "b"},
        {"vocab": [["a", 0]], "merges": []},
        {"vocab": words, "unk_token": "b", "continuing_subword_prefix": "##"},
        {
            "vocab": words,
            "unk_token": "b",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 5,
        },
        {
            "vocab": words,
            "unk_token": "b",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 5,
            "merges": [],
        },
    ):
        emit(model, ["ab", "a", "abb", "bab"])


def text_of(letters, length):
    return "".join(rng.choice(letters) for _ in range(length))


def random_bpe():
    letters = rng.choice(["ab", "abc", "aé", "ab中"])
    tokens, merges = list(letters), []
    for _ in range(rng.randrange(1, 14)):
        left, right = rng.choice(tokens), rng.choice(tokens)
        if len(left + right) < 9:
            merges.append([left, right])
            tokens.append(left + right)
    vocab = list(dict.fromkeys(tokens))
    if rng.random() < 0.4:  # every way to make a token, as for converted SentencePiece models
        merges = [
            [t[:i], t[i:]]
            for t in vocab
            for i in range(1, len(t))
            if t[:i] in vocab and t[i:] in vocab
        ]
    if rng.random() < 0.4:
        rng.shuffle(merges)
    if rng.random() < 0.3:
        vocab.remove(letters[-1])
        merges = [m for m in merges if letters[-1] not in m]
    options = {}
    if rng.random() < 0.5:
        vocab.append("<unk>")
        options = {"unk_token": "<unk>", "fuse_unk": rng.random() < 0.5}
    if rng.random() < 0.3:
        vocab += byte_tokens([0xC3, 0xA9, 0x62])
        options["byte_fallback"] = True
    options["ignore_merges"] = rng.random() < 0.2
    rng.shuffle(vocab)
    strings = rng.random() < 0.5
    emit(
        bpe(vocab, [" ".join(m) for m in merges] if strings else merges, **options),
        [
            (
                text_of(letters + "dü", rng.randrange(1, 16))
                if rng.random() < 0.3
                else text_of(letters, rng.randrange(1, 20))
            )
            for _ in range(10)
        ],
    )


def random_unigram():
    letters = rng.choice(["ab", "abc", "aé", "ab中"])
    score = rng.choice(
        [
            lambda: -rng.randrange(1, 5),
            lambda: -rng.random() * 9,
            lambda: -rng.randrange(1, 60) / 10,
            lambda: rng.random() * 30,
        ]
    )
    pieces = {"<unk>": 0.0}
    for _ in range(rng.randrange(2, 16)):
        pieces[text_of(letters, rng.randrange(1, 5))] = score()
    vocab = [[p, s] for p, s in pieces.items()]
    options = {}
    if rng.random() < 0.3:
        vocab += [[t, score()] for t in byte_tokens([0xC3, 0xA9, 0x62])]
        options["byte_fallback"] = True
    emit(
        unigram(vocab, **options), [text_of(letters + "d", rng.randrange(1, 16)) for _ in range(10)]
    )


by_hand()
by_hand_unigram()
for _ in range(110):
    random_bpe()
for _ in range(70):
    random_unigram()
