# SPDX-License-Identifier: Apache-2.0
"""Puts in place what a comparison needs, once: each peer's virtual environment, the models in each peer's format, the
sentences, and tern's own worker. Everything lies in build/."""

import hashlib
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "bench/compare"
BUILD = ROOT / "build"
PEERS = {"openvino": "OpenVINO", "onnxruntime": "ONNX Runtime", "torch": "PyTorch", "ctranslate2": "CTranslate2",
         "llama": "llama.cpp"}
NAMES = {**PEERS, "openvino_genai": "OpenVINO GenAI", "tokenizers": "the tokenizers' peers"}
MODELS = ["minilm", "bert-base"]


def say(text):
    print(text, file=sys.stderr, flush=True)


def listed(text, allowed, what):
    """The words of an option's value."""
    words = [word for word in text.split(",") if word]
    for word in words:
        if word not in allowed:
            raise SystemExit(f"--{what}: '{word}' is none of {', '.join(allowed)}")
    return words


def run(*command, **more):
    subprocess.run([str(part) for part in command], check=True, cwd=ROOT, stdout=sys.stderr, **more)


def environment(peer):
    """The peer's Python, installed as requirements/<peer>.txt says; anew when that changes."""
    folder, wanted = BUILD / f"venv-{peer}", HERE / f"requirements/{peer}.txt"
    ready, digest = folder / "ready", hashlib.sha256(wanted.read_bytes()).hexdigest()
    if not ready.exists() or ready.read_text().split()[0] != digest:
        say(f"installing {NAMES[peer]} into {folder.relative_to(ROOT)}")
        run("python3", "-m", "venv", "--clear", folder)
        run(folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted)
        ready.write_text(digest)
    return folder / "bin/python"


def tern(program="bench/models/bench_encode"):
    for what in ["build", "bench", "compare"]:
        run("tools/packages", what)
    build = BUILD / "bench"
    if not (build / "build.ninja").exists():
        run("meson", "setup", build, "-Dtests=disabled")
    run("ninja", "-C", build, "--quiet", program)
    return build / program


def sentences():
    path = BUILD / "compare/sentences.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    run(sys.executable, HERE / "sentences.py", path)
    return path


def model(name, peers):
    """The folder of a model with what these peers read."""
    folder = BUILD / "compare" / name
    folder.mkdir(parents=True, exist_ok=True)
    minilm = subprocess.run([ROOT / "tools/fetch_minilm"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def step(peer, results, script, *arguments):
        """In that peer's environment, which is not needed where the results are there."""
        if not all((folder / result).exists() for result in results):
            run(environment(peer), HERE / script, *arguments)

    if name == "bert-base":
        step("torch", ["hf/model.safetensors"], "make_models.py", "random-bert", folder, minilm)
    elif not (folder / "hf").exists():
        (folder / "hf").symlink_to(minilm)
    if {"openvino", "onnxruntime"} & set(peers):
        step("torch", ["model.onnx"], "make_models.py", "onnx", folder)
    if "onnxruntime" in peers:
        step("onnxruntime", ["fused.onnx", "int8.onnx"], "make_models.py", "fused", folder)
    if "openvino" in peers:
        step("openvino", ["openvino-int8.xml"], "make_models.py", "openvino", folder, sentences())
    if "ctranslate2" in peers:
        step("torch", ["ctranslate2/model.bin"], "make_models.py", "ctranslate2", folder)
    if "llama" in peers:
        step("torch", [f"{p}.gguf" for p in ["float32", "bfloat16", "int8"]], "make_gguf.py", folder)
    return folder


def language_model(name, formats, peers):
    """The folder with its GGUF files of these formats, and with what these peers make of them."""
    folder = BUILD / "compare" / name
    folder.mkdir(parents=True, exist_ok=True)
    source = subprocess.run([ROOT / "tools/fetch_smollm2"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    if not all((folder / f"{f}.gguf").exists() for f in formats):
        run(environment("llama"), HERE / "make_llm.py", source, folder, name, *formats)
    if "ctranslate2" in peers and not (folder / "ctranslate2/model.bin").exists():
        run(environment("llama"), HERE / "make_llm.py", source, folder, name, "bf16")
        run(environment("torch"), HERE / "make_llm_ctranslate2.py", folder / "bf16.gguf", folder / "ctranslate2")
    return folder
