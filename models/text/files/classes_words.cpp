// SPDX-License-Identifier: Apache-2.0
// Classes with a vocab.txt (WordPiece), or with vocab.json and merges.txt (BPE).
#include <algorithm>

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

/// WordPiece of a vocab.txt; what the row leaves open is BERT's.
constexpr TokenizerClass words(TokenizerClass row) {
  row.model = ModelKind::word_piece;
  row.file = "vocab.txt";
  if (!row.tokens[2]) {
    constexpr const char* kBert[] = {nullptr, nullptr, "[UNK]", "[SEP]",
                                     "[PAD]", "[CLS]", "[MASK]"};
    std::copy(std::begin(kBert), std::end(kBert), row.tokens);
  }
  if (!row.normalizer[0].json) row.normalizer[0] = {nullptr, kBertNormalizer};
  row.pre_tokenizer[0] = {nullptr, kBertPre};
  if (!row.decoder[0].json) row.decoder[0] = {nullptr, kWordPieceDecoder};
  if (!row.frames[0].single && !row.post) row.frames[0] = kBertFrame;
  return row;
}

constexpr TokenizerClass json_bpe(TokenizerClass row) {
  row.model = ModelKind::bpe;
  row.file = "vocab.json";
  row.merges = "merges.txt";
  return row;
}

/// vocab.json with merges.txt; what the row leaves open is GPT-2's.
constexpr TokenizerClass byte_bpe(TokenizerClass row) {
  if (!row.pre_tokenizer[0].json) row.pre_tokenizer[0] = {nullptr, kByteLevel};
  if (!row.decoder[0].json) row.decoder[0] = {nullptr, kByteLevelDecoder};
  return json_bpe(row);
}

/// The same with words as BERT cuts them, whose last pieces end with "</w>".
constexpr TokenizerClass suffix_bpe(TokenizerClass row) {
  row.pre_tokenizer[0] = {nullptr, kBertPre};
  row.decoder[0] = {nullptr, R"({"type":"BPEDecoder","suffix":"</w>"})"};
  row.bpe_unk = true;
  row.suffix = "</w>";
  return json_bpe(row);
}

constexpr TokenizerClass kClasses[] = {
    words({.name = "BertTokenizer", .type_ids = true}),
    words({.name = "DistilBertTokenizer"}),
    words({.name = "LayoutLMv2Tokenizer", .type_ids = true, .max_length = 512}),
    words({.name = "FunnelTokenizer",
           .tokens = {"<s>", "</s>", "<unk>", "<sep>", "<pad>", "<cls>", "<mask>"},
           .normalizer = {{nullptr, kFunnelNormalizer}},
           .decoder = {{nullptr, kFunnelDecoder}},
           .frames = {{nullptr, "cls:2 A:0 sep:0", "cls:2 A:0 sep:0 B:1 sep:1"}}}),
    words({.name = "SplinterTokenizer",
           .frames = {{"left", "cls:0 A:0 sep:0", "cls:0 A:0 sep:0 B:1 question:0 '.':0 sep:1"},
                      {nullptr, "cls:0 A:0 sep:0", "cls:0 A:0 question:0 '.':0 sep:0 B:1 sep:1"}},
           .own = "question_token=[QUESTION]"}),
    words({.name = "MPNetTokenizer",
           .tokens = {"<s>", "</s>", "[UNK]", "</s>", "<pad>", "<s>", "<mask>"},
           .mask_lstrip = true,
           .post = kMpnet}),
    byte_bpe({.name = "GPT2Tokenizer", .tokens = {kEnd, kEnd, kEnd}}),
    byte_bpe({.name = "CodeGenTokenizer",
              .tokens = {kEnd, kEnd, kEnd},
              .post = kCodeGenPost,
              .early_post = true}),
    byte_bpe({.name = "GPTNeoXTokenizer",
              .tokens = {kEnd, kEnd, kEnd, nullptr, "<|padding|>"},
              .normalizer = {{nullptr, kNfc}}}),
    byte_bpe({.name = "CohereTokenizer",
              .tokens = {"<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", "<UNK>", "<SEP>", "<PAD>", "<CLS>",
                         "<MASK_TOKEN>"},
              .normalizer = {{nullptr, kNfc}},
              .pre_tokenizer = {{nullptr, R"({"type":"Digits","individual_digits":true})"},
                                {nullptr, kByteLevel}},
              .all_special = true,
              .pads_left = true}),
    byte_bpe({.name = "Qwen2Tokenizer",
              .tokens = {nullptr, kEnd, kEnd, nullptr, kEnd},
              .normalizer = {{nullptr, kNfc}},
              .pre_tokenizer = {{nullptr, kQwen2}, {nullptr, kByteLevelBare}},
              .plain_special = true}),
    {.name = "Qwen3_5Tokenizer",
     .model = ModelKind::bpe,
     .file = nullptr,
     .tokens = {nullptr, kEnd, kEnd, nullptr, kEnd},
     .normalizer = {{nullptr, kNfc}},
     .pre_tokenizer = {{nullptr, kQwen35}, {nullptr, kByteLevelBare}},
     .decoder = {{nullptr, kByteLevelDecoder}}},
    byte_bpe({.name = "RobertaTokenizer",
              .tokens = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
              .post = kRoberta}),
    byte_bpe({.name = "LayoutLMv3Tokenizer",
              .tokens = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
              .pre_tokenizer = {{nullptr, kByteLevelPrefix}},
              .post = kLayoutLmv3}),
    byte_bpe({.name = "BlenderbotTokenizer",
              .tokens = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
              .pre_tokenizer = {{nullptr, kByteLevelPrefix}},
              .mask_lstrip = true}),
    byte_bpe({.name = "DebertaTokenizer",
              .tokens = {"[CLS]", "[SEP]", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"},
              .frames = {{nullptr, "cls:0 A:0 sep:0", "cls:0 A:0 sep:0 sep:0 B:0 sep:0"}},
              .type_ids = true}),
    byte_bpe(
        {.name = "CLIPTokenizer",
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
         .post = kClipPost}),
    byte_bpe({.name = "WhisperTokenizer",
              .tokens = {kEnd, kEnd, kEnd},
              .frames = {{nullptr, "whisper A:0 eos:0", "whisper A:0 B:1 eos:1"}}}),
    suffix_bpe({.name = "OpenAIGPTTokenizer",
                .tokens = {nullptr, nullptr, "<unk>"},
                .normalizer = {{nullptr, R"({"type":"BertNormalizer","clean_text":true,)"
                                         R"("handle_chinese_chars":true,"strip_accents":null,)"
                                         R"("lowercase":true})"}}}),
    suffix_bpe({.name = "HerbertTokenizer",
                .tokens = {nullptr, nullptr, "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
                .normalizer = {{nullptr, R"({"type":"BertNormalizer","clean_text":true,)"
                                         R"("handle_chinese_chars":true,"strip_accents":false,)"
                                         R"("lowercase":false})"}},
                .post = kHerbertPost}),
    // Written in Python there; the same in components, but for letters of another case.
    {.name = "Wav2Vec2CTCTokenizer",
     .model = ModelKind::characters,
     .file = "vocab.json",
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
