#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/tokenizers/gguf.jsonl.xz: small GGUF files and what Transformers makes of their metadata.

    pip install transformers==5.24.0 tokenizers==0.23.3 sentencepiece==0.2.1 gguf==0.19.0 torch
    python3 tests/models/text/make_gguf.py | xz -9e > tests/data/tokenizers/gguf.jsonl.xz

Lines: {"title", "gguf": base64, "specials": {name: text}, "cases": [{"text", "pair"?, "ids", "plain", "decoded"}]}. The
vocabularies are trained here. Transformers refuses BERT's: there its BertTokenizer for the same words is asked.
"""
import base64, io, json, os, sys, tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "critical"
import gguf
import sentencepiece
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, BertTokenizer

CORPUS = """The quick brown fox jumps over the lazy dog. It was the best of times, it was the worst of times!
She sells sea-shells by the sea shore; the shells she sells are surely sea-shells. Isn't it? They're, I'll, we've.
Numbers such as 1, 22, 333, 4,444 and 55.5 are here. na\u00efve caf\u00e9 d\u00e9j\u00e0 vu, \u00c4rger \u00fcber \u00d6l.
Der schnelle braune Fuchs springt \u00fcber den faulen Hund. Le renard brun saute par-dessus le chien paresseux.
\u4e16\u754c\u548c\u5e73 \u4e1c\u4eac\u5927\u5b66 \u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!
def main(argc, argv):    return argc + len(argv)  # comment
the then there these those this that other another mother father brother""".split("\n") * 3

TEXTS = ["", " ", "Hello world", "the quick  brown   fox", " leading and trailing ", "It isn't so, IS'T IT'LL?", "na\u00efve 3.5, 1234567",
         "\u4e16\u754c \u041f\u0440\u0438\u0432\u0435\u0442\tmir\nnew line\r\n\n", "<s>the</s> <mask> dog", "[CLS] the [MASK]fox [SEP]", "a<unk>b <pad> c [UNK] [PAD]",
         "e\u0301\u200b \u00a0x \ufb01", "<|endoftext|>the <|im_start|>user\nx<|im_end|>", "the\u2581fox \u2581dog\u2581", "<extra_id_0> the <extra_id_99>",
         "<think>fox</think> <tool> x", "<bos>the<eos>", "  \n\n  two\n    four", "CamelCase parseHTTPRequest snake_case/\n", "<0x41>\x01\x7f\U0001f600", "the" * 30, "[PAD7]",
         "            x", "\u0939\u093f\u0928\u094d\u0926\u0940 \u0e44\u0e17\u0e22 n\u0303o"]
PAIRS = [("the fox", "a dog!"), ("", "x")]
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6


def byte_bpe(specials, users):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=480, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    model = json.loads(t.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    types = [NORMAL] * len(tokens) + [CONTROL] * len(specials) + [USER_DEFINED] * len(users) + [UNUSED]
    return {"model": "gpt2", "tokens": tokens + specials + users + ["[PAD0]"], "types": types, "merges": [" ".join(m) for m in model["merges"]]}


def pieces(kind, size, **more):
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS), model_writer=out, vocab_size=size, model_type=kind, character_coverage=1.0,
                                             hard_vocab_limit=False, num_threads=1, minloglevel=2, **more)
    sp = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())
    tokens, types, scores = [], [], []
    for i in range(sp.vocab_size()):
        piece = sp.id_to_piece(i)
        kind_of = UNKNOWN if sp.is_unknown(i) else BYTE if sp.is_byte(i) else CONTROL if sp.is_control(i) else NORMAL
        if piece in more.get("user_defined_symbols", []):
            kind_of, piece = USER_DEFINED, piece.replace("\u2581", " ")
        tokens.append(piece), types.append(kind_of), scores.append(sp.get_score(i))
    return {"tokens": tokens, "types": types, "scores": scores}


def words(corpus):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.train_from_iterator(corpus, trainers.WordPieceTrainer(vocab_size=400, show_progress=False, special_tokens=["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    return [w for w, _ in sorted(t.get_vocab().items(), key=lambda x: x[1])]


def phantom(word):
    return word if word.startswith("[") and word.endswith("]") else word[2:] if word.startswith("##") else "\u2581" + word


def write(path, architecture, name, v, **more):
    w = gguf.GGUFWriter(path, architecture)
    w.add_name(name)
    for add in (w.add_block_count, w.add_context_length, w.add_embedding_length, w.add_feed_forward_length, w.add_head_count, w.add_head_count_kv):
        add(2)
    w.add_tokenizer_model(v["model"])
    if "pre" in more:
        w.add_tokenizer_pre(more["pre"])
    w.add_token_list(v["tokens"])
    if "scores" in v:
        w.add_token_scores(v["scores"])
    w.add_token_types(v["types"])
    if "merges" in v:
        w.add_token_merges(v["merges"])
    for key in ("bos", "eos", "unknown", "seperator", "padding", "cls", "mask"):
        if key in more:
            w.add_uint32(f"tokenizer.ggml.{key}_token_id", v["tokens"].index(more[key]))
    for key in ("add_bos_token", "add_eos_token", "add_space_prefix"):
        if key in more:
            w.add_bool(f"tokenizer.ggml.{key}", more[key])
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def record(title, architecture, v, tokenizer=None, name="small", **more):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.gguf")
        write(path, architecture, name, v, **more)
        t = tokenizer or AutoTokenizer.from_pretrained(folder, gguf_file="model.gguf")
        cases = []
        for text, pair in [(x, None) for x in TEXTS] + PAIRS:
            ids = t(text, pair)["input_ids"]
            case = {"text": text, "ids": ids, "plain": t(text, pair, add_special_tokens=False)["input_ids"], "decoded": t.decode(ids),
                    "decoded_plain": t.decode(ids, skip_special_tokens=True)}
            cases.append(case if pair is None else {**case, "pair": pair})
        line = {"title": title, "gguf": base64.b64encode(open(path, "rb").read()).decode(), "cases": cases, "left": t.padding_side == "left",
                "specials": {k: str(s) for k, s in t.special_tokens_map.items() if not isinstance(s, list)}}
        print(json.dumps(line))


END, START, STOP = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
byte = byte_bpe([END, START, STOP], ["<think>", "</think>", "  "])
plain = byte_bpe([START, STOP], [])
record("gpt2", "gpt2", byte, pre="gpt-2", bos=END, eos=END)
record("no pre", "starcoder2", byte)
record("an unknown pre", "llama", byte, pre="nobody-knows", bos=START, eos=STOP, padding=STOP, unknown=END)
record("smollm", "llama", plain, pre="smollm", bos=START, eos=STOP, add_bos_token=False)
record("llama-bpe, bos", "llama", plain, pre="llama-bpe", bos=START, eos=STOP, add_bos_token=True)
record("tekken, both", "llama", byte, pre="tekken", bos=START, eos=STOP, add_bos_token=True, add_eos_token=True)
record("qwen2", "qwen2", byte, pre="qwen2", eos="<think>", padding=END, add_bos_token=False)
record("qwen35, eos of an ordinary token", "qwen3", byte, pre="qwen35", eos="the")
record("gpt-4o, eos", "llama", byte, pre="gpt-4o", eos=STOP, add_eos_token=True, add_bos_token=True)
record("deepseek-r1-qwen", "qwen2", byte, pre="deepseek-r1-qwen", bos=END, eos=STOP, add_bos_token=True)
llama = {"model": "llama", **pieces("bpe", 560, byte_fallback=True, user_defined_symbols=["<tool>", "\u2581\u2581\u2581\u2581"])}
record("llama", "llama", llama, pre="default", bos="<s>", eos="</s>", unknown="<unk>", add_bos_token=True, add_eos_token=False)
record("llama, silent", "llama", llama, bos="<s>", eos="</s>")
record("llama, no space prefix", "llama", llama, bos="<s>", eos="</s>", unknown="<unk>", add_space_prefix=False, add_bos_token=False)
record("llama, no named tokens", "llama", llama, add_eos_token=True)
record("phi3", "phi3", llama, bos="<s>", eos="</s>", padding="</s>", add_bos_token=False)
twice = {**llama, "tokens": llama["tokens"] + ["\u2581the", "th", "<s>"], "types": llama["types"] + [NORMAL] * 3, "scores": llama["scores"] + [0.0, -2.5, 0.0]}
record("llama, tokens twice", "llama", twice, bos="<s>", eos="</s>")
flat = {**llama, "scores": [0.0] * len(llama["tokens"])}
record("llama, equal scores", "llama", flat, bos="<s>", eos="</s>")
gemma = {"model": "llama", **pieces("bpe", 560, byte_fallback=True, pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", bos_piece="<bos>", eos_piece="<eos>",
                                     add_dummy_prefix=False, user_defined_symbols=["\u2581\u2581", "\u2581\u2581\u2581", "<tool>"])}
record("gemma3", "gemma3", gemma, bos="<bos>", eos="<eos>", unknown="<unk>", padding="<pad>", add_bos_token=True, add_space_prefix=False)
record("gemma2, few named", "gemma2", gemma, bos="<bos>")
known = set(gemma["tokens"])
cuts = [f"{t[:k]} {t[k:]}" for t, of in zip(gemma["tokens"], gemma["types"]) if of == NORMAL for k in range(1, len(t)) if t[:k] in known and t[k:] in known]
left = {**gemma, "model": "gemma4", "merges": cuts}
record("gemma4", "gemma4", left, pre="gemma4", bos="<bos>", eos="<eos>", unknown="<unk>", padding="<pad>", add_bos_token=True)
t5 = {"model": "t5", **pieces("unigram", 300, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, pad_piece="<pad>")}
padded = {**t5, "tokens": t5["tokens"] + [f"[PAD{i}]" for i in range(110)], "types": t5["types"] + [UNUSED] * 110, "scores": t5["scores"] + [-1000.0] * 110}
record("t5", "t5", padded, pre="default", eos="</s>", unknown="<unk>", padding="<pad>", add_eos_token=True, add_bos_token=False)
record("t5encoder", "t5encoder", t5, eos="</s>", unknown="<unk>", padding="<pad>")
for title, corpus, lower in (("bert", [c.lower() for c in CORPUS], True), ("bert, cased", CORPUS, False)):
    vocab = words(corpus)
    bert = BertTokenizer(vocab={w: i for i, w in enumerate(vocab)}, do_lower_case=lower)
    v = {"model": "bert", "tokens": [phantom(w) for w in vocab], "types": [CONTROL if i in (0, 3, 4, 5) else NORMAL for i in range(len(vocab))]}
    record(title, "bert", v, bert, pre="bert", bos="[CLS]", unknown="[UNK]", seperator="[SEP]", padding="[PAD]", cls="[CLS]", mask="[MASK]")
