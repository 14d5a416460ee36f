#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/tokenizers/files.jsonl.xz: what Transformers makes of small repositories without tokenizer.json.

    pip install transformers==5.24.0 tokenizers==0.23.3 sentencepiece==0.2.1 tiktoken protobuf
    python3 tests/models/text/make_files.py | xz -9e > tests/data/tokenizers/files.jsonl.xz

Lines: {"file": name, "text": …} or {"file": name, "base64": …} once for each vocabulary; then for each repository
{"repository": title, "files": {name in the repository: name of such a file, or an object, which is JSON}, "cases":
[{"text", "pair"?, "ids", "tokens", "offsets", "types", "decoded", "decoded_all"}]}, or "refused": why.
The vocabularies are trained here on the texts below, or cut from nothing but bytes: no file of others is in them.
"""
import base64
import io
import json
import os
import sys
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "critical"
import sentencepiece
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoTokenizer

CORPUS = """The quick brown fox jumps over the lazy dog. It was the best of times, it was the worst of times!
She sells sea-shells by the sea shore; the shells she sells are surely sea-shells. Isn't it? They're, I'll, we've.
Numbers such as 1, 22, 333, 4,444 and 55.5 are here. naïve café déjà vu, Ärger über Öl, año señor.
Der schnelle braune Fuchs springt über den faulen Hund. Le renard brun saute par-dessus le chien paresseux.
世界和平 东京大学 日本語のテキスト Привет, мир! Это тест. مرحبا بالعالم
def main(argc, argv): return argc + len(argv)  # comment
the then there these those this that other another mother father brother""".split("\n") * 3

TEXTS = [
    "", " ", "Hello world", "the quick  brown   fox", " leading and trailing ", "It isn't so, is it?", "naïve café 3.5, 1234567",
    "世界 Привет\tмир\nnew line\r\n", "<s>the</s> <mask> dog", "[CLS] the [MASK]fox [SEP]", "a<unk>b <pad> c [UNK] [PAD]",
    "ﬁne Å ①½ ™ e\u0301\u200b \u00a0x", "``quoted'' \"text\" (a-b)", "😀 🏳️\u200d🌈 z", "the▁fox ▁dog▁", "<extra_id_0> the <extra_id_99>",
    "<|endoftext|>the <|startoftext|> dog", "  \n\n  two\n", "UPPER Lower ÀÉ ΣΑΣ", "<unk_2> <mask_1>the <mask_2>", "en_XX the de_DE eng_Latn dog",
    "<0x41>\x01\x7f", "the" * 40, "他们说 the end。", "<user>fox</user> <tool>", "'s 'LL don't WE'VE",
]
PAIRS = [("the fox", "a dog!"), ("", "x"), ("It isn't", "")]

SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
files = {}


def words():
    vocab = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.train_from_iterator([c.lower() for c in CORPUS] + CORPUS, trainers.WordPieceTrainer(vocab_size=400, show_progress=False, special_tokens=vocab))
    order = sorted(t.get_vocab().items(), key=lambda x: x[1])
    return [w for w, _ in order]


def byte_bpe(name, specials, suffix=""):
    t = Tokenizer(models.BPE(end_of_word_suffix=suffix))
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=520, show_progress=False, special_tokens=specials, initial_alphabet=alphabet, end_of_word_suffix=suffix))
    model = json.loads(t.to_str())["model"]
    files[name + ".json"] = json.dumps(model["vocab"], ensure_ascii=False)
    files[name + ".merges"] = "#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in model["merges"])


def pieces(name, **options):
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS), model_writer=out, minloglevel=2, num_threads=1,
                                             hard_vocab_limit=False, **options)
    files[name] = out.getvalue()


def tiktoken_files():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=420, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    chars, n = {chr(b): b for b in keep}, 0
    for b in range(256):
        if b not in keep:
            chars[chr(256 + n)], n = b, n + 1
    tokens = [bytes(chars[c] for c in w) for w, _ in sorted(t.get_vocab().items(), key=lambda x: x[1])]
    files["ranks"] = "".join(f"{base64.b64encode(t).decode()} {i}\n" for i, t in enumerate(tokens))
    specials = [{"rank": i, "token_str": s, "is_control": True} for i, s in enumerate(["<unk>", "<s>", "</s>", "[INST]"])]
    files["tekken"] = json.dumps({
        "config": {"pattern": r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+", "num_vocab_tokens": 500,
                   "default_vocab_size": len(tokens) + 6, "default_num_special_tokens": 10, "version": "v3"},
        "vocab": [{"rank": i, "token_bytes": base64.b64encode(t).decode(), "token_str": None} for i, t in enumerate(tokens)],
        "special_tokens": specials})


def write(folder, repository):
    for name, content in repository.items():
        data = files[content] if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())


def emit(line):
    print(json.dumps(line, ensure_ascii=False, separators=(",", ":")))


def case(backend, tokenizer, text, pair):
    e = backend.encode(text) if pair is None else backend.encode(text, pair)
    out = {"text": text, "ids": e.ids, "tokens": e.tokens, "offsets": e.offsets, "types": e.type_ids,
           "decoded": backend.decode(e.ids, skip_special_tokens=True), "decoded_all": backend.decode(e.ids, skip_special_tokens=False)}
    if pair is not None:
        out["pair"] = pair
    return out


def record(title, repository):
    with tempfile.TemporaryDirectory() as folder:
        write(folder, repository)
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder)
            backend = tokenizer.backend_tokenizer
            if type(tokenizer).__name__ == "AlbertTokenizer":  # user-defined pieces as SentencePiece has them, not as added tokens
                whole = json.loads(backend.to_str())
                whole["added_tokens"] = [t for t in whole["added_tokens"] if t["special"]]
                backend = Tokenizer.from_str(json.dumps(whole))
            backend.no_truncation()
            backend.no_padding()
        except BaseException as e:
            emit({"repository": title, "files": repository, "refused": f"{type(e).__name__}: {e}"[:200].replace(folder, "")})
            return
        cases = [(t, None) for t in TEXTS] + PAIRS
        out = []
        for text, pair in cases:
            try:
                out.append(case(backend, tokenizer, text, pair))
            except Exception:  # the reference refuses the text
                out.append({"text": text, "error": True, **({} if pair is None else {"pair": pair})})
        limit = tokenizer.model_max_length
        emit({"repository": title, "files": repository, "class": type(tokenizer).__name__, "size": len(tokenizer),
              "pad": tokenizer.pad_token_id, "side": tokenizer.padding_side, "limit": limit if limit < 1e20 else 0,
              "names": list(tokenizer.model_input_names), "cases": out})


def record_python(title, repository):
    """A tokenizer that Transformers has in Python: no offsets."""
    with tempfile.TemporaryDirectory() as folder:
        write(folder, repository)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        out = []
        for text in TEXTS + ["THE QUICK  BROWN", "HH<pad>HEEL<pad>LL|||O", "A<s>B </s> <unk>C", "|A| B|", "É AH OH"]:
            ids = tokenizer(text)["input_ids"]
            out.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=True),
                        "decoded_all": tokenizer.decode(ids)})
        emit({"repository": title, "files": repository, "class": type(tokenizer).__name__, "size": len(tokenizer), "pad": tokenizer.pad_token_id,
              "side": tokenizer.padding_side, "limit": 0, "names": list(tokenizer.model_input_names), "cases": out})


def character_repositories():
    letters = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, **{c: i + 5 for i, c in enumerate("ETAONIHSRDLUMWCFGYPBVK'XJQZ")}}
    record_python("wav2vec2", {"vocab.json": letters, "tokenizer_config.json": config("Wav2Vec2CTCTokenizer", word_delimiter_token="|", do_lower_case=False)})
    record_python("wav2vec2 by type", {"vocab.json": {**letters, "AH": 32, "OH": 33}, "config.json": {"model_type": "wav2vec2"}})
    short = {c: i for i, c in enumerate("|ETAONIHSRDLUMWCFGYPBVK'XJQZ")}
    record_python("wav2vec2, added", {"vocab.json": {**short, "[UNK]": 28, "[PAD]": 29}, "added_tokens.json": {"<s>": 30, "</s>": 31}, "tokenizer_config.json": config(
        "Wav2Vec2CTCTokenizer", unk_token="[UNK]", pad_token="[PAD]", word_delimiter_token="|")})
    record_python("wav2vec2, languages", {"vocab.json": {"eng": letters, "deu": {"<pad>": 0, "<unk>": 1, "|": 2, "A": 3}}, "tokenizer_config.json": config(
        "Wav2Vec2CTCTokenizer", target_lang="deu")})


def config(name, **more):
    return {"tokenizer_class": name, **more}


def word_repositories():
    bert = {"vocab.txt": "words"}
    for name in ["BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "LayoutLMv2Tokenizer", "ElectraTokenizer", "LxmertTokenizer",
                 "MobileBertTokenizer", "FunnelTokenizer", "SplinterTokenizer", "MPNetTokenizer", "ConvBertTokenizer", "LayoutLMTokenizer",
                 "SqueezeBertTokenizer", "DPRQuestionEncoderTokenizer"]:
        record(name, {**bert, "tokenizer_config.json": config(name)})
    record("BERT, cased", {**bert, "tokenizer_config.json": config("BertTokenizer", do_lower_case=False, model_max_length=512, padding_side="left")})
    record("BERT, accents kept", {**bert, "tokenizer_config.json": config("BertTokenizer", strip_accents=False, tokenize_chinese_chars=False)})
    record("Splinter, left", {**bert, "tokenizer_config.json": config("SplinterTokenizer", padding_side="left")})
    record("model_type", {**bert, "config.json": {"model_type": "bert"}})
    record("mpnet by type", {"vocab.txt": "mpnet words", "config.json": {"model_type": "mpnet"}})
    record("vocab.txt of odd lines", {"vocab.txt": "odd words", "tokenizer_config.json": config("BertTokenizer")})
    record("added_tokens.json", {**bert, "tokenizer_config.json": config("BertTokenizer"), "added_tokens.json": {"<user>": 400, "<tool>": 401, "fox": 402},
                                 "special_tokens_map.json": {"mask_token": {"content": "[MASK]", "lstrip": True, "rstrip": False, "single_word": False,
                                                                            "normalized": False}, "additional_special_tokens": ["<tool>", "<more>"]}})
    record("added_tokens_decoder", {**bert, "tokenizer_config.json": config("BertTokenizer", added_tokens_decoder={
        "0": {"content": "[PAD]", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True},
        "900": {"content": "<user>", "lstrip": True, "normalized": True, "rstrip": True, "single_word": False, "special": False},
        "901": {"content": "</user>", "lstrip": False, "normalized": False, "rstrip": False, "single_word": True, "special": True}},
        cls_token="[unused0]", extra_special_tokens=["<tool>"])})
    record("named by the model", {**bert, "tokenizer_config.json": config("BertTokenizer", image_token="<user>", extra_special_tokens={"tool_token": "<tool>"})})


def byte_repositories():
    gpt2 = {"vocab.json": "bytes.json", "merges.txt": "bytes.merges"}
    for name in ["GPT2Tokenizer", "GPT2TokenizerFast", "RobertaTokenizer", "BartTokenizer", "Qwen2Tokenizer", "CodeGenTokenizer", "GPTNeoXTokenizer",
                 "LongformerTokenizer", "LEDTokenizer", "DebertaTokenizer", "LayoutLMv3Tokenizer", "BlenderbotTokenizer", "MvpTokenizer", "CohereTokenizer",
                 "WhisperTokenizer"]:
        record(name, {**gpt2, "tokenizer_config.json": config(name)})
    record("CLIPTokenizer", {"vocab.json": "words.json", "merges.txt": "words.merges", "tokenizer_config.json": config("CLIPTokenizer")})
    record("OpenAIGPTTokenizer", {"vocab.json": "words.json", "merges.txt": "words.merges", "tokenizer_config.json": config("OpenAIGPTTokenizer")})
    record("HerbertTokenizer", {"vocab.json": "words.json", "merges.txt": "words.merges", "tokenizer_config.json": config("HerbertTokenizer")})
    record("GPT-2 with bos", {**gpt2, "tokenizer_config.json": config("GPT2Tokenizer", add_prefix_space=True, add_bos_token=True, pad_token="<pad>")})
    record("GPT-NeoX with both", {**gpt2, "tokenizer_config.json": config("GPTNeoXTokenizer", add_bos_token=True, add_eos_token=True)})
    record("CodeGen with bos", {**gpt2, "tokenizer_config.json": config("CodeGenTokenizer", add_bos_token=True)})
    record("RoBERTa, prefix", {**gpt2, "tokenizer_config.json": config("RobertaTokenizer", add_prefix_space=True, trim_offsets=False)})
    record("Whisper, German", {**gpt2, "tokenizer_config.json": config("WhisperTokenizer", language="German", task="transcribe", additional_special_tokens=[
        "<|startoftranscript|>", "<|en|>", "<|zh|>", "<|de|>", "<|translate|>", "<|transcribe|>", "<|notimestamps|>"])})
    record("Qwen2, published", {**gpt2, "config.json": {"model_type": "qwen2"}, "tokenizer_config.json": config(
        "Qwen2Tokenizer", bos_token=None, errors="replace", add_prefix_space=False, additional_special_tokens=["<user>", "</user>"], added_tokens_decoder={
            str(520 + i): {"content": c, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
            for i, c in enumerate(["<|endoftext|>", "<user>", "</user>"])})})
    record("gpt2 by type", {**gpt2, "config.json": {"model_type": "gpt2"}})
    record("bart by type", {**gpt2, "config.json": {"model_type": "bart"}})
    record("no merges", {"vocab.json": "bytes.json", "tokenizer_config.json": config("GPT2Tokenizer")})


def piece_repositories():
    for name, file in [("AlbertTokenizer", "spiece.model"), ("FNetTokenizer", "spiece.model"), ("T5Tokenizer", "spiece.model"), ("UdopTokenizer", "spiece.model"),
                       ("XLNetTokenizer", "spiece.model"), ("BigBirdTokenizer", "spiece.model"), ("PegasusTokenizer", "spiece.model"),
                       ("ReformerTokenizer", "spiece.model"), ("XLMRobertaTokenizer", "sentencepiece.bpe.model"),
                       ("CamembertTokenizer", "sentencepiece.bpe.model"), ("BarthezTokenizer", "sentencepiece.bpe.model"),
                       ("MBartTokenizer", "sentencepiece.bpe.model"), ("MBart50Tokenizer", "sentencepiece.bpe.model"),
                       ("NllbTokenizer", "sentencepiece.bpe.model"), ("SeamlessM4TTokenizer", "sentencepiece.bpe.model"),
                       ("LayoutXLMTokenizer", "sentencepiece.bpe.model"), ("RemBertTokenizer", "sentencepiece.model"), ("DebertaV2Tokenizer", "spm.model"),
                       ("XGLMTokenizer", "tokenizer.model"), ("LlamaTokenizer", "tokenizer.model"), ("CodeLlamaTokenizer", "tokenizer.model"),
                       ("GemmaTokenizer", "tokenizer.model"), ("Siglip2Tokenizer", "tokenizer.model"), ("PreTrainedTokenizerFast", "tokenizer.model"),
                       ("NoSuchTokenizer", "tokenizer.model")]:
        for model in ["unigram", "unigram nfkc", "bpe bytes", "bpe plain", "bert-like", "t5-like"]:
            own_order = name in ("CamembertTokenizer", "BarthezTokenizer", "MBartTokenizer", "MBart50Tokenizer", "XLMRobertaTokenizer",
                                 "LayoutXLMTokenizer", "SeamlessM4TTokenizer")
            bpe = name in ("NllbTokenizer", "LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer", "Siglip2Tokenizer")
            # What adds little; and SeamlessM4T's two pieces of one id, of which the reference tells either by chance.
            if model == "unigram" and not own_order or model.endswith("-like") and (own_order or bpe):
                continue
            record(f"{name}, {model}", {file: model, "tokenizer_config.json": config(name)})
    record("Llama, legacy", {"tokenizer.model": "bpe bytes", "tokenizer_config.json": config("LlamaTokenizer", legacy=True, add_bos_token=True)})
    record("Llama, no prefix", {"tokenizer.model": "bpe bytes", "tokenizer_config.json": config("LlamaTokenizer", add_prefix_space=False, add_eos_token=True)})
    record("Llama, published", {"tokenizer.model": "bpe bytes", "config.json": {"model_type": "llama"}, "special_tokens_map.json": {
        k: {"content": v, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False} for k, v in
        [("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")]}, "tokenizer_config.json": config(
            "LlamaTokenizer", add_bos_token=True, add_eos_token=False, model_max_length=4096, pad_token=None, legacy=False,
            **{k: {"__type": "AddedToken", "content": v, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
               for k, v in [("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")]})})
    record("Mistral", {"tokenizer.model": "bpe bytes", "config.json": {"model_type": "mistral"}, "tokenizer_config.json": config(
        "LlamaTokenizer", add_bos_token=True, legacy=False, additional_special_tokens=[], added_tokens_decoder={
            str(i): {"content": c, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
            for i, c in enumerate(["<unk>", "<s>", "</s>"])})})
    record("renamed pieces", {"tokenizer.model": "bpe bytes", "config.json": {"model_type": "mistral"}, "tokenizer_config.json": config(
        "PreTrainedTokenizerFast", added_tokens_decoder={
            str(i): {"content": c, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
            for i, c in [(3, "<renamed>"), (4, "</user>"), (600, "<tool>")]})})
    record("added tokens of a model file", {"tokenizer.model": "unigram", "config.json": {"model_type": "mistral"}, "tokenizer_config.json": config(
        "PreTrainedTokenizerFast", bos_token="<user>", added_tokens_decoder={
            str(600 + i): {"content": c, "lstrip": i == 0, "normalized": True, "rstrip": False, "single_word": False, "special": False}
            for i, c in enumerate(["<user>", "▁dog", "e fox"])})})
    record("mistral by type", {"tokenizer.model": "bpe bytes", "config.json": {"model_type": "mistral"}})
    record("llama by type", {"tokenizer.model": "unigram nfkc", "config.json": {"model_type": "llama"}})
    record("T5, 10 more", {"spiece.model": "t5-like", "tokenizer_config.json": config("T5Tokenizer", extra_ids=10)})
    record("T5, published", {"spiece.model": "t5-like", "config.json": {"model_type": "t5"}, "tokenizer_config.json": config(
        "T5Tokenizer", additional_special_tokens=[f"<extra_id_{i}>" for i in range(100)], extra_ids=100, model_max_length=512)})
    record("ALBERT, cased", {"spiece.model": "bert-like", "tokenizer_config.json": config("AlbertTokenizer", do_lower_case=False, keep_accents=True)})
    record("ALBERT with bos", {"spiece.model": "bert-like", "tokenizer_config.json": config("AlbertTokenizer", add_bos_token=True)})
    record("DeBERTa-v2, punctuation", {"spm.model": "bert-like", "tokenizer_config.json": config("DebertaV2Tokenizer", split_by_punct=True, do_lower_case=True)})
    record("RemBERT, lower", {"sentencepiece.model": "bert-like", "tokenizer_config.json": config("RemBertTokenizer", do_lower_case=True, keep_accents=False)})
    record("RemBERT, listed", {"sentencepiece.model": "bert-like", "tokenizer_config.json": config("RemBertTokenizer", mask_token="[MASK]", added_tokens_decoder={
        "4": {"content": "[MASK]", "lstrip": True, "normalized": False, "rstrip": True, "single_word": False, "special": True}})})
    record("mBART, German", {"sentencepiece.bpe.model": "unigram", "tokenizer_config.json": config("MBartTokenizer", src_lang="de_DE")})
    record("NLLB, French", {"sentencepiece.bpe.model": "bpe plain", "tokenizer_config.json": config("NllbTokenizer", src_lang="fra_Latn")})
    record("NLLB, legacy", {"sentencepiece.bpe.model": "bpe plain", "tokenizer_config.json": config("NllbTokenizer", legacy_behaviour=True)})
    record("XLM-R by type", {"sentencepiece.bpe.model": "unigram nfkc", "config.json": {"model_type": "xlm-roberta"}})
    record("XLM-R, no prefix", {"sentencepiece.bpe.model": "unigram", "tokenizer_config.json": config("XLMRobertaTokenizer", add_prefix_space=False)})
    record("Bert with pieces", {"tokenizer.model": "unigram", "tokenizer_config.json": config("BertTokenizer")})


def rank_repositories():
    record("tekken", {"tekken.json": "tekken", "config.json": {"model_type": "mistral"}})
    record("tekken, Llama's class", {"tekken.json": "tekken", "tokenizer_config.json": config("LlamaTokenizer", add_bos_token=True)})
    record("tekken, no class", {"tekken.json": "tekken", "tokenizer_config.json": config("PreTrainedTokenizerFast", bos_token="<s>", eos_token="</s>", pad_token="<pad>")})
    record("tiktoken", {"tiktoken.model": "ranks", "tokenizer_config.json": config("PreTrainedTokenizerFast")})
    record("tiktoken by another name", {"tokenizer.model": "ranks", "tokenizer_config.json": config("TokenizersBackend", extra_special_tokens=["<user>", "</user>"])})
    record("tiktoken, published", {"tokenizer.model": "ranks", "tokenizer_config.json": config("PreTrainedTokenizerFast", bos_token="<s>", add_bos_token=True,
        added_tokens_decoder={str(420 + i): {"content": c, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
                              for i, c in [(0, "<s>"), (3, "</s>")]})})


files["words"] = "\n".join(words()) + "\n"
files["mpnet words"] = files["words"].replace("[CLS]", "<s>").replace("[SEP]", "</s>").replace("[PAD]", "<pad>").replace("[MASK]", "<mask>")
files["odd words"] = "[PAD]\n[UNK]\n[CLS]\r\n[SEP] \n\n[MASK]\u3000\nthe\nfox\nthe\n ##s\n##s\n\tdog\na\rb"
byte_bpe("bytes", ["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
byte_bpe("words", ["<|startoftext|>", "<|endoftext|>", "<unk>"], "</w>")
# Small charsmaps, since those of SentencePiece's own rules are 300 KB each: ligatures, circled digits, a zero width space, a decomposed é.
rules = tempfile.NamedTemporaryFile("w", suffix=".tsv")
rules.write("FB01\t66 69\n2460\t31\nBD\t31 2F 32\n2122\t54 4D\n200B\t20\nA0\t20\n9\t20\nA\t20\nD\t20\n65 301\tE9\n3000\t20\n212B\tC5\n")
rules.flush()
pieces("unigram", model_type="unigram", vocab_size=330, normalization_rule_name="identity")
pieces("unigram nfkc", model_type="unigram", vocab_size=330, normalization_rule_name="nmt_nfkc_cf", user_defined_symbols=["<user>", "(a-b)"])
pieces("bpe bytes", model_type="bpe", vocab_size=560, byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
       user_defined_symbols=["</user>", "  "])
pieces("bpe plain", model_type="bpe", vocab_size=330, normalization_rule_tsv=rules.name, add_dummy_prefix=False, control_symbols=["<tool>"])
pieces("bert-like", model_type="unigram", vocab_size=330, normalization_rule_tsv=rules.name, pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, control_symbols=["[CLS]", "[SEP]", "[MASK]"],
       user_defined_symbols=["(", ")"])
pieces("t5-like", model_type="unigram", vocab_size=560, normalization_rule_tsv=rules.name, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, byte_fallback=True)
tiktoken_files()
for name, data in files.items():
    emit({"file": name, "text": data} if isinstance(data, str) else {"file": name, "base64": base64.b64encode(data).decode()})
word_repositories()
byte_repositories()
piece_repositories()
rank_repositories()
character_repositories()
print(len(files), "files", file=sys.stderr)
