// SPDX-License-Identifier: Apache-2.0
// Classes with a SentencePiece model. Those without a file of their own read tokenizer.model.
#include "classes.h"

namespace tern::text {

namespace {

constexpr const char* kWhitespaceSplit = R"({"type":"WhitespaceSplit"})";
constexpr const char* kMetaspace = R"({"type":"Metaspace","replacement":"▁","prepend_scheme":)"
                                   R"(@?add_prefix_space=true?"always":"never"@,"split":true})";
constexpr const char* kAlways =
    R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true})";
constexpr const char* kFirst =
    R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true})";
constexpr const char* kDebertaMetaspace =
    R"({"type":"Metaspace","replacement":"▁","prepend_scheme":)"
    R"(@?add_prefix_space=true?"always":"first"@,"split":true})";
constexpr const char* kLlamaMetaspace =
    R"({"type":"Metaspace","replacement":"▁","prepend_scheme":@llama@,"split":false})";
constexpr const char* kCodeLlamaMetaspace =
    R"({"type":"Metaspace","replacement":"▁","prepend_scheme":)"
    R"(@?add_prefix_space=true?"first":"never"@,"split":false})";

constexpr const char* kCharsmap = R"({"type":"Precompiled","precompiled_charsmap":"@charsmap@"})";
constexpr const char* kNfc = R"({"type":"NFC"})";
constexpr const char* kLowercase = R"({"type":"Lowercase"})";
constexpr const char* kNfkd = R"({"type":"NFKD"})";
constexpr const char* kStripAccents = R"({"type":"StripAccents"})";
constexpr const char* kStripRight = R"({"type":"Strip","strip_left":false,"strip_right":true})";
constexpr const char* kQuotes = R"({"type":"Replace","pattern":{"String":"``"},"content":"\""})";
constexpr const char* kQuotes2 = R"({"type":"Replace","pattern":{"String":"''"},"content":"\""})";
constexpr const char* kBlanks = R"({"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "})";
constexpr const char* kBlanksToMeta =
    R"({"type":"Replace","pattern":{"Regex":" {2,}"},"content":"▁"})";
constexpr const char* kSpaces =
    R"({"type":"Replace","pattern":{"Regex":"\\s{2,}|[\\n\\r\\t]"},"content":" "})";
constexpr const char* kNewline = R"({"type":"Replace","pattern":{"Regex":"\\n"},"content":" "})";
constexpr const char* kBlankToMeta = R"({"type":"Replace","pattern":{"String":" "},"content":"▁"})";

constexpr const char* kMetaToBlank = R"({"type":"Replace","pattern":{"String":"▁"},"content":" "})";
constexpr const char* kBytes = R"({"type":"ByteFallback"})";
constexpr const char* kFuse = R"({"type":"Fuse"})";
constexpr const char* kStripOne = R"({"type":"Strip","content":" ","start":1,"stop":0})";

constexpr Frame kRobertaFrame{nullptr, "bos:0 A:0 eos:0", "bos:0 A:0 eos:0 eos:0 B:0 eos:0"};
constexpr Frame kEosFrame{nullptr, "A:0 </s>=eos:0", "A:0 </s>=eos:0 B:0 </s>=eos:0"};

constexpr ModelKind kBpe = ModelKind::bpe, kUnigram = ModelKind::unigram;
constexpr const char *kSpiece = "spiece.model", *kBpeModel = "sentencepiece.bpe.model";

constexpr TokenizerClass kClasses[] = {
    // Transformers 5 makes the pieces ( ) " - . – £ € added tokens, so that "3.5" is ▁3 . ▁5; from
    // the bare file we give SentencePiece's own result and that of Transformers 4, ▁3 . 5.
    {.name = "AlbertTokenizer",
     .model = kUnigram,
     .file = kSpiece,
     .tokens = {"[CLS]", "[SEP]", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]"},
     .normalizer = {{nullptr, kQuotes},
                    {nullptr, kQuotes2},
                    {"!keep_accents=false", kNfkd},
                    {"!keep_accents=false", kStripAccents},
                    {"do_lower_case=true", kLowercase},
                    {"charsmap", kCharsmap}},
     .pre_tokenizer = {{nullptr, kWhitespaceSplit}, {nullptr, kMetaspace}},
     .decoder = {{nullptr, kMetaspace}},
     .frames = {{nullptr, "[CLS]=cls:0 A:0 [SEP]=sep:0",
                 "[CLS]=cls:0 A:0 [SEP]=sep:0 B:1 [SEP]=sep:1"}},
     .unk_id = 1,
     .early_post = true,
     .user_defined_in_model = true},
    // ALBERT's tokens with the components of the file, since the class has no __init__ of its own.
    {.name = "FNetTokenizer",
     .model = kUnigram,
     .file = kSpiece,
     .tokens = {"[CLS]", "[SEP]", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]"},
     .own_components = true,
     .type_ids = true},
    {.name = "T5Tokenizer",
     .model = kUnigram,
     .file = kSpiece,
     .tokens = {nullptr, "</s>", "<unk>", nullptr, "<pad>"},
     .normalizer = {{"charsmap", kCharsmap}},
     .pre_tokenizer = {{nullptr, kWhitespaceSplit}, {nullptr, kAlways}},
     .decoder = {{nullptr, kAlways}},
     .frames = {kEosFrame},
     .unk_id = 2,
     .order = PieceOrder::t5,
     .extras = Extras::t5},
    {.name = "UdopTokenizer",
     .model = kUnigram,
     .file = kSpiece,
     .tokens = {nullptr, "</s>", "<unk>", "</s>", "<pad>"},
     .pre_tokenizer = {{nullptr, kWhitespaceSplit}, {nullptr, kAlways}},
     .decoder = {{nullptr, kAlways}},
     .frames = {kEosFrame},
     .unk_id = kUnkUdop},
    {.name = "XLMRobertaTokenizer",
     .model = kUnigram,
     .file = kBpeModel,
     .tokens = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
     .normalizer = {{"charsmap", kCharsmap}},
     .pre_tokenizer = {{nullptr, kWhitespaceSplit}, {nullptr, kMetaspace}},
     .decoder = {{nullptr, kMetaspace}},
     .frames = {kRobertaFrame},
     .unk_id = 3,
     .order = PieceOrder::fairseq},
    {.name = "LayoutXLMTokenizer",
     .model = kUnigram,
     .file = kBpeModel,
     .tokens = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
     .normalizer = {{nullptr, kStripRight}, {nullptr, kBlanksToMeta}},
     .pre_tokenizer = {{nullptr, kMetaspace}},
     .decoder = {{nullptr, kMetaspace}},
     .frames = {{nullptr, "cls:0 A:0 sep:0", "cls:0 A:0 sep:0 sep:0 B:0 sep:0"}},
     .mask_lstrip = true,
     .unk_id = 3,
     .order = PieceOrder::fairseq},
    {.name = "CamembertTokenizer",
     .model = kUnigram,
     .file = kBpeModel,
     .tokens = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
     .normalizer = {{"charsmap", kCharsmap}},
     .pre_tokenizer = {{nullptr, kWhitespaceSplit}, {nullptr, kMetaspace}},
     .decoder = {{nullptr, kMetaspace}},
     .frames = {kRobertaFrame},
     .mask_lstrip = true,
     .needs_unigram = true,
     .unk_id = kUnkByText,
     .order = PieceOrder::camembert,
     .extras = Extras::camembert},
    {.name = "BarthezTokenizer",
     .model = kUnigram,
     .file = kBpeModel,
     .tokens = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
     .normalizer = {{nullptr, kSpaces}, {nullptr, kNfc}, {nullptr, kStripRight}},
     .pre_tokenizer = {{nullptr, kMetaspace}},
     .decoder = {{nullptr, kMetaspace}},
     .mask_lstrip = true,
     .needs_unigram = true,
     .unk_id = 3},
    {.name = "MBartTokenizer",
     .model = kUnigram,
     .file = kBpeModel,
     .tokens = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
     .pre_tokenizer = {{nullptr, kWhitespaceSplit}, {nullptr, kAlways}},
     .decoder = {{nullptr, kAlways}},
     .frames = {{nullptr, "A:0 eos:0 $src_lang=en_XX:0", "A:0 B:0 eos:0 $src_lang=en_XX:0"}},
     .mask_lstrip = true,
     .unk_id = 3,
     .order = PieceOrder::mbart,
     .extras = Extras::mbart},
    {.name = "MBart50Tokenizer",
     .model = kUnigram,
     .file = kBpeModel,
     .tokens = {nullptr, "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
     .normalizer = {{"charsmap", kCharsmap}, {nullptr, kBlanks}},
     .pre_tokenizer = {{nullptr, kAlways}},
     .decoder = {{nullptr, kAlways}},
     .frames = {{nullptr, "$src_lang=en_XX:0 A:0 eos:0", "$src_lang=en_XX:0 A:0 B:0 eos:0"}},
     .mask_lstrip = true,
     .unk_id = 3,
     .order = PieceOrder::mbart50,
     .extras = Extras::mbart50},
    {.name = "NllbTokenizer",
     .model = kBpe,
     .file = kBpeModel,
     .tokens = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
     .normalizer = {{"charsmap", kCharsmap}, {"charsmap", kBlanks}},
     .pre_tokenizer = {{nullptr, kAlways}},
     .decoder = {{nullptr, kAlways}},
     .frames = {{"legacy_behaviour=false", "A:0 eos:0 $!src_lang=eng_Latn:0",
                 "A:0 B:0 eos:0 $!src_lang=eng_Latn:0"},
                {nullptr, "$!src_lang=eng_Latn:0 A:0 eos:0",
                 "$!src_lang=eng_Latn:0 A:0 B:0 eos:0"}},
     .mask_lstrip = true,
     .mask_normalized = true,
     .bpe_unk = true,
     .fuse_unk = true,
     .order = PieceOrder::nllb,
     .extras = Extras::nllb},
    {.name = "SeamlessM4TTokenizer",
     .model = kBpe,
     .file = kBpeModel,
     .tokens = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>"},
     .normalizer = {{nullptr,
                     R"({"type":"Replace","pattern":{"Regex":"[\\n\\r\\t]"},"content":" "})"},
                    {nullptr, R"({"type":"NFKC"})"},
                    {nullptr, kStripRight},
                    {nullptr, R"({"type":"Replace","pattern":{"Regex":" +▁"},"content":"▁"})"},
                    {nullptr, R"({"type":"Replace","pattern":{"Regex":"^▁+$"},"content":""})"},
                    {nullptr, kBlanksToMeta}},
     .pre_tokenizer = {{nullptr, kFirst}},
     .decoder = {{nullptr, kFirst}},
     .frames = {{nullptr, "eos:0 $tgt_lang=__fra__:0 A:0 eos:0",
                 "eos:0 $tgt_lang=__fra__:0 A:0 B:0 eos:0"}},
     .bpe_unk = true,
     .fuse_unk = true,
     .order = PieceOrder::seamless},
    {.name = "PegasusTokenizer",
     .model = kUnigram,
     .file = kSpiece,
     .tokens = {nullptr, "</s>", "<unk>", nullptr, "<pad>", nullptr, "<mask_2>"},
     .normalizer = {{"charsmap", kCharsmap}, {"!charsmap", kNewline}, {nullptr, kBlanks}},
     .pre_tokenizer = {{nullptr, kAlways}},
     .decoder = {{nullptr, kAlways}},
     .frames = {{nullptr, "A:0 eos:0", "A:0 B:0 eos:0"}},
     .unk_id = kUnkPegasus,
     .order = PieceOrder::pegasus,
     .extras = Extras::pegasus},
    {.name = "BigBirdTokenizer",
     .model = kUnigram,
     .file = kSpiece,
     .tokens = {"<s>", "</s>", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]"},
     .normalizer = {{nullptr, kBlanksToMeta}},
     .pre_tokenizer = {{nullptr, kMetaspace}},
     .decoder = {{nullptr, kMetaspace}},
     .frames = {{nullptr, "cls:0 A:0 sep:0", "cls:0 A:0 sep:0 B:1 sep:1"}},
     .mask_lstrip = true,
     .unk_id = kUnkBigBird},
    // The class makes a template of [CLS] and [SEP] and loses it at once.
    {.name = "RemBertTokenizer",
     .model = kUnigram,
     .file = "sentencepiece.model",
     .tokens = {"[CLS]", "[SEP]", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]"},
     .normalizer = {{nullptr, kQuotes},
                    {nullptr, kQuotes2},
                    {nullptr, kBlanks},
                    {"!keep_accents=true", kNfkd},
                    {"!keep_accents=true", kStripAccents},
                    {"do_lower_case=false", kLowercase},
                    {"charsmap", kCharsmap}},
     .pre_tokenizer = {{nullptr, kMetaspace}},
     .decoder = {{nullptr, kMetaspace}},
     .unk_id = 2,
     .all_special = true},
    {.name = "XLNetTokenizer",
     .model = kUnigram,
     .file = kSpiece,
     .tokens = {"<s>", "</s>", "<unk>", "<sep>", "<pad>", "<cls>", "<mask>"},
     .normalizer = {{nullptr, kQuotes},
                    {nullptr, kQuotes2},
                    {nullptr, kNfkd},
                    {nullptr, kStripAccents},
                    {"do_lower_case=false", kLowercase},
                    {"charsmap", kCharsmap}},
     .pre_tokenizer = {{nullptr, kWhitespaceSplit}, {nullptr, kAlways}},
     .decoder = {{nullptr, kAlways}},
     .frames = {{nullptr, "A:0 sep:0 cls:2", "A:0 sep:0 B:1 sep:1 cls:2"}},
     .mask_lstrip = true,
     .unk_id = kUnkOfFile,
     .extras = Extras::xlnet,
     .pads_left = true,
     .pad_type = 3},
    {.name = "DebertaV2Tokenizer",
     .model = kUnigram,
     .file = "spm.model",
     .tokens = {"[CLS]", "[SEP]", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"},
     .normalizer = {{"do_lower_case=false", kLowercase},
                    {nullptr, kSpaces},
                    {nullptr, kNfc},
                    {nullptr, kStripRight}},
     .pre_tokenizer = {{"split_by_punct=false", R"({"type":"Punctuation","behavior":"Isolated"})"},
                       {nullptr, kDebertaMetaspace}},
     .decoder = {{nullptr, kDebertaMetaspace}},
     .frames = {{nullptr, "cls:0 A:0 sep:0", "cls:0 A:0 sep:0 B:1 sep:1"}},
     .unk_id = kUnkDeberta,
     .type_ids = true},
    {.name = "XGLMTokenizer",
     .model = kUnigram,
     .tokens = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>"},
     .normalizer = {{"charsmap", kCharsmap}, {nullptr, kBlanks}},
     .pre_tokenizer = {{nullptr, kMetaspace}},
     .decoder = {{nullptr, kMetaspace}},
     .frames = {{nullptr, "eos:0 A:0", "eos:0 A:0 eos:0 eos:0 B:0"}},
     .unk_id = 3,
     .extras = Extras::xglm},
    {.name = "ReformerTokenizer",
     .model = kBpe,
     .file = kSpiece,
     .tokens = {nullptr, "</s>", "<unk>"},
     .normalizer = {{"charsmap", kCharsmap}, {"charsmap", kBlanks}},
     .pre_tokenizer = {{nullptr, kAlways}},
     .decoder = {{nullptr, kAlways}},
     .bpe_unk = true,
     .fuse_unk = true,
     .all_special = true},
    {.name = "LlamaTokenizer",
     .model = kBpe,
     .tokens = {"<s>", "</s>", "<unk>"},
     .pre_tokenizer = {{nullptr, kLlamaMetaspace}},
     .decoder = {{nullptr, kMetaToBlank},
                 {nullptr, kBytes},
                 {nullptr, kFuse},
                 {"add_prefix_space=true", kStripOne}},
     .fuse_unk = true,
     .byte_fallback = true,
     .pads_left = true},
    {.name = "CodeLlamaTokenizer",
     .model = kBpe,
     .tokens = {"<s>", "</s>", "<unk>"},
     .pre_tokenizer = {{nullptr, kCodeLlamaMetaspace}},
     .decoder =
         {{nullptr, kMetaToBlank}, {nullptr, kBytes}, {nullptr, kFuse}, {nullptr, kStripOne}},
     .bpe_unk = true,
     .fuse_unk = true,
     .byte_fallback = true,
     .extras = Extras::code_llama,
     .own = "prefix_token=▁<PRE> middle_token=▁<MID> suffix_token=▁<SUF> eot_token=▁<EOT> "
            "fill_token=<FILL_ME>",
     .add_bos = true,
     .pads_left = true},
    {.name = "GemmaTokenizer",
     .model = kBpe,
     .tokens = {"<bos>", "<eos>", "<unk>", nullptr, "<pad>", nullptr, "<mask>"},
     .normalizer = {{nullptr, kBlankToMeta}},
     .pre_tokenizer = {{nullptr, R"({"type":"Split","pattern":{"String":" "},)"
                                 R"("behavior":"MergedWithPrevious","invert":false})"}},
     .decoder = {{nullptr, kMetaToBlank}, {nullptr, kBytes}, {nullptr, kFuse}},
     .bpe_unk = true,
     .fuse_unk = true,
     .byte_fallback = true,
     .pads_left = true},
    {.name = "Siglip2Tokenizer",
     .model = kBpe,
     .tokens = {"<bos>", "<eos>", "<unk>", nullptr, "<pad>", nullptr, "<mask>"},
     .normalizer = {{nullptr, kLowercase}, {nullptr, kBlankToMeta}},
     .pre_tokenizer = {{nullptr, R"({"type":"Split","pattern":{"String":" "},)"
                                 R"("behavior":"MergedWithPrevious","invert":false})"}},
     .decoder = {{nullptr, kMetaToBlank}, {nullptr, kBytes}, {nullptr, kFuse}},
     .bpe_unk = true,
     .fuse_unk = true,
     .byte_fallback = true,
     .pads_left = true},
    // What no other class is for: the components follow the model file (own_components).
    {.name = "TokenizersBackend", .model = ModelKind::any, .own_components = true},
};

}  // namespace

std::span<const TokenizerClass> piece_classes() {
  return kClasses;
}

}  // namespace tern::text
