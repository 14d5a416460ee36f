#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes models/text/unicode/graphemes.inc: what the rules for grapheme clusters (UAX 29) ask of characters, of
Unicode 17, which the reference's segmentation obeys.

    pip install regex==2025.11.3      # its properties are those of Unicode 17.0
    tools/unicode_graphemes.py > models/text/unicode/graphemes.inc
"""
import regex

CLASSES = [
    ("kControl", r"\p{GCB=Control}\p{GCB=CR}\p{GCB=LF}"),
    ("kLinker", r"\p{InCB=Linker}"),
    ("kZwj", r"\p{GCB=ZWJ}"),
    ("kConjunctExtend", r"\p{InCB=Extend}"),
    ("kExtend", r"\p{GCB=Extend}"),
    ("kRegional", r"\p{GCB=Regional_Indicator}"),
    ("kPrepend", r"\p{GCB=Prepend}"),
    ("kSpacing", r"\p{GCB=SpacingMark}"),
    ("kHangulL", r"\p{GCB=L}"),
    ("kHangulV", r"\p{GCB=V}"),
    ("kHangulT", r"\p{GCB=T}"),
    ("kPictograph", r"\p{Extended_Pictographic}"),
    ("kConsonant", r"\p{InCB=Consonant}"),
]
PATTERNS = [(name, regex.compile("[%s]" % members)) for name, members in CLASSES]


def class_of(c):
    if 0xD800 <= c < 0xE000 or 0xAC00 <= c <= 0xD7A3:  # no characters; Hangul syllables are computed
        return None
    return next((name for name, pattern in PATTERNS if pattern.match(chr(c))), None)


ranges = []
for c in range(0x80, 0x110000):
    name = class_of(c)
    if name is None:
        continue
    if ranges and ranges[-1][2] == name and ranges[-1][1] == c - 1:
        ranges[-1][1] = c
    else:
        ranges.append([c, c, name])
print("// SPDX-License-Identifier: Apache-2.0")
print("// {first, last, class} of characters from U+0080 on that the rules for grapheme clusters know; Unicode 17.")
print("// Written by tools/unicode_graphemes.py; included by graphemes.cpp.")
print("// clang-format off")
line = ""
for first, last, name in ranges:
    entry = "{0x%X, 0x%X, %s}," % (first, last, name)
    if len(line) + len(entry) + 1 > 100:
        print(line)
        line = ""
    line += (" " if line else "") + entry
print(line)
print("// clang-format on")
