// SPDX-License-Identifier: Apache-2.0
// Repositories without tokenizer.json: vocab.txt of BERT's family with tokenizer_config.json,
// special_tokens_map.json and added_tokens.json. read_settings serves every repository.
#include <algorithm>
#include <map>

#include "fields.h"
#include "pipeline.h"

namespace tern::text {

namespace {

using hub::Json;

Json read_json(const hub::Repo& repo, std::string_view file) {
  const auto text = repo.read_if_exists(file);
  if (!text) return {};
  return Json::parse(*text, repo.path(file));
}

/// The files that describe a tokenizer beside its vocabulary; absent ones are null.
struct Files {
  Json config, special, added, model;

  explicit Files(const hub::Repo& repo)
      : config(read_json(repo, "tokenizer_config.json")),
        special(read_json(repo, "special_tokens_map.json")),
        added(read_json(repo, "added_tokens.json")),
        model(read_json(repo, "config.json")) {}

  /// "bert" of BertTokenizerFast, or the config's model_type when no class is named.
  std::string family() const {
    std::string name(config["tokenizer_class"].string().value_or(""));
    for (const std::string_view suffix : {"Fast", "Tokenizer"}) {
      if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
    }
    if (name.empty()) name = model["model_type"].string().value_or("");
    for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    return name;
  }

  /// A named special token: a text, or an object with its flags.
  std::optional<AddedToken> token(std::string_view name) const {
    for (const Json* file : {&config, &special}) {
      const Json& value = (*file)[name];
      AddedToken t;
      t.special = true;
      if (const auto text = value.string()) {
        t.content = *text;
        return t;
      }
      if (!value.is_object()) continue;
      t.content = read_string(value, "content", "");
      t.lstrip = read_bool(value, "lstrip", false);
      t.rstrip = read_bool(value, "rstrip", false);
      t.single_word = read_bool(value, "single_word", false);
      t.normalized = read_bool(value, "normalized", false);
      if (!t.content.empty()) return t;
    }
    return std::nullopt;
  }
};

/// Lines as Python's text files have them: "\n", "\r\n" and "\r" end one.
Vocabulary read_vocab(const std::string& text) {
  Vocabulary out;
  out.reserve(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) + 1, text.size());
  int64_t id = 0;
  for (size_t begin = 0; begin < text.size(); ++id) {
    const size_t end = std::min(text.find_first_of("\r\n", begin), text.size());
    std::string scratch;
    out.add(valid_utf8(std::string_view(text).substr(begin, end - begin), scratch), id);
    const bool pair = end + 1 < text.size() && text[end] == '\r' && text[end + 1] == '\n';
    begin = end + (pair ? 2 : 1);
  }
  out.finish();
  return out;
}

struct Names {
  std::string_view cls, sep, unk, pad, mask;
};

constexpr Names kBert{"[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]"};
constexpr Names kMpnet{"<s>", "</s>", "[UNK]", "<pad>", "<mask>"};

TemplatePiece special_piece(const AddedToken& t, const Vocabulary& vocabulary, int64_t type) {
  const int32_t id = vocabulary.find(t.content);
  if (id < 0) {
    fail(ErrorCode::corrupt, cat("vocab.txt does not have the special token '", t.content, "'"));
  }
  TemplatePiece piece;
  piece.type_id = type;
  piece.ids = {id};
  piece.tokens = {t.content};
  return piece;
}

TemplatePiece sequence_piece(int which) {
  TemplatePiece piece;
  piece.sequence = which;
  piece.type_id = which;
  return piece;
}

/// [CLS] A [SEP] B [SEP]; MPNet has </s> twice between.
void set_template(PostProcessor& p, const AddedToken& cls, const AddedToken& sep, bool twice,
                  const Vocabulary& v) {
  p.single = {special_piece(cls, v, 0), sequence_piece(0), special_piece(sep, v, 0)};
  p.pair = *p.single;
  if (twice) p.pair->push_back(special_piece(sep, v, 0));
  p.pair->push_back(sequence_piece(1));
  p.pair->push_back(special_piece(sep, v, 1));
}

/// Tokens by id: added_tokens_decoder of the config, else added_tokens.json.
std::map<int64_t, AddedToken> listed_tokens(const Files& files) {
  std::map<int64_t, AddedToken> out;
  for (const auto& [key, value] : files.config["added_tokens_decoder"].members()) {
    int64_t id = 0;
    const bool digits =
        !key.empty() && key.size() < 10 &&
        std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || !value.is_object()) {
      fail(ErrorCode::corrupt,
           cat("tokenizer_config.json: entry '", key, "' of added_tokens_decoder"));
    }
    for (const char c : key) id = id * 10 + (c - '0');
    AddedToken t;
    t.content = read_string(value, "content", std::nullopt);
    t.special = read_bool(value, "special", false);
    t.single_word = read_bool(value, "single_word", false);
    t.lstrip = read_bool(value, "lstrip", false);
    t.rstrip = read_bool(value, "rstrip", false);
    t.normalized = read_bool(value, "normalized", !t.special);
    out[id] = std::move(t);
  }
  if (!out.empty()) return out;
  for (const auto& [content, value] : files.added.members()) {
    const auto id = value.integer();
    if (!id) fail(ErrorCode::corrupt, cat("added_tokens.json: the id of '", content, "'"));
    AddedToken t;
    t.content = content;
    t.normalized = true;
    out[*id] = std::move(t);
  }
  return out;
}

void add_tokens(const Files& files, const std::vector<AddedToken>& specials,
                Tokenizer::Pipeline& p) {
  const auto is_special = [&](const std::string& content) {
    return std::any_of(specials.begin(), specials.end(),
                       [&](const AddedToken& s) { return s.content == content; });
  };
  for (auto& [id, token] : listed_tokens(files)) {
    AddedToken t = token;
    if (files.config["added_tokens_decoder"].is_null() && is_special(t.content)) {
      t.special = true;
      t.normalized = false;
    }
    p.added.add(std::move(t), p.model->vocabulary);
  }
  for (const AddedToken& s : specials) {
    if (!p.added.find(s.content)) p.added.add(s, p.model->vocabulary);
  }
  p.added.finish(p.normalizer.get());
}

}  // namespace

std::unique_ptr<Tokenizer::Pipeline> read_vocab_files(const hub::Repo& repo) {
  const Files files(repo);
  const auto vocab = repo.read_if_exists("vocab.txt");
  const std::string family = files.family();
  const bool mpnet = family == "mpnet";
  if (!vocab) {
    fail(ErrorCode::not_found, cat(repo.name(),
                                   ": neither tokenizer.json nor vocab.txt is there; the "
                                   "vocabulary of a '",
                                   family, "' tokenizer comes with a later version"));
  }
  if (!mpnet && family != "bert" && family != "distilbert" && family != "electra" &&
      !family.empty()) {
    fail_unsupported("tokenizer class", family);
  }
  const Names& names = mpnet ? kMpnet : kBert;
  const auto named = [&](std::string_view name, std::string_view fallback) {
    AddedToken t;
    t.content = fallback;
    t.special = true;
    t.lstrip = mpnet && name == "mask_token";
    return files.token(name).value_or(t);
  };
  auto p = std::make_unique<Tokenizer::Pipeline>();
  const AddedToken unk = named("unk_token", names.unk), cls = named("cls_token", names.cls);
  const AddedToken sep = named("sep_token", names.sep), pad = named("pad_token", names.pad);
  p->model = std::make_unique<WordPiece>(read_vocab(*vocab), unk.content, "##", 100);
  auto normalizer = std::make_unique<BertNormalizer>();
  normalizer->lowercase = read_bool(files.config, "do_lower_case", true);
  normalizer->handle_chinese_chars = read_bool(files.config, "tokenize_chinese_chars", true);
  normalizer->strip_accents = read_bool(files.config, "strip_accents", normalizer->lowercase);
  p->normalizer = std::move(normalizer);
  p->pre_tokenizer = std::make_unique<BertPreTokenizer>();
  p->decoder = std::make_unique<WordPieceDecoder>();
  set_template(p->post_processor, cls, sep, mpnet, p->model->vocabulary);
  std::vector<AddedToken> specials{unk, sep, pad, cls, named("mask_token", names.mask)};
  if (mpnet)
    specials.insert(specials.begin(), {named("bos_token", "<s>"), named("eos_token", "</s>")});
  std::erase_if(specials, [&](const AddedToken& t) {
    return t.content == names.mask && p->model->vocabulary.find(t.content) < 0;
  });
  add_tokens(files, specials, *p);
  p->settings.pad_token = pad.content;
  p->settings.pad_id = p->model->vocabulary.find(pad.content);
  p->finish();
  return p;
}

void read_settings(const hub::Repo& repo, Tokenizer::Pipeline& p) {
  const Files files(repo);
  Settings& s = p.settings;
  if (const auto length = files.config["model_max_length"].number()) {
    s.model_max_length = *length > 0 && *length < 1e15 ? static_cast<int64_t>(*length) : 0;
  }
  if (const auto side = files.config["padding_side"].string()) {
    s.padding_side = *side == "left" ? Side::left : Side::right;
  }
  if (const auto side = files.config["truncation_side"].string()) {
    s.truncation_side = *side == "left" ? Side::left : Side::right;
  }
  s.split_special_tokens = read_bool(files.config, "split_special_tokens", false);
  if (const auto unk = files.token("unk_token")) s.unk_token = unk->content;
  s.clean_up_tokenization_spaces = read_bool(files.config, "clean_up_tokenization_spaces", false);
  if (const auto pad = files.token("pad_token")) s.pad_token = pad->content;
  if (!s.pad_token.empty()) {
    const AddedToken* pad = p.added.find(s.pad_token);
    s.pad_id = pad ? pad->id : p.model->vocabulary.find(s.pad_token);
  }
  const Json& names = files.config["model_input_names"];
  if (names.is_array()) {
    s.wants_type_ids =
        std::any_of(names.elements().begin(), names.elements().end(),
                    [](const Json& n) { return n.string() == std::string_view("token_type_ids"); });
    return;
  }
  const std::string family = files.family();
  const std::string_view without[] = {"distilbert", "mpnet", "roberta", "xlmroberta",
                                      "xlm-roberta"};
  s.wants_type_ids = std::find(std::begin(without), std::end(without), family) == std::end(without);
}

}  // namespace tern::text
