// SPDX-License-Identifier: Apache-2.0
// From the vocabulary to a pipeline; see gguf_tokenizer.h. tokenizer.ggml.model and the
// architecture choose a class of the table (classes.h), which has the components.
#include "gguf_tokenizer.h"

#include <algorithm>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "gguf_models.h"
#include "gguf_splits.h"
#include "gguf_vocabulary.h"
#include "templates.h"

namespace tern::text {

namespace {

using hub::Json;

constexpr size_t kBos = 0, kEos = 1, kUnk = 2, kSep = 3, kPad = 4, kCls = 5, kMask = 6;

const TokenizerClass& row_of(std::string_view name) {
  for (const auto classes : {word_classes(), piece_classes()}) {
    for (const TokenizerClass& c : classes) {
      if (c.name == name) return c;
    }
  }
  fail(ErrorCode::internal, cat("tokenizer class '", name, "' is not in the table"));
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

/// umT5's class is not T5's, but for the components.
bool is_umt5(const GgufVocabulary& v) {
  std::string name(v.name);
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return has(v.architecture, "t5") && has(name, "umt5");
}

bool is_gemma(const GgufVocabulary& v) {
  return v.model == "gemma4" ||
         (v.model == "llama" &&
          (v.architecture == "gemma" || v.architecture == "gemma2" || v.architecture == "gemma3"));
}

bool is_phi3(const GgufVocabulary& v) {
  return v.model == "llama" && v.architecture == "phi3";
}

/// The class whose components, and special tokens where the vocabulary has none, are taken.
const TokenizerClass& class_of(const GgufVocabulary& v) {
  if (is_gemma(v)) return row_of("GemmaTokenizer");
  if (v.model == "llama") return row_of("LlamaTokenizer");
  if (v.model == "gpt2") return row_of("GPT2Tokenizer");
  if (v.model == "t5")
    return row_of(has(v.architecture, "t5") ? "T5Tokenizer" : "XLMRobertaTokenizer");
  if (v.model == "bert") return row_of("BertTokenizer");
  fail(ErrorCode::unsupported,
       cat(v.what, ": tokenizer.ggml.model is ", hub::json_quote(v.model),
           "; \"llama\", \"gpt2\", \"t5\", \"bert\" and \"gemma4\" are known"));
}

std::string quoted(const char* key, bool value) {
  return cat("{\"", key, "\":", value ? "true" : "false", "}");
}

/// What the class asks the files beside a vocabulary: here only whether BERT lowercases.
std::string side_files(const GgufVocabulary& v) {
  const bool capital =
      v.model == "bert" &&
      std::any_of(v.tokens.begin(), v.tokens.end(), [](std::string_view token) {
        return !token.starts_with('[') &&
               std::any_of(token.begin(), token.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
      });
  return quoted("do_lower_case", !capital);
}

hub::Repo repo_of(const std::string& config) {
  const StorageRef storage = heap_storage(config.size());
  config.copy(reinterpret_cast<char*>(storage->data()), config.size());
  return hub::Repo::from_memory({{"tokenizer_config.json", storage}}, "metadata");
}

class Builder {
 public:
  explicit Builder(const hub::GgufFile& file)
      : file_(file), v_(file), row_(class_of(v_)), arguments_(repo_of(side_files(v_))) {
    around_.named = [this](std::string_view key) { return named(key); };
    around_.charsmap = as_text(v_.charsmap);
    around_.id_of = [this](std::string_view text) -> int64_t {
      const AddedToken* t = p_->added.find(text);
      return t ? t->id : p_->model->vocabulary.find(text);
    };
  }

  std::unique_ptr<Tokenizer::Pipeline> build();
  ChatFiles chat() const {
    ChatFiles out{gguf_chat_templates(file_), {}};
    for (const std::string_view key : kTokenNames) {
      if (std::string text = named(key); !text.empty()) {
        out.special_tokens.emplace_back(key, std::move(text));
      }
    }
    return out;
  }

 private:
  /// Transformers refuses such files, or has no such class for them.
  bool is_encoder() const { return v_.model == "bert" || (v_.model == "t5" && !is_t5()); }
  /// Gemma 4 has only its components.
  bool has_gemmas_class() const { return is_gemma(v_) && v_.model == "llama"; }
  bool is_t5() const { return has(v_.architecture, "t5"); }

  std::string named(std::string_view key) const;
  void make_model();
  void make_components();
  void add(std::string_view content, bool special);
  void add_tokens();
  std::string post() const;
  void settings();

  const hub::GgufFile& file_;
  const GgufVocabulary v_;
  const TokenizerClass& row_;
  const Arguments arguments_;
  Surroundings around_{.arguments = arguments_};
  std::unique_ptr<Tokenizer::Pipeline> p_ = std::make_unique<Tokenizer::Pipeline>();
};

/// The file's token; Gemma's mask, which the file is not asked for. Encoders have those of their
/// class, where the file does not say otherwise.
std::string Builder::named(std::string_view key) const {
  const auto at = static_cast<size_t>(
      std::find(std::begin(kTokenNames), std::end(kTokenNames), key) - std::begin(kTokenNames));
  if (at == std::size(kTokenNames)) return {};
  const auto text = [&](size_t which) {
    return std::string(v_.tokens[static_cast<size_t>(v_.named[which])]);
  };
  if (!is_encoder()) {
    if (at == kMask && has_gemmas_class()) return row_.tokens[at];
    const bool read = at == kBos || at == kEos || at == kUnk || at == kPad;
    return read && v_.named[at] >= 0 ? text(at) : std::string();
  }
  if (!row_.tokens[at]) return {};
  if (v_.named[at] >= 0) return text(at);
  // Files may name [CLS] and [SEP] as bos and eos only.
  const size_t other = at == kCls ? kBos : at == kSep ? kEos : at;
  return v_.named[other] >= 0 ? text(other) : row_.tokens[at];
}

void Builder::make_model() {
  constexpr int64_t kT5Unknown = 2;
  if (is_gemma(v_))
    p_->model = make_gemma_bpe(v_, v_.model != "gemma4");
  else if (v_.model == "llama")
    p_->model = make_piece_bpe(v_);
  else if (v_.model == "gpt2")
    p_->model = make_byte_bpe(v_);
  else if (v_.model == "bert")
    p_->model = make_word_piece(v_, named("unk_token"));
  else
    p_->model = make_unigram(v_, is_t5() || v_.named[kUnk] < 0 ? kT5Unknown : v_.named[kUnk]);
}

void Builder::make_components() {
  std::string normalizer =
      component(std::begin(row_.normalizer), std::end(row_.normalizer), "normalizers", around_);
  std::string cutter = component(std::begin(row_.pre_tokenizer), std::end(row_.pre_tokenizer),
                                 "pretokenizers", around_);
  if (is_t5()) normalizer = "null";
  if (is_phi3(v_)) {
    normalizer = R"({"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},)"
                 R"({"type":"Replace","pattern":{"String":" "},"content":"▁"}]})";
    cutter = "null";
  }
  if (const std::string_view pattern = gguf_split(v_.pre); !pattern.empty()) {
    cutter = cat(R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":)",
                 hub::json_quote(pattern), R"(},"behavior":"Isolated","invert":false},)",
                 R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,)",
                 R"("use_regex":false}]})");
  }
  p_->normalizer = parse_normalizer(Json::parse(normalizer, "normalizer"));
  p_->pre_tokenizer = parse_pre_tokenizer(Json::parse(cutter, "pre_tokenizer"));
  p_->decoder = parse_decoder(Json::parse(
      component(std::begin(row_.decoder), std::end(row_.decoder), "decoders", around_), "decoder"));
}

void Builder::add(std::string_view content, bool special) {
  p_->added.add({.content = std::string(content), .special = special}, p_->model->vocabulary);
}

/// The class's own, those the file marks, then those the file names.
void Builder::add_tokens() {
  const bool bytes = v_.model == "gpt2";
  if (!is_encoder()) {
    for (const char* token : row_.tokens) {
      if (token) add(token, true);
    }
    for (const GivenToken& t : class_extras(row_, arguments_)) add(t.content, true);
  }
  const auto marked = [&](GgufVocabulary::Type type) {
    for (size_t i = 0; i < v_.tokens.size(); ++i) {
      if (v_.type(i) != type) continue;
      if (bytes && !in_byte_alphabet(v_.tokens[i]) && !keeps_text(v_, i)) continue;
      // One that the vocabulary writes in another way is not matched.
      if (type == GgufVocabulary::user_defined && p_->model->vocabulary.find(v_.tokens[i]) < 0)
        continue;
      add(v_.tokens[i], type == GgufVocabulary::control);
    }
  };
  marked(GgufVocabulary::control);
  marked(GgufVocabulary::user_defined);
  for (const std::string_view key : kTokenNames) {
    const std::string text = named(key);
    // Qwen's class makes them special even when the file marks them otherwise.
    if (!text.empty() && (!p_->added.find(text) || v_.architecture.starts_with("qwen")))
      add(text, true);
  }
}

std::string Builder::post() const {
  const bool umt5 = is_umt5(v_);
  if (v_.model == "bert" || (is_t5() && !umt5)) {
    return template_json(row_.frames[0].single, row_.frames[0].pair, around_);
  }
  // llama.cpp adds bos to a vocabulary of SentencePiece that does not say otherwise; Gemma 4's
  // template has its own.
  const bool wants_bos =
      v_.add_bos.value_or(v_.model == "llama" || is_encoder()) && v_.model != "gemma4";
  const bool wants_eos = v_.add_eos.value_or(is_encoder());
  const bool bos = wants_bos && !named("bos_token").empty();
  const bool eos = wants_eos && !named("eos_token").empty();
  if (umt5 && !v_.add_bos && !v_.add_eos) {
    return template_json(row_.frames[0].single, row_.frames[0].pair, around_);
  }
  if (is_encoder() && bos && eos) {
    return template_json("bos:0 A:0 eos:0", "bos:0 A:0 eos:0 eos:0 B:0 eos:0", around_);
  }
  const std::string single = cat(bos ? "bos:0 " : "", "A:0", eos ? " eos:0" : "");
  return template_json(single, cat(single, bos ? " bos:1" : "", " B:1", eos ? " eos:1" : ""),
                       around_);
}

void Builder::settings() {
  Settings& s = p_->settings;
  s.unk_token = named("unk_token");
  s.pad_token = named("pad_token");
  s.pad_id = s.pad_token.empty() ? -1 : around_.id_of(s.pad_token);
  s.padding_side = has_gemmas_class() ? Side::left : Side::right;
  s.wants_type_ids = row_.type_ids;
}

std::unique_ptr<Tokenizer::Pipeline> Builder::build() {
  make_model();
  make_components();
  add_tokens();
  p_->added.finish(p_->normalizer.get());
  p_->post_processor = parse_post_processor(Json::parse(post(), "post_processor"));
  p_->finish();
  settings();
  p_->chat = ChatTemplate::from_files(chat());
  return std::move(p_);
}

}  // namespace

std::unique_ptr<Tokenizer::Pipeline> read_gguf_tokenizer(const hub::GgufFile& file) {
  return Builder(file).build();
}

ChatFiles read_gguf_chat(const hub::GgufFile& file) {
  return Builder(file).chat();
}

}  // namespace tern::text
