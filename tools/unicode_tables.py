#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes models/text/unicode/unicode_*.inc: the Unicode tables that tokenizers need, each at the version that
its component obeys.

    unicode_tables.py --dump FILE                one line per code point of the unicodedata2 that can
                                                 be imported (Python 2 or 3)
    unicode_tables.py --generate DIR 8 9 16 17   the .inc files, from the dumps of those versions
    unicode_tables.py --scripts DIR              unicode_joined_scripts.inc, observed of the reference
                                                 (tokenizers 0.23.3; names by fonttools 4.55)
    unicode_tables.py --regex DIR 16             those of regular expressions, from the dump of version 16;
                                                 needs fonttools 4.55 and regex 2024.11.6 (Unicode 16)

unicodedata2 8.0.0 and 9.0.0 (PyPI) build with Python 2.7 only, hence the dumps. str.lower of the
Python that runs --generate gives the case mappings; letters newer than any Python are listed in NEW_LOWER.
"""
from __future__ import print_function

import sys

LAST = 0x110000
# Simple lower-case mappings of Unicode 15.1 to 17.0: (first, last, distance).
NEW_LOWER = [
    (0x1C89, 0x1C89, 1), (0xA7CB, 0xA7CB, 0x264 - 0xA7CB), (0xA7CC, 0xA7CC, 1), (0xA7CE, 0xA7CE, 1),
    (0xA7D2, 0xA7D2, 1), (0xA7D4, 0xA7D4, 1), (0xA7DA, 0xA7DA, 1), (0xA7DC, 0xA7DC, 0x19B - 0xA7DC),
    (0x10D50, 0x10D65, 0x20), (0x16EA0, 0x16EB8, 27),
]
# Of these, the upper case that came with version 17.
NEW_LOWER_17 = {0xA7CE, 0xA7D2, 0xA7D4} | set(range(0x16EA0, 0x16EB9))
# Other_Alphabetic outside of categories L, M and Nl.
OTHER_ALPHABETIC = [(0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189)]


def dump(path):
    import unicodedata2 as u
    if sys.version_info[0] == 2:
        assert sys.maxunicode == 0x10FFFF
    char = unichr if sys.version_info[0] == 2 else chr  # noqa: F821
    with open(path, "w") as f:
        for c in range(LAST):
            x = char(c)
            f.write("%s;%d;%s\n" % (u.category(x), u.combining(x), u.decomposition(x)))


def load(path):
    with open(path) as f:
        rows = [line.rstrip("\n").split(";") for line in f]
    assert len(rows) == LAST
    return rows


def ascii_punctuation(c):
    return 0x21 <= c <= 0x2F or 0x3A <= c <= 0x40 or 0x5B <= c <= 0x60 or 0x7B <= c <= 0x7E


def word(c, category):
    return (category[0] in "LM" or category in ("Nl", "Nd", "Pc") or c in (0x200C, 0x200D)
            or any(a <= c <= b for a, b in OTHER_ALPHABETIC))


def class_bits(c, v8, v9, v16, v17):
    """The bits of CharClass in unicode.h."""
    surrogate = 0xD800 <= c < 0xE000
    return ((1 if ascii_punctuation(c) or v8[c][0][0] == "P" else 0)
            | (2 if v8[c][0] in ("Cc", "Cf", "Co") and not surrogate else 0)
            | (4 if v8[c][0] == "Mn" else 0)
            | (8 if v9[c][0][0] == "M" else 0)
            | (16 if v9[c][1] != "0" else 0)
            | (32 if word(c, v16[c][0]) else 0)
            | (64 if v17[c][0][0] == "N" else 0)
            | (128 if v16[c][0][0] == "L" else 0)
            | (256 if v16[c][0][0] == "N" else 0))


def boundaries(values, shift):
    out, last = [], 0
    for c, v in enumerate(values):
        if v != last:
            out.append(c << shift | v)
            last = v
    return out


def lower_map():
    out = {}
    for c in range(LAST):
        if 0xD800 <= c < 0xE000 or c == 0x130:
            continue
        x = chr(c).lower()
        if x != chr(c):
            out[c] = ord(x)
    for first, last, distance in NEW_LOWER:
        for c in range(first, last + 1):
            out[c] = c + distance
    return out


def runs(mapping):
    """(first, count, stride 1 or 2, distance) over a map code point -> code point."""
    out = []
    for c in sorted(mapping):
        d = mapping[c] - c
        if out:
            first, count, stride, distance = out[-1]
            step = c - (first + (count - 1) * stride)
            if distance == d and ((count == 1 and step in (1, 2)) or step == stride):
                out[-1] = (first, count + 1, step if count == 1 else stride, d)
                continue
        out.append((c, 1, 1, d))
    return out


def write(path, comment, form, values):
    lines, line = [], ""
    for v in values:
        item = form(v) + ","
        if line and len(line) + 1 + len(item) > 100:
            lines.append(line)
            line = ""
        line += (" " if line else "") + item
    if line:
        lines.append(line)
    head = "// SPDX-License-Identifier: Apache-2.0\n// Made by tools/unicode_tables.py.\n"
    head += "// %s\n" % comment
    with open(path, "w") as f:
        f.write(head + "\n".join(lines) + "\n")
    print(path, len(values), "entries,", len(lines) + 2, "lines")


def canonical(v9):
    excluded = {0x0340, 0x0341, 0x0343, 0x0344, 0x0374, 0x037E, 0x0387, 0x1F71, 0x1F73}
    import unicodedata2 as u
    assert u.unidata_version.startswith("1")
    out = []
    for c in range(LAST):
        text = v9[c][2]
        if not text or text.startswith("<"):
            continue
        parts = [int(x, 16) for x in text.split()]
        a, b = parts[0], parts[1] if len(parts) > 1 else 0
        # A pair composes unless the full composition exclusions name it: then NFC undoes the
        # character, and normalisation of what exists never changes between versions.
        pair = chr(a) + chr(b)
        composes = b != 0 and c not in excluded and u.normalize("NFC", pair) == chr(c)
        out.append(c << 43 | a << 22 | b << 1 | (1 if composes else 0))
    return out


def compatibility(v9):
    raw = {}
    for c in range(LAST):
        text = v9[c][2]
        if text:
            raw[c] = [int(x, 16) for x in text.split() if not x.startswith("<")]
    tagged = {c for c in raw if v9[c][2].startswith("<")}

    def full(c):
        return [y for x in raw[c] for y in full(x)] if c in raw else [c]

    # Canonical decompositions that contain compatibility characters are resolved at run time;
    # here only the tagged ones.
    single, several = {}, []
    for c in sorted(tagged):
        f = full(c)
        if len(f) == 1:
            single[c] = f[0]
        else:
            several += [c << 5 | len(f)] + f
    return single, several


CATEGORIES = ("Cn Cc Cf Co Cs Ll Lm Lo Lt Lu Mc Me Mn Nd Nl No Pc Pd Pe Pf Pi Po Ps Sc Sk Sm So "
              "Zl Zp Zs").split()
# Beyond the general category; bits 1, 2, 4, …
DERIVED = "Alphabetic Lowercase Uppercase Emoji Emoji_Presentation Extended_Pictographic".split()


def fold_map():
    """Full case folding of Unicode 16: code point -> code points."""
    out = {}
    for c in range(LAST):
        folded = [ord(x) for x in chr(c).casefold()] if not 0xD800 <= c < 0xE000 else [c]
        if folded != [c]:
            out[c] = folded
    for first, last, distance in NEW_LOWER:
        for c in range(first, last + 1):
            if c not in NEW_LOWER_17:
                out[c] = [c + distance]
    return out


def derived_bits(c, category):
    import regex
    included = {"Alphabetic": category[0] == "L" or category == "Nl", "Lowercase": category == "Ll",
                "Uppercase": category == "Lu"}
    bits = 0
    for i, name in enumerate(DERIVED):
        if not included.get(name) and regex.match(r"\p{%s}" % name, chr(c)):
            bits |= 1 << i
    return bits


def regex_tables(folder, path):
    from fontTools import unicodedata as scripts
    assert "16.0" in open(scripts.Scripts.__file__).read()[:600]
    v16 = load(path)
    plain = lambda c: not 0xD800 <= c < 0xE000  # noqa: E731
    write(folder + "/unicode_categories.inc",
          "Unicode 16: where general categories change: code point << 5 | category.", hex,
          boundaries([CATEGORIES.index(v16[c][0]) for c in range(LAST)], 5))
    names = sorted(set(scripts.Scripts.VALUES) - {"Zzzz"})
    codes = ["Zzzz"] + names
    write(folder + "/unicode_scripts.inc",
          "Unicode 16: where scripts change: code point << 8 | script.", hex,
          boundaries([codes.index(scripts.script(chr(c))) for c in range(LAST)], 8))
    flat = lambda name: name.lower().replace("_", "").replace(" ", "").replace("-", "")  # noqa: E731
    write(folder + "/unicode_script_names.inc", "Names of the scripts of unicode_scripts.inc.",
          lambda code: '{"%s", "%s"}' % (flat(scripts.script_name(code)), code.lower()), codes)
    write(folder + "/unicode_derived.inc",
          "Unicode 16, as far as the category does not say it: code point << 6 | derived bits.", hex,
          boundaries([derived_bits(c, v16[c][0]) if plain(c) else 0 for c in range(LAST)], 6))
    folds = fold_map()
    form = lambda r: "{0x%x, %d, %d, %d}" % r  # noqa: E731
    write(folder + "/unicode_fold.inc", "Unicode 16 case folding: {first, count, stride, distance}.", form,
          runs({c: f[0] for c, f in folds.items() if len(f) == 1}))
    several = []
    for c in sorted(folds):
        if len(folds[c]) > 1:
            several += [c << 5 | len(folds[c])] + folds[c]
    write(folder + "/unicode_fold_several.inc",
          "Unicode 16 full case folding: code point << 5 | length, the characters.", hex, several)


def joined_scripts(folder):
    """What UnicodeScripts takes for one script: Unicode 9, kana as Han, and 0 for what joins anything
    (a blank, code points without a script)."""
    from fontTools import unicodedata as scripts
    from tokenizers import pre_tokenizers
    split = pre_tokenizers.UnicodeScripts().pre_tokenize_str
    codes = ["Zzzz"] + sorted(set(scripts.Scripts.VALUES) - {"Zzzz"})
    plain = [c for c in range(LAST) if not 0xD800 <= c < 0xE000]

    def absorbed(lead):
        out = set()
        for k in range(0, len(plain), 4096):
            part = plain[k:k + 4096]
            starts = {at[0] for _, at in split("".join(lead + chr(c) for c in part))}
            out |= {c for i, c in enumerate(part) if 2 * i + 1 not in starts}
        return out

    def expected(c):
        script = scripts.script(chr(c))
        return "Hani" if script in ("Hira", "Kana") or c == 0x30FC else script

    joins = absorbed("a") & absorbed("1")
    examples = {}
    for c in plain:
        if c not in joins:
            examples.setdefault(expected(c), chr(c))
    values = [0] * LAST
    for c in plain:
        if c in joins:
            continue
        same = [s for s in [expected(c)] + list(examples) if len(split(examples[s] + chr(c))) == 1]
        values[c] = codes.index(same[0])
    write(folder + "/unicode_joined_scripts.inc",
          "What UnicodeScripts takes for one script (0 joins any): code point << 8 | script.", hex,
          boundaries(values, 8))


def generate(folder, paths):
    v8, v9, v16, v17 = [load(p) for p in paths]
    write(folder + "/unicode_classes.inc",
          "Where CharClass bits change: code point << 11 | bits.", hex,
          boundaries([class_bits(c, v8, v9, v16, v17) for c in range(LAST)], 11))
    write(folder + "/unicode_combining.inc",
          "Unicode 9: where combining classes change: code point << 8 | class.", hex,
          boundaries([int(v9[c][1]) for c in range(LAST)], 8))
    form = lambda r: "{0x%x, %d, %d, %d}" % r  # noqa: E731
    write(folder + "/unicode_lower.inc",
          "Unicode 17 lower case: {first, count, stride, distance}; U+0130 is apart.", form,
          runs(lower_map()))
    pairs = canonical(v9)
    ideographs = [x for x in pairs if x >> 43 >= 0xF900]
    comment = "Unicode 9: code point << 43 | first << 22 | second << 1 | composes; %s U+F900."
    write(folder + "/unicode_canonical.inc", comment % "below", hex, pairs[:-len(ideographs)])
    write(folder + "/unicode_canonical_high.inc", comment % "from", hex, ideographs)
    single, several = compatibility(v9)
    write(folder + "/unicode_compat_single.inc",
          "Unicode 9 compatibility: {first, count, stride, distance}.", form, runs(single))
    write(folder + "/unicode_compat_several.inc",
          "Unicode 9 compatibility: code point << 5 | length, the characters.", hex, several)


if __name__ == "__main__":
    if sys.argv[1] == "--dump":
        dump(sys.argv[2])
    elif sys.argv[1] == "--generate":
        generate(sys.argv[2], sys.argv[3:7])
    elif sys.argv[1] == "--scripts":
        joined_scripts(sys.argv[2])
    elif sys.argv[1] == "--regex":
        regex_tables(sys.argv[2], sys.argv[3])
    else:
        sys.exit(__doc__)
