#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""GGUF files from the vocabularies of tokenizer.json, as llama.cpp's converter writes them, and what Transformers'
tokenizer for such a file answers. For development: needs PyPI's gguf, tokenizers, transformers 5.24 and torch.

    gguf_tokenizers.py write VOCABULARIES OUT          one GGUF for each row of FILES below
    gguf_tokenizers.py compare TERN TEXTS GGUF…        every text of the JSON lines TEXTS (member "text", .xz too)
                                                       through `TERN tokenize` and Transformers
"""
import json, lzma, os, subprocess, sys

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6

# name: (folder, kind, architecture, pre, further metadata)
FILES = {
    "gpt2": ("gpt2", "gpt2", "gpt2", "gpt-2", {"bos": "<|endoftext|>", "eos": "<|endoftext|>"}),
    "gpt2-starcoder2": ("gpt2", "gpt2", "starcoder2", "starcoder", {"bos": "<|endoftext|>"}),
    "gpt2-tekken": ("gpt2", "gpt2", "llama", "tekken", {"bos": "<|endoftext|>", "add_bos": True}),
    "llama3": ("llama3", "gpt2", "llama", "llama-bpe",
               {"bos": "<|begin_of_text|>", "eos": "<|eot_id|>", "add_bos": True}),
    "llama3-gpt4o": ("llama3", "gpt2", "llama", "gpt-4o", {"eos": "<|eot_id|>", "add_eos": True}),
    "llama3-qwen35": ("llama3", "gpt2", "qwen2", "qwen35", {"eos": "<|eot_id|>"}),
    "qwen3": ("qwen3", "gpt2", "qwen3", "qwen2",
              {"bos": "<|endoftext|>", "eos": "<|im_end|>", "pad": "<|endoftext|>", "add_bos": False}),
    "qwen3-unknown-pre": ("qwen3", "gpt2", "qwen2", "nobody-knows", {"eos": "<|im_end|>"}),
    "llama2": ("llama2", "llama", "llama", "default",
               {"bos": "<s>", "eos": "</s>", "unk": "<unk>", "add_bos": True, "add_eos": False}),
    "llama2-silent": ("llama2", "llama", "llama", "default", {"bos": "<s>", "eos": "</s>", "unk": "<unk>"}),
    "llama2-no-prefix": ("llama2", "llama", "llama", "default",
                         {"bos": "<s>", "eos": "</s>", "add_space_prefix": False}),
    "llama2-merges": ("llama2", "llama", "llama", "default",
                      {"bos": "<s>", "eos": "</s>", "unk": "<unk>", "merges": True, "add_eos": True}),
    "mistral": ("mistral", "llama", "llama", "default", {"bos": "<s>", "eos": "</s>", "unk": "<unk>", "add_bos": True}),
    "phi3": ("llama2", "llama", "phi3", "default",
             {"bos": "<s>", "eos": "</s>", "unk": "<unk>", "pad": "</s>", "add_bos": False}),
    "gemma3": ("gemma3", "llama", "gemma3", "default",
               {"bos": "<bos>", "eos": "<eos>", "unk": "<unk>", "pad": "<pad>", "add_bos": True,
                "add_space_prefix": False}),
    "gemma4": ("gemma3", "gemma4", "gemma4", "gemma4",
               {"bos": "<bos>", "eos": "<eos>", "unk": "<unk>", "pad": "<pad>", "add_bos": True, "merges": True}),
    "t5": ("small/unigram-t5", "t5", "t5", "default", {"eos": "</s>", "unk": "<unk>", "pad": "<pad>", "add_eos": True}),
    "bert": ("bert-base-uncased", "bert", "bert", "bert",
             {"bos": "[CLS]", "unk": "[UNK]", "sep": "[SEP]", "pad": "[PAD]", "cls": "[CLS]", "mask": "[MASK]"}),
}


def read(path):
    return lzma.open(path).read().decode() if path.endswith(".xz") else open(path, encoding="utf-8").read()


def tokenizer_json(folder):
    path = os.path.join(folder, "tokenizer.json")
    return json.loads(read(path if os.path.exists(path) else path + ".xz"))


def is_byte(token):
    return len(token) == 6 and token.startswith("<0x") and token.endswith(">")


def tokens_of(j, kind):
    """(tokens, types, scores) by id."""
    added = {t["id"]: t for t in j["added_tokens"]}
    vocab = j["model"]["vocab"]
    given = {i: w for w, i in vocab.items()} if isinstance(vocab, dict) else {i: p[0] for i, p in enumerate(vocab)}
    by_id = {**given, **{i: t["content"] for i, t in added.items()}}
    pieces = kind in ("llama", "gemma4", "t5")
    tokens, types, scores = [], [], []
    for i in range(max(by_id) + 1):
        token, kind_of = by_id.get(i, f"[PAD{i}]"), UNUSED if i not in by_id else NORMAL
        if i in added:
            kind_of = CONTROL if added[i]["special"] else USER_DEFINED
            if kind_of == USER_DEFINED and kind != "gemma4":
                token = token.replace("\u2581", " ")
        if pieces and is_byte(token):
            kind_of = BYTE
        if pieces and token == "<unk>":
            kind_of = UNKNOWN
        if kind == "bert" and kind_of == NORMAL:
            token = token[2:] if token.startswith("##") else token if token.startswith("[unused") else "\u2581" + token
        tokens.append(token)
        types.append(kind_of)
        scores.append(float(vocab[i][1]) if kind == "t5" and i < len(vocab)
                      else 0.0 if kind_of != NORMAL else -float(max(0, i - 259)))
    return tokens, types, scores


def merges_of(j):
    out = []
    for merge in j["model"]["merges"]:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        out.append(left.replace(" ", "\u0120") + " " + right.replace(" ", "\u0120"))
    return out


def write(j, out, kind, architecture, pre, more):
    import gguf

    w = gguf.GGUFWriter(out, architecture)
    w.add_name("made from tokenizer.json")
    w.add_block_count(1)
    w.add_context_length(128)
    w.add_embedding_length(64)
    w.add_feed_forward_length(64)
    w.add_head_count(2)
    w.add_head_count_kv(2)
    w.add_layer_norm_rms_eps(1e-5)
    tokens, types, scores = tokens_of(j, kind)
    w.add_tokenizer_model(kind)
    w.add_tokenizer_pre(pre)
    w.add_token_list(tokens)
    if kind in ("llama", "t5", "gemma4"):
        w.add_token_scores(scores)
    w.add_token_types(types)
    if kind == "gpt2" or more.get("merges"):
        w.add_token_merges(merges_of(j))
    ids = {t: i for i, t in enumerate(tokens)}
    for name, adder in (("bos", w.add_bos_token_id), ("eos", w.add_eos_token_id), ("unk", w.add_unk_token_id),
                        ("sep", w.add_sep_token_id), ("pad", w.add_pad_token_id), ("mask", w.add_mask_token_id)):
        if name in more:
            adder(ids[more[name]])
    if "cls" in more:
        w.add_uint32("tokenizer.ggml.cls_token_id", ids[more["cls"]])
    if "add_bos" in more:
        w.add_add_bos_token(more["add_bos"])
    if "add_eos" in more:
        w.add_add_eos_token(more["add_eos"])
    if "add_space_prefix" in more:
        w.add_add_space_prefix(more["add_space_prefix"])
    if "chat_template" in more:
        w.add_chat_template(more["chat_template"])
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def reference(path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(os.path.dirname(os.path.abspath(path)), gguf_file=os.path.basename(path))


def texts(paths):
    out = []
    for path in paths.split(","):
        for line in read(path).split("\n"):
            if line:
                value = json.loads(line)
                text = value["text"] if isinstance(value, dict) else value
                if not any("\ud800" <= c <= "\udfff" for c in text):
                    out.append(text)
    return out


def compare(tern, paths, files):
    inputs = texts(paths)
    failed = 0
    for path in files:
        hf = reference(path)
        requests = [{"text": t, "add_special_tokens": s} for t in inputs for s in (True, False)]
        lines = "\n".join(json.dumps(r) for r in requests) + "\n"
        run = subprocess.run([tern, "tokenize", "--tokenizer", path, "--jsonl"], input=lines.encode(), capture_output=True)
        answers = run.stdout.decode().split("\n")[:-1]
        if len(answers) != len(requests):
            print(f"{path}: {run.stderr.decode()}")
            failed += 1
            continue
        bad, plain = 0, len(inputs)
        expected = [e for pair in zip(hf(inputs)["input_ids"], hf(inputs, add_special_tokens=False)["input_ids"])
                    for e in pair]
        for request, answer, ids in zip(requests, answers, expected):
            got = json.loads(answer)
            if got.get("input_ids") != ids:
                bad += 1
                if bad <= 3:
                    print(f"  {request}\n    expected {ids[:40]}\n    found    {str(got)[:300]}")
        print(f"{os.path.basename(path)}: {len(requests)} requests over {plain} texts, {bad} differ")
        failed += bad > 0
    return failed


def main():
    verb = sys.argv[1]
    if verb == "write":
        for name, (folder, kind, architecture, pre, more) in FILES.items():
            path = os.path.join(sys.argv[3], name + ".gguf")
            os.makedirs(sys.argv[3], exist_ok=True)
            write(tokenizer_json(os.path.join(sys.argv[2], folder)), path, kind, architecture, pre, more)
    elif verb == "compare":
        sys.exit(compare(sys.argv[2], sys.argv[3], sys.argv[4:]))


if __name__ == "__main__":
    main()
