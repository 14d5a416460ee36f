#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the cases of this folder with the reference: pip install tokenizers==0.23.3.

    make_cases.py regex SENTENCES          regex.jsonl: patterns.json and SMALL, each on many texts
    make_cases.py pre_tokenizers SENTENCES pre_tokenizers.jsonl

SENTENCES is a file of JSON strings or {"text": …}, one per line. Pieces are [begin, end] in bytes (regex) or
[text, begin, end] in characters.
"""
import json
import os
import random
import sys

from tokenizers import Regex, Tokenizer, models, pre_tokenizers

HERE = os.path.dirname(os.path.abspath(__file__))
PARTS = list("aZzsStTdDmMlLvVrReE019 '.-_!/\n\r\t|<>$+") + [
    "  ", "\r\n", "'s", "'S", "'ll", "'RE", "'\u017f", "\u00e9", "\u00c9", "\u017f", "\u00df", "\u0301", "\u0e31", "中",
    "一", "龥", "あ", "カ", "ー", "한", "\u0660", "²", "\u2167", "\u00a0", "\u2028", "\u3000", "\u0085", "\u200b", "\ufeff",
    "😀", "👩\u200d💻", "\U0001ccd6", "\u1c89", "\U00010d50", "\u01c5", "\u02b0", "ª", "§", "…", "。", "，", "।", "\u0120",
    "\u010a", "▁", "<|endoftext|>", "the ", "Hello", "HELLO", "camelCase", "don't", "123456", "\x00", "\x1f", "\x7f",
    "\u0378", "\U0010ffff", "\ufffd", "я", "Ω", "א", "ع", "ไ"]
SMALL = [
    (r"a{2}+", "aaaaaaa"), (r"a{2}?b", "b aab"), (r"a{,2}", "aaaaa"), (r"a{3,1}", "aaaaa"), (r"a{,}", "a{,}aa"), (r"a{1", "a{1"),
    (r"a{2,3}?", "aaa"), (r"a**", "aab"), (r"a+?+", "aab"), (r"a*+a", "aab"), (r"(?>a+)a", "aaa"), (r"x(?i)a|b", "xb xB xA b B"),
    (r"(a(?i)b|c)d", "aBd aCd cd Cd"), (r"(?i)k(?-i)k", "Kk KK"), (r"^a", "a\na"), (r"a$", "a\na\n"), (r"^", "a\n\nb"),
    (r"$", "a\n\n"), (r"a\Z", "a\n"), (r"\A", "ab"), (r"\z", "ab"), (r"\Gb", "bbab"), (r"a\Kb", "ab"), (r"(?m:.)", "\na"),
    (r".", "\na"), (r"(?x) a b # c", "ab a b"), (r"a(?#c)+", "aa"), (r"(?i:ss)", "ß ẞ ſs ss SS sS"), (r"(?i:ß)", "ß ẞ ss SS ſs"),
    (r"(?i:[ß])", "ß ẞ ss SS sS"), (r"(?i:[^ß])", "ß ẞ ss"), (r"(?i:st)", "ﬆ ﬅ st"), (r"(?i:sst)", "ßt sﬆ sst"),
    (r"(?i)ffi", "ﬃ ffi ﬀi fﬁ"), (r"(?i)fffi", "fﬃ ﬀfi ffﬁ"), (r"(?i)sss", "ßs sß"), (r"(?i)[ß]?s", "sss ßs"),
    (r"(?i)(?<!ß)a", "ssa ßa"), (r"(?i)(?<=ß)a", "ßa ẞa ssa"), (r"(?i:k)", "kKK"), (r"(?i:i)", "iIıİ"), (r"(?i:İ)", "iIıİi̇"),
    (r"(?i)[a-z]+", "aKſZ"), (r"(?i)[^k]+", "aK ſZ"), (r"(?i)\p{Lu}", "aA"), (r"(?i)[\p{Lu}]", "aA"), (r"(?i)[[^x]]", "xX"),
    (r"(?i)[^[^x]]", "xX"), (r"[a-c-e]", "a-de"), (r"[]a]", "]a"), (r"[^]a]", "ab]"), (r"[a&&b]", "ab&"), (r"[^a&&ab]", "abc"),
    (r"[a-z&&[^aeiou]]", "abe"), (r"[a-f&&c-h&&d]", "abcdefgh"), (r"[&&a]", "a&"), (r"[[a]-z]", "a-zb"), (r"[+--]", ",+-"),
    (r"[--/]", "./-"), (r"[\d\-x]", "1-x"), (r"[[:alpha:]]", "a1:"), (r"[[:^alpha:]]", "a1:"), (r"[[:punct:]]", "$!a"),
    (r"\p{Punct}", "$!"), (r"[[:print:]]", "\u2028\u00a0\ta"), (r"[\w]", "a²½_"), (r"\w", "a²½_⁰"), (r"\b", "ab ½ cd"),
    (r"\Bo", "foo o"), (r"\p{^L}", "a1"), (r"\P{^L}", "a1"), (r"\p{ greek }", "aα"), (r"\p{Emoji}", "😀1a"), (r"\R", "\r\n\n\r\u2028"),
    (r"\R{2}", "\r\n\r\n"), (r"\h\H", "ag"), (r"\u00e9\x{e9}\xc3\xa9", "ééé"), (r"\o{101}\012", "A\n"), (r"\cA\C-a", "\x01\x01"),
    (r"[\b]", "\x08b"), (r"(?<=a|bc)x", "ax bcx cx"), (r"(?<!a)x", "ax x"), (r"(?<=^|\s)b", "b ab b"), (r"|a", "ab"), (r"()", "é日"),
    (r"(a|b)\1", "abba"), (r"(?<n>a)(b)\k<n>", "xabay"), (r"(a)(b)?\k<-1>", "abbaa"), (r"(日|é)+\1", "日é日日éé"),
    (r"(?=(a+))\1b", "aab"), (r"(?:(a)|b)*\1", "abbaa"), (r"(.)\1{2,}", "aa日日日 bbb"), (r"(a)\10", "aa\x08"), (r"(?<=(a))b\1", "abaa"),
    (r"a??b", "ab"), (r"(?:a|ab)(?:c|bcd)", "abcd"), (r"(?<n>a)(b)", "ab"), ("a\nb", "a\nb"), (r"\Q.\E", "Q?E"),
]
MALFORMED = ["(", ")", "*a", "^*", "\\b+", "[", "[]", "[^]", "[b-a]", "[a-\\d]", "[\\w-x]", "(?:a", "(?", "\\", "a{100001}", "\\p{L",
             "[[:foo:]]", "(a)\\2", "\\8", "\\k<n>", "(?<n>a)\\1", "\\k<-1>", "\\xe9", "\\u00", "(?=a)*"]


def texts(path, random):
    with open(path) as f:
        rows = [json.loads(line) for line in f]
    rows = [r if isinstance(r, str) else r["text"] for r in rows]
    while True:
        kind = random.random()
        if kind < 0.15:
            yield random.choice(rows)[:300]
        elif kind < 0.85:
            yield "".join(random.choice(PARTS) for _ in range(random.randint(1, 30)))
        else:
            codes = [random.randrange(0x110000 if random.random() < 0.3 else 0x3000) for _ in range(20)]
            yield "".join(chr(c) for c in codes if not 0xD800 <= c < 0xE000)


def bytes_of(text, pieces):
    at = [0]
    for c in text:
        at.append(at[-1] + len(c.encode()))
    return [[at[begin], at[end]] for _, (begin, end) in pieces]


def regex_cases(source):
    with open(os.path.join(HERE, "patterns.json")) as f:
        patterns = json.load(f)
    cases = list(SMALL)
    for pattern in patterns.values():
        cases += [(pattern, next(source)) for _ in range(40)]
    for pattern, text in cases:
        pieces = pre_tokenizers.Split(Regex(pattern), "isolated").pre_tokenize_str(text)
        yield {"pattern": pattern, "text": text, "pieces": bytes_of(text, pieces)}
    for pattern in MALFORMED:
        try:
            Regex(pattern)
        except Exception:
            yield {"pattern": pattern, "error": True}


def pre_tokenizer_configs():
    flat = [{"type": "BertPreTokenizer"}, {"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "UnicodeScripts"},
            {"type": "CharDelimiterSplit", "delimiter": "s"}, {"type": "Digits", "individual_digits": True},
            {"type": "Digits", "individual_digits": False}]
    flat += [{"type": "FixedLength", "length": n} for n in (1, 2, 7)]
    flat += [{"type": "ByteLevel", "add_prefix_space": space, "trim_offsets": True, "use_regex": regex}
             for space in (True, False) for regex in (True, False)]
    flat += [{"type": "Metaspace", "replacement": mark, "prepend_scheme": scheme, "split": split}
             for mark in "▁_" for scheme in ("always", "first", "never") for split in (True, False)]
    behaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
    flat += [{"type": "Punctuation", "behavior": b} for b in behaviors]
    patterns = [{"String": " "}, {"String": "s"}, {"String": "'s"}, {"String": ""}, {"Regex": "s*"}, {"Regex": "\\b"},
                {"Regex": "\\s+|\\p{N}"}, {"Regex": "(?=\\p{Lu})"}]
    flat += [{"type": "Split", "pattern": p, "behavior": b, "invert": i} for p in patterns for b in behaviors for i in (True, False)]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}"}, "behavior": "Isolated", "invert": False}
    sequences = [[split, byte_level], [{"type": "WhitespaceSplit"}, dict(byte_level, add_prefix_space=True)],
                 [byte_level, dict(byte_level, use_regex=True)], [{"type": "UnicodeScripts"}, split, {"type": "Metaspace", "replacement": "▁"}],
                 [{"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}],
                 [{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}, {"type": "Punctuation", "behavior": "Isolated"}]]
    return flat + [{"type": "Sequence", "pretokenizers": s} for s in sequences]


def pre_tokenizer_cases(source):
    empty = json.loads(Tokenizer(models.WordLevel({}, unk_token="")).to_str())
    for config in pre_tokenizer_configs():
        component = Tokenizer.from_str(json.dumps(dict(empty, pre_tokenizer=config))).pre_tokenizer
        for text in [next(source) for _ in range(12)]:
            pieces = [[piece, begin, end] for piece, (begin, end) in component.pre_tokenize_str(text)]
            yield {"config": config, "text": text, "pieces": pieces}


def main():
    random.seed(5)
    source = texts(sys.argv[2], random)
    cases = {"regex": regex_cases, "pre_tokenizers": pre_tokenizer_cases}[sys.argv[1]]
    with open(os.path.join(HERE, sys.argv[1] + ".jsonl"), "w") as f:
        for case in cases(source):
            f.write(json.dumps(case, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
