# SPDX-License-Identifier: Apache-2.0
"""Four corpora for tokenizers, from what Debian packages carry: English prose, code, many languages, short lines.

The packages are downloaded and unpacked into a temporary folder, not installed. Documents are cut at paragraphs to 1-4
kB (short lines: at lines) and end in a zero byte; their order is a fixed shuffle.
Usage: corpora.py FOLDER MEGABYTES
"""

import gzip
import html
import pathlib
import random
import re
import subprocess
import sys
import tempfile

PACKAGES = {
    "english": ["linux-doc-6.1", "debian-reference-en", "developers-reference"],
    "code": ["libboost1.74-dev", "libpython3.11-stdlib", "libpython3.11-testsuite"],
    "mixed": ["debian-handbook"],
}
SUFFIXES = {"english": (".html", ".txt", ".rst"), "code": (".py", ".hpp", ".h"), "mixed": (".html",)}


def read(path):
    data = path.read_bytes()
    if path.name.endswith(".gz"):
        data = gzip.decompress(data)
    text = data.decode("utf-8", "ignore").replace("\0", "")
    if path.name.removesuffix(".gz").endswith(".html"):
        text = re.sub(r"(?s)<(script|style|head)\b.*?</\1>", " ", text)
        text = html.unescape(re.sub(r"<[^>]+>", " ", text))
        text = re.sub(r"[ \t]+", " ", text)
        text = re.sub(r"\s*\n\s*\n\s*", "\n\n", text)
    return text


def documents(text, rng):
    """Of 1 to 4 kB, of whole paragraphs where these are not longer."""
    wanted, part, size = rng.randint(1000, 4000), [], 0
    for paragraph in re.split(r"(?<=\n)\n+", text):
        for begin in range(0, len(paragraph), 3000):
            part.append(paragraph[begin : begin + 3000])
            size += len(part[-1])
            if size >= wanted:
                yield "\n".join(part)
                wanted, part, size = rng.randint(1000, 4000), [], 0
    if size >= 200:
        yield "\n".join(part)


def collect(name, limit, rng):
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for package in PACKAGES[name]:
            subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package], cwd=folder, check=True)
            archive = next(pathlib.Path(folder).glob(f"{package}_*.deb"))
            subprocess.run(["dpkg-deb", "-x", archive, f"{folder}/{package}"], check=True)
        paths = [p for p in sorted(pathlib.Path(folder).rglob("*")) if p.is_file() and not p.is_symlink()
                 and p.name.removesuffix(".gz").endswith(SUFFIXES[name])]
        rng.shuffle(paths)
        size = 0
        for path in paths:
            for document in documents(read(path), rng):
                if document not in found:
                    found[document] = None
                    size += len(document.encode())
            if size > limit * 1.3:
                break
    return list(found)


def lines_of(texts, rng):
    found = dict.fromkeys(line.strip() for text in texts for line in text.split("\n") if 3 <= len(line.strip()) <= 80)
    chosen = list(found)
    rng.shuffle(chosen)
    return chosen


def write(path, texts, limit):
    data = bytearray()
    for text in texts:
        if len(data) >= limit:
            break
        data += text.encode() + b"\0"
    path.write_bytes(data)
    print(f"{path.name}: {len(data) / 1e6:.1f} MB, {data.count(0)} documents", file=sys.stderr)


def main():
    folder, limit = pathlib.Path(sys.argv[1]), int(float(sys.argv[2]) * 1e6)
    if all((folder / name).exists() for name in [*PACKAGES, "lines"]):
        return
    folder.mkdir(parents=True, exist_ok=True)
    every = []
    for name in PACKAGES:
        rng = random.Random(name)
        texts = collect(name, limit, rng)
        rng.shuffle(texts)
        write(folder / name, texts, limit)
        every += texts
    write(folder / "lines", lines_of(every, random.Random("lines")), limit)


main()
