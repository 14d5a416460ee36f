// SPDX-License-Identifier: Apache-2.0
// A tokenizer from a repository without tokenizer.json, as Transformers 5.24 builds it: the class
// (choose.cpp) says which file, the file gives the model, the table (classes.h) the components.
// Repositories of Llama's family whose result depends on the version of Transformers: a
// tokenizer.json, where there is one, is obeyed and none of this is used.
#include "vocab_files.h"

#include <set>

#include "../fields.h"
#include "../subwords/bpe.h"
#include "../subwords/word_level.h"
#include "../subwords/wordpiece.h"
#include "byte_tokens.h"
#include "piece_models.h"
#include "special_tokens.h"
#include "splits.h"

namespace tern::text {

namespace {

using hub::Json;

class Builder {
 public:
  Builder(const hub::Repo& repo, Arguments& arguments, const TokenizerClass& row)
      : repo_(repo),
        arguments_(arguments),
        row_(row),
        specials_(arguments, &row),
        around_{.arguments = arguments} {
    around_.left_padding =
        arguments_["padding_side"].string().value_or(row_.pads_left ? "left" : "") == "left";
    around_.named = [this](std::string_view key) {
      const auto t = specials_.named(key);
      return t ? t->content : std::string();
    };
    around_.id_of = [this](std::string_view text) -> int64_t {
      const AddedToken* t = p_->added.find(text);
      return t ? t->id : p_->model->vocabulary.find(text);
    };
    around_.token_of = [this](int64_t id) {
      const AddedToken* t = p_->added.find(id);
      return t ? t->content : std::string(p_->model->vocabulary.token(id).value_or(""));
    };
  }

  std::unique_ptr<Tokenizer::Pipeline> build() {
    read_model();
    p_->normalizer = parse_normalizer(Json::parse(components_.normalizer, "normalizer"));
    p_->pre_tokenizer =
        parse_pre_tokenizer(Json::parse(components_.pre_tokenizer, "pre_tokenizer"));
    p_->decoder = parse_decoder(Json::parse(components_.decoder, "decoder"));
    add_tokens();
    p_->added.finish(p_->normalizer.get());
    p_->post_processor = parse_post_processor(Json::parse(post(), "post_processor"));
    p_->finish();
    p_->settings.pad_token.clear();  // read_settings knows
    return std::move(p_);
  }

 private:
  void read_model();
  void read_words(const std::string& file);
  void read_characters(const std::string& text, const std::string& where);
  void read_pieces(const std::string& file);
  void use_bytes(const ByteTokens& tokens, const std::string& file);
  void use_row_components();
  void add_tokens();
  void check_in_model() const;
  std::string post() const;
  std::string bos_eos() const;

  const hub::Repo& repo_;
  Arguments& arguments_;
  const TokenizerClass& row_;
  SpecialTokens specials_;
  Surroundings around_;
  SentencePieceModel pieces_;
  Components components_;
  bool from_file_ = false;              // the components are not the row's
  std::vector<std::string> converted_;  // special tokens that the file's converter adds first
  std::unique_ptr<Tokenizer::Pipeline> p_ = std::make_unique<Tokenizer::Pipeline>();
};

/// Files of these names count before the class's own.
void Builder::read_model() {
  for (const char* name : {"tekken.json", "tiktoken.model", "tokenizer.model"}) {
    if (!repo_.exists(name)) continue;
    if (name[1] == 'e') return use_bytes(read_tekken(repo_.read(name), repo_.path(name)), name);
    return read_pieces(name);
  }
  if (!row_.file || !repo_.exists(row_.file)) {
    fail(ErrorCode::not_found,
         cat(repo_.name(), ": neither tokenizer.json nor ",
             row_.file ? cat("the file of ", row_.name, ", ", row_.file) : "tokenizer.model",
             " is there"));
  }
  const std::string file = row_.file;
  if (file.ends_with(".model")) return read_pieces(file);
  read_words(file);
}

void Builder::use_row_components() {
  components_.normalizer =
      component(std::begin(row_.normalizer), std::end(row_.normalizer), "normalizers", around_);
  components_.pre_tokenizer = component(std::begin(row_.pre_tokenizer),
                                        std::end(row_.pre_tokenizer), "pretokenizers", around_);
  components_.decoder =
      component(std::begin(row_.decoder), std::end(row_.decoder), "decoders", around_);
}

void Builder::read_words(const std::string& file) {
  const std::string text = repo_.read(file), where = repo_.path(file);
  use_row_components();
  if (row_.model == ModelKind::word_piece) {
    p_->model = std::make_unique<WordPiece>(read_word_lines(text, where),
                                            around_.named("unk_token"), "##", 100);
    return;
  }
  if (row_.model == ModelKind::characters) return read_characters(text, where);
  if (!repo_.exists(row_.merges)) {
    fail(ErrorCode::not_found,
         cat(repo_.name(), ": ", file, " is there, but ", row_.merges, " is not"));
  }
  const std::string merges = repo_.read(row_.merges);
  BpeConfig config;
  config.vocabulary = read_token_ids(text, where);
  config.merges = read_merge_lines(merges, repo_.path(row_.merges));
  if (row_.bpe_unk) config.unk_token = around_.named("unk_token");
  config.end_of_word_suffix = row_.suffix;
  p_->model = std::make_unique<Bpe>(std::move(config));
}

/// A vocabulary of characters, or one for each language.
void Builder::read_characters(const std::string& text, const std::string& where) {
  if (arguments_.flag("do_lower_case", false)) {
    fail(ErrorCode::unsupported, cat(where, ": do_lower_case of ", row_.name));
  }
  const auto language = arguments_["target_lang"].string();
  Vocabulary words = language ? read_token_ids(Json::parse(text, where)[*language].dump(),
                                               cat(where, ": ", *language))
                              : read_token_ids(text, where);
  p_->model = std::make_unique<WordLevel>(std::move(words), around_.named("unk_token"));
  // The class knows '|' itself.
  std::erase_if(arguments_.own, [](const auto& o) { return o.first == "word_delimiter_token"; });
}

/// SentencePiece; what is not is tiktoken's.
void Builder::read_pieces(const std::string& file) {
  const std::string bytes = repo_.read(file), where = repo_.path(file);
  if (file == "tiktoken.model") return use_bytes(read_tiktoken(bytes, where), file);
  try {
    pieces_ = parse_sentencepiece(bytes, where);
  } catch (const Error& e) {
    try {
      return use_bytes(read_tiktoken(bytes, where), file);
    } catch (const Error& other) {
      fail(ErrorCode::corrupt, cat(e.what(), "; and as a tiktoken file: ", other.what()));
    }
  }
  around_.charsmap = pieces_.charsmap;
  const bool any = row_.own_components;
  if (any) {
    if (pieces_.bos_id >= 0) specials_.usual(0) = pieces_.bos_piece.c_str();
    if (pieces_.eos_id >= 0) specials_.usual(1) = pieces_.eos_piece.c_str();
    if (pieces_.unk_id >= 0) specials_.usual(2) = pieces_.unk_piece.c_str();
    components_ = own_components(row_, pieces_, arguments_);
    from_file_ = true;
  } else {
    use_row_components();
  }
  p_->model = make_model(row_, pieces_, around_);
  std::vector<GivenToken> control;
  for (const SentencePiece& piece : pieces_.pieces) {
    const bool special = piece.type == SentencePiece::control;
    if (!special && piece.type != SentencePiece::user_defined) continue;
    // TokenizersBackend cuts user-defined pieces out by its pre-tokenizer.
    if (!special && (any || row_.user_defined_in_model)) continue;
    GivenToken t;
    t.content = piece.text;
    t.is_text = false;
    t.special = special;
    t.normalized = false;
    control.push_back(std::move(t));
  }
  arguments_.additional = std::move(control);
  // Added tokens are looked for in the text as it is, so that each part gets its own first blank.
  if (any && pieces_.add_dummy_prefix) {
    for (auto& [id, token] : arguments_.listed) token.normalized = false;
  }
}

void Builder::use_bytes(const ByteTokens& tokens, const std::string& file) {
  p_->model = make_model(tokens, repo_.path(file));
  from_file_ = true;
  converted_ = tokens.specials;
  components_.pre_tokenizer =
      cat(R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":)",
          hub::json_quote(tokens.pattern), R"(},"behavior":"Isolated","invert":false},)",
          R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,)",
          R"("use_regex":false}]})");
  components_.decoder = R"({"type":"ByteLevel"})";
  components_.post =
      R"({"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true})";
  if (file == "tekken.json") return;
  // tiktoken's special tokens lie in the files beside it, with place-holders between.
  std::set<std::string> seen;
  const auto first = static_cast<int64_t>(tokens.tokens.size());
  const auto& listed = arguments_.listed;
  const int64_t last = listed.empty() ? 0 : listed.rbegin()->first;
  if (last - first > 1 << 20) {
    fail(ErrorCode::corrupt, cat("tokenizer_config.json: added token ", last, " behind ", first,
                                 " tokens of ", repo_.path(file)));
  }
  for (int64_t id = first; id <= last; ++id) {
    const auto at = listed.find(id);
    converted_.push_back(at == listed.end() ? cat("<|reserved_token_", id, "|>")
                                            : at->second.content);
    seen.insert(converted_.back());
  }
  if (!arguments_.extra) return;
  for (const GivenToken& t : *arguments_.extra) {
    if (!seen.contains(t.content)) converted_.push_back(t.content);
  }
}

void Builder::add_tokens() {
  const auto add = [&](const GivenToken& t) { p_->added.add(t.made(), p_->model->vocabulary); };
  for (const std::string& content : converted_) add({.content = content});
  const std::set<std::string> there(converted_.begin(), converted_.end());
  for (const GivenToken& t : specials_.to_add(arguments_.listed, there)) add(t);
  if (row_.model == ModelKind::characters) {
    const Vocabulary& words = p_->model->vocabulary;
    for (const Vocabulary::Entry& entry : words.entries()) {
      GivenToken t;
      t.content = words.text(entry);
      t.is_text = false;
      t.lstrip = t.rstrip = true;
      t.normalized = false;
      if (count_chars(t.content) > 1) add(t);
    }
  }
  if (!row_.plain_special && !row_.all_special) return;
  const auto again = [&](GivenToken t) {
    if (row_.plain_special) t = {.content = t.content};
    t.special = true;
    add(t);
  };
  for (auto& [name, token] : specials_.all_named()) again(std::move(token));
  for (GivenToken& t : specials_.extra()) again(std::move(t));
}

std::string Builder::bos_eos() const {
  const bool bos = arguments_.flag("add_bos_token", row_.add_bos) && specials_.named("bos_token");
  const bool eos = arguments_.flag("add_eos_token", false) && specials_.named("eos_token");
  const std::string single = cat(bos ? "bos:0 " : "", "A:0", eos ? " eos:0" : "");
  return template_json(single, cat(single, bos ? " bos:1" : "", " B:1", eos ? " eos:1" : ""),
                       around_);
}

/// ALBERT asks for its tokens before it adds any.
void Builder::check_in_model() const {
  for (const char* key : {"cls_token", "sep_token"}) {
    const std::string text = around_.named(key);
    if (p_->model->vocabulary.find(text) >= 0) continue;
    fail(ErrorCode::corrupt,
         cat(repo_.name(), ": the vocabulary of ", row_.name, " has no '", text, "'"));
  }
}

std::string Builder::post() const {
  const bool asked = arguments_.has("add_bos_token") || arguments_.has("add_eos_token");
  if (row_.early_post && (asked || from_file_)) return bos_eos();
  if (row_.post) return filled(row_.post, around_);
  for (const Frame& frame : row_.frames) {
    if (frame.single && row_.early_post) check_in_model();
    if (frame.single && holds(frame.when, around_)) {
      return template_json(frame.single, frame.pair, around_);
    }
  }
  return components_.post.empty() || asked || row_.add_bos ? bos_eos() : components_.post;
}

}  // namespace

std::unique_ptr<Tokenizer::Pipeline> read_vocab_files(const hub::Repo& repo, Arguments& arguments,
                                                      const TokenizerClass& row) {
  return Builder(repo, arguments, row).build();
}

}  // namespace tern::text
