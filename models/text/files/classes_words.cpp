// SPDX-License-Identifier: Apache-2.0
// Classes with a vocab.txt (WordPiece), or with vocab.json and merges.txt (BPE).
#include "classes.h"

namespace tern::text {

namespace {

#define TERN_BYTE_LEVEL(prefix, regex)                                  \
  R"({"type":"ByteLevel","add_prefix_space":@add_prefix_space=)" prefix \
  R"(@,"trim_offsets":true,"use_regex":)" regex "}"
#define TERN_SPLIT(pattern) \
  R"({"type":"Split","pattern":{"Regex":")" pattern R"("},"behavior":"Isolated","invert":false})"

#define TERN_BERT_NORMALIZER(clean_text)                                      \
  R"({"type":"BertNormalizer","clean_text":)" clean_text                      \
  R"(,"handle_chinese_chars":@tokenize_chinese_chars=true@,"strip_accents":)" \
  R"(@strip_accents=null@,"lowercase":@do_lower_case=true@})"

constexpr const char* kBertNormalizer = TERN_BERT_NORMALIZER("true");
constexpr const char* kFunnelNormalizer = TERN_BERT_NORMALIZER("@clean_text=true@");
constexpr const char* kBertPre = R"({"type":"BertPreTokenizer"})";
constexpr const char* kWordPieceDecoder = R"({"type":"WordPiece","prefix":"##","cleanup":true})";
constexpr const char* kFunnelDecoder =
    R"({"type":"WordPiece","prefix":@wordpieces_prefix="##"@,"cleanup":true})";
constexpr const char* kByteLevel = TERN_BYTE_LEVEL("false", "true");
constexpr const char* kByteLevelPrefix = TERN_BYTE_LEVEL("true", "true");
constexpr const char* kByteLevelBare = TERN_BYTE_LEVEL("false", "false");
constexpr const char* kByteLevelDecoder = R"({"type":"ByteLevel"})";
constexpr const char* kNfc = R"({"type":"NFC"})";
constexpr const char* kSuffixDecoder = R"({"type":"BPEDecoder","suffix":"</w>"})";

constexpr const char* kClip = R"({"type":"Split","pattern":{"Regex":"<\\|startoftext\\|>|)"
                              R"(<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|)"
                              R"([^\\s\\p{L}\\p{N}]+"},"behavior":"Removed","invert":true})";
constexpr const char* kQwen2 =
    TERN_SPLIT(R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|)"
               R"( ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)");
constexpr const char* kQwen35 =
    TERN_SPLIT(R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}|)"
               R"( ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)");

constexpr const char* kRoberta =
    R"({"type":"RobertaProcessing","sep":[@#sep@],"cls":[@#cls@],"trim_offsets":)"
    R"(@trim_offsets=true@,"add_prefix_space":@add_prefix_space=false@})";
constexpr const char* kLayoutLmv3 =
    R"({"type":"RobertaProcessing","sep":[@#sep@],"cls":[@#cls@],"trim_offsets":true,)"
    R"("add_prefix_space":@add_prefix_space=true@})";
constexpr const char* kMpnet =
    R"({"type":"RobertaProcessing","sep":[@#sep@],"cls":[@#cls@],"trim_offsets":true,)"
    R"("add_prefix_space":false})";
constexpr const char* kClipPost =
    R"({"type":"RobertaProcessing","sep":[@#eos@],"cls":[@#bos@],"trim_offsets":false,)"
    R"("add_prefix_space":false})";
constexpr const char* kCodeGenPost =
    R"({"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true})";
// The ids are the class's own, whatever the vocabulary has there.
constexpr const char* kHerbertPost =
    R"({"type":"BertProcessing","sep":[@"sep@,2],"cls":[@"cls@,0]})";

constexpr Frame kBertFrame{nullptr, "cls:0 A:0 sep:0", "cls:0 A:0 sep:0 B:1 sep:1"};
constexpr const char* kEnd = "<|endoftext|>";

constexpr ModelKind kWords = ModelKind::word_piece, kBpe = ModelKind::bpe;
constexpr const char *kTxt = "vocab.txt", *kJson = "vocab.json", *kMerges = "merges.txt";

constexpr TokenizerClass kClasses[] = {
    {.name = "BertTokenizer",
     .model = kWords,
     .file = kTxt,
     .tokens = {nullptr, nullptr, "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"},
     .normalizer = {{nullptr, kBertNormalizer}},
     .pre_tokenizer = {{nullptr, kBertPre}},
     .decoder = {{nullptr, kWordPieceDecoder}},
     .frames = {kBertFrame},
     .type_ids = true},
    {.name = "DistilBertTokenizer",
     .model = kWords,
     .file = kTxt,
     .tokens = {nullptr, nullptr, "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"},
     .normalizer = {{nullptr, kBertNormalizer}},
     .pre_tokenizer = {{nullptr, kBertPre}},
     .decoder = {{nullptr, kWordPieceDecoder}},
     .frames = {kBertFrame}},
    {.name = "LayoutLMv2Tokenizer",
     .model = kWords,
     .file = kTxt,
     .tokens = {nullptr, nullptr, "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"},
     .normalizer = {{nullptr, kBertNormalizer}},
     .pre_tokenizer = {{nullptr, kBertPre}},
     .decoder = {{nullptr, kWordPieceDecoder}},
     .frames = {kBertFrame},
     .type_ids = true,
     .max_length = 512},
    {.name = "FunnelTokenizer",
     .model = kWords,
     .file = kTxt,
     .tokens = {"<s>", "</s>", "<unk>", "<sep>", "<pad>", "<cls>", "<mask>"},
     .normalizer = {{nullptr, kFunnelNormalizer}},
     .pre_tokenizer = {{nullptr, kBertPre}},
     .decoder = {{nullptr, kFunnelDecoder}},
     .frames = {{nullptr, "cls:2 A:0 sep:0", "cls:2 A:0 sep:0 B:1 sep:1"}}},
    {.name = "SplinterTokenizer",
     .model = kWords,
     .file = kTxt,
     .tokens = {nullptr, nullptr, "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"},
     .normalizer = {{nullptr, kBertNormalizer}},
     .pre_tokenizer = {{nullptr, kBertPre}},
     .decoder = {{nullptr, kWordPieceDecoder}},
     .frames = {{"left", "cls:0 A:0 sep:0", "cls:0 A:0 sep:0 B:1 question:0 '.':0 sep:1"},
                {nullptr, "cls:0 A:0 sep:0", "cls:0 A:0 question:0 '.':0 sep:0 B:1 sep:1"}},
     .own = "question_token=[QUESTION]"},
    {.name = "MPNetTokenizer",
     .model = kWords,
     .file = kTxt,
     .tokens = {"<s>", "</s>", "[UNK]", "</s>", "<pad>", "<s>", "<mask>"},
     .normalizer = {{nullptr, kBertNormalizer}},
     .pre_tokenizer = {{nullptr, kBertPre}},
     .decoder = {{nullptr, kWordPieceDecoder}},
     .mask_lstrip = true,
     .post = kMpnet},
    {.name = "GPT2Tokenizer",
     .model = kBpe,
     .file = kJson,
     .merges = kMerges,
     .tokens = {kEnd, kEnd, kEnd},
     .pre_tokenizer = {{nullptr, kByteLevel}},
     .decoder = {{nullptr, kByteLevelDecoder}}},
    {.name = "CodeGenTokenizer",
     .model = kBpe,
     .file = kJson,
     .merges = kMerges,
     .tokens = {kEnd, kEnd, kEnd},
     .pre_tokenizer = {{nullptr, kByteLevel}},
     .decoder = {{nullptr, kByteLevelDecoder}},
     .post = kCodeGenPost,
     .early_post = true},
    {.name = "GPTNeoXTokenizer",
     .model = kBpe,
     .file = kJson,
     .merges = kMerges,
     .tokens = {kEnd, kEnd, kEnd, nullptr, "<|padding|>"},
     .normalizer = {{nullptr, kNfc}},
     .pre_tokenizer = {{nullptr, kByteLevel}},
     .decoder = {{nullptr, kByteLevelDecoder}}},
    {.name = "CohereTokenizer",
     .model = kBpe,
     .file = kJson,
     .merges = kMerges,
     .tokens = {"<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", "<UNK>", "<SEP>", "<PAD>", "<CLS>",
                "<MASK_TOKEN>"},
     .normalizer = {{nullptr, kNfc}},
     .pre_tokenizer = {{nullptr, R"({"type":"Digits","individual_digits":true})"},
                       {nullptr, kByteLevel}},
     .decoder = {{nullptr, kByteLevelDecoder}},
     .all_special = true,
     .pads_left = true},
    {.name = "Qwen2Tokenizer",
     .model = kBpe,
     .file = kJson,
     .merges = kMerges,
     .tokens = {nullptr, kEnd, kEnd, nullptr, kEnd},
     .normalizer = {{nullptr, kNfc}},
     .pre_tokenizer = {{nullptr, kQwen2}, {nullptr, kByteLevelBare}},
     .decoder = {{nullptr, kByteLevelDecoder}},
     .plain_special = true},
    {.name = "Qwen3_5Tokenizer",
     .model = kBpe,
     .file = nullptr,
     .tokens = {nullptr, kEnd, kEnd, nullptr, kEnd},
     .normalizer = {{nullptr, kNfc}},
     .pre_tokenizer = {{nullptr, kQwen35}, {nullptr, kByteLevelBare}},
     .decoder = {{nullptr, kByteLevelDecoder}}},
    {.name = "RobertaTokenizer",
     .model = kBpe,
     .file = kJson,
     .merges = kMerges,
     .tokens = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
     .pre_tokenizer = {{nullptr, kByteLevel}},
     .decoder = {{nullptr, kByteLevelDecoder}},
     .post = kRoberta},
    {.name = "LayoutLMv3Tokenizer",
     .model = kBpe,
     .file = kJson,
     .merges = kMerges,
     .tokens = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
     .pre_tokenizer = {{nullptr, kByteLevelPrefix}},
     .decoder = {{nullptr, kByteLevelDecoder}},
     .post = kLayoutLmv3},
    {.name = "BlenderbotTokenizer",
     .model = kBpe,
     .file = kJson,
     .merges = kMerges,
     .tokens = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
     .pre_tokenizer = {{nullptr, kByteLevelPrefix}},
     .decoder = {{nullptr, kByteLevelDecoder}},
     .mask_lstrip = true},
    {.name = "DebertaTokenizer",
     .model = kBpe,
     .file = kJson,
     .merges = kMerges,
     .tokens = {"[CLS]", "[SEP]", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"},
     .pre_tokenizer = {{nullptr, kByteLevel}},
     .decoder = {{nullptr, kByteLevelDecoder}},
     .frames = {{nullptr, "cls:0 A:0 sep:0", "cls:0 A:0 sep:0 sep:0 B:0 sep:0"}},
     .type_ids = true},
    {.name = "CLIPTokenizer",
     .model = kBpe,
     .file = kJson,
     .merges = kMerges,
     .tokens = {"<|startoftext|>", kEnd, kEnd, nullptr, kEnd},
     .normalizer = {{nullptr, kNfc},
                    {nullptr, R"({"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "})"},
                    {nullptr, R"({"type":"Lowercase"})"}},
     .pre_tokenizer = {{nullptr, kClip},
                       {nullptr, R"({"type":"ByteLevel","add_prefix_space":false,)"
                                 R"("trim_offsets":true,"use_regex":true})"}},
     // The class replaces the suffix and strips blanks behind the decoder.
     .decoder = {{nullptr, kByteLevelDecoder},
                 {nullptr, R"({"type":"Replace","pattern":{"String":"</w>"},"content":" "})"},
                 {nullptr, R"({"type":"Strip","content":" ","start":1000000,"stop":1000000})"}},
     .bpe_unk = true,
     .suffix = "</w>",
     .post = kClipPost},
    {.name = "WhisperTokenizer",
     .model = kBpe,
     .file = kJson,
     .merges = kMerges,
     .tokens = {kEnd, kEnd, kEnd},
     .pre_tokenizer = {{nullptr, kByteLevel}},
     .decoder = {{nullptr, kByteLevelDecoder}},
     .frames = {{nullptr, "whisper A:0 eos:0", "whisper A:0 B:1 eos:1"}}},
    {.name = "OpenAIGPTTokenizer",
     .model = kBpe,
     .file = kJson,
     .merges = kMerges,
     .tokens = {nullptr, nullptr, "<unk>"},
     .normalizer = {{nullptr, R"({"type":"BertNormalizer","clean_text":true,)"
                              R"("handle_chinese_chars":true,"strip_accents":null,)"
                              R"("lowercase":true})"}},
     .pre_tokenizer = {{nullptr, kBertPre}},
     .decoder = {{nullptr, kSuffixDecoder}},
     .bpe_unk = true,
     .suffix = "</w>"},
    {.name = "HerbertTokenizer",
     .model = kBpe,
     .file = kJson,
     .merges = kMerges,
     .tokens = {nullptr, nullptr, "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
     .normalizer = {{nullptr, R"({"type":"BertNormalizer","clean_text":true,)"
                              R"("handle_chinese_chars":true,"strip_accents":false,)"
                              R"("lowercase":false})"}},
     .pre_tokenizer = {{nullptr, kBertPre}},
     .decoder = {{nullptr, kSuffixDecoder}},
     .bpe_unk = true,
     .suffix = "</w>",
     .post = kHerbertPost},
    // Written in Python there; the same in components, but for letters of another case.
    {.name = "Wav2Vec2CTCTokenizer",
     .model = ModelKind::characters,
     .file = kJson,
     .tokens = {"<s>", "</s>", "<unk>", nullptr, "<pad>"},
     .normalizer = {{nullptr, R"({"type":"Replace","pattern":{"String":" "},"content":"|"})"}},
     .pre_tokenizer = {{nullptr, R"({"type":"FixedLength","length":1})"}},
     .decoder = {{nullptr, R"({"type":"CTC","pad_token":@"pad@,"word_delimiter_token":"|",)"
                           R"("cleanup":false})"},
                 {nullptr, R"({"type":"Replace","pattern":{"String":"|"},"content":)"
                           R"(@replace_word_delimiter_char=" "@})"},
                 {nullptr, R"({"type":"Fuse"})"},
                 {nullptr, R"({"type":"Strip","content":" ","start":1000000,"stop":1000000})"}}},
};

}  // namespace

std::span<const TokenizerClass> word_classes() {
  return kClasses;
}

}  // namespace tern::text
