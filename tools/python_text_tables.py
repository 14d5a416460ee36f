#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes models/text/jinja/char_flags_table.inc, char_case.inc, char_case_several.inc: what str.upper, str.isalpha,
repr, … of the Python that runs this know of a character. The tables in the tree are Python 3.11's (Unicode 14).

    python_text_tables.py DIR
"""
import sys
import unicodedata

LAST = 0x110000
# The order of the bits in python_text.h.
FLAGS = [str.isalpha, str.isdecimal, str.isdigit, str.isnumeric, str.islower, str.isupper,
         lambda c: unicodedata.category(c) == "Lt", str.isprintable,
         # Case_Ignorable, as far as a final sigma can see it.
         lambda c: unicodedata.category(c) in ("Mn", "Me", "Cf", "Lm", "Sk") or c in "'.:\u00b7\u2018\u2019\u2024\u2027"]


def write(path, what, entries):
    with open(path, "w") as f:
        f.write("// SPDX-License-Identifier: Apache-2.0\n// Made by tools/python_text_tables.py.\n// %s\n" % what)
        line = ""
        for entry in entries:
            if len(line) + len(entry) > 99:
                f.write(line.rstrip() + "\n")
                line = ""
            line += entry + " "
        f.write(line.rstrip() + "\n")


def flag_steps():
    last = None
    for c in range(LAST):
        bits = 0 if 0xD800 <= c < 0xE000 else sum(1 << i for i, f in enumerate(FLAGS) if f(chr(c)))
        if bits != last:
            yield "%d," % (c << 11 | bits)
            last = bits


def runs(kind, fn):
    """{kind, first, count, stride, distance} of the characters that map to one character."""
    pairs = [(c, ord(fn(chr(c))) - c) for c in range(LAST) if len(fn(chr(c))) == 1 and fn(chr(c)) != chr(c)]
    i = 0
    while i < len(pairs):
        best = (1, 1)
        for stride in (1, 2):
            n = 1
            while i + n < len(pairs) and pairs[i + n] == (pairs[i][0] + n * stride, pairs[i][1]):
                n += 1
            if n > best[0]:
                best = (n, stride)
        yield "{%d, %#x, %d, %d, %d}," % (kind, pairs[i][0], best[0], best[1], pairs[i][1])
        i += best[0]


def several(kind, fn):
    for c in range(LAST):
        out = fn(chr(c))
        if len(out) > 1:
            out = [ord(x) for x in out] + [0]
            yield "{%d, %#x, {%#x, %#x, %#x}}," % (kind, c, out[0], out[1], out[2])


def main(folder):
    maps = [(0, str.lower), (1, str.upper), (2, str.title)]
    write(folder + "/char_flags_table.inc", "Where the flags change: code point << 11 | flags.", flag_steps())
    write(folder + "/char_case.inc", "{0 lower, 1 upper, 2 title; first, count, stride, distance}.",
          [e for k, f in maps for e in runs(k, f)])
    write(folder + "/char_case_several.inc", "One character that becomes two or three.",
          [e for k, f in maps for e in several(k, f)])


main(sys.argv[1])
