# SPDX-License-Identifier: Apache-2.0
"""2,000 sentences of 3 to 60 words from the documentation that Debian packages carry.

The packages are downloaded and unpacked into a temporary folder, not installed. The choice is a
fixed stride over all sentences in order, so every machine with the same packages gets the same file.
Usage: sentences.py OUTPUT
"""

import gzip
import html
import pathlib
import re
import subprocess
import sys
import tempfile

PACKAGES = ["debian-policy", "debian-reference-en", "developers-reference", "debian-faq", "maint-guide"]
COUNT = 2000


def texts(folder):
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        name = path.name.removesuffix(".gz")
        if not name.endswith((".txt", ".html", ".rst")):
            continue
        data = gzip.decompress(path.read_bytes()) if path.name.endswith(".gz") else path.read_bytes()
        text = data.decode("utf-8", "replace")
        if name.endswith(".html"):
            text = re.sub(r"(?s)<(script|style|pre)\b.*?</\1>", " ", text)
            text = html.unescape(re.sub(r"<[^>]+>", " ", text))
        yield text


def sentences(text):
    for paragraph in re.split(r"\n\s*\n", text):
        paragraph = " ".join(paragraph.split())
        for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z])", paragraph):
            words = sentence.split()
            letters = sum(c.isalpha() or c.isspace() for c in sentence)
            if 3 <= len(words) <= 60 and letters >= 0.85 * len(sentence):
                yield sentence


def main():
    output = pathlib.Path(sys.argv[1])
    if output.exists():
        return
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for package in PACKAGES:
            subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package],
                           cwd=folder, check=True)
            archive = next(pathlib.Path(folder).glob(f"{package}_*.deb"))
            subprocess.run(["dpkg-deb", "-x", archive, f"{folder}/{package}"], check=True)
            for text in texts(pathlib.Path(folder, package)):
                found.update(dict.fromkeys(sentences(text)))
    chosen = list(found)
    step = len(chosen) / COUNT
    output.write_text("".join(chosen[int(i * step)] + "\n" for i in range(COUNT)))
    words = [len(chosen[int(i * step)].split()) for i in range(COUNT)]
    print(f"{len(chosen)} sentences found, {COUNT} taken, {sum(words) / COUNT:.1f} words each")


main()
