// SPDX-License-Identifier: Apache-2.0
// A repository's tokenizer: from tokenizer.json, else from the vocabulary that its class reads;
// then what the files beside that say about tokens and calls. The components of a tokenizer.json
// are obeyed even where Transformers builds those of the class in their place. A side file that is
// damaged is an Error, as it is there.
#include <algorithm>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../chat_template_files.h"
#include "special_tokens.h"
#include "vocab_files.h"

namespace tern::text {

namespace {

constexpr size_t kPad = 4;                          // in kTokenNames
constexpr uint64_t kLargest = uint64_t{512} << 20;  // as for other texts of a repository

GivenToken given(const AddedToken& t) {
  return {.content = t.content,
          .is_text = false,
          .single_word = t.single_word,
          .lstrip = t.lstrip,
          .rstrip = t.rstrip,
          .special = t.special,
          .normalized = t.normalized};
}

/// Gives a tokenizer from tokenizer.json the special tokens that it lacks, and those that the files
/// list as they are there. Transformers counts on for new ones, whatever ids the files say.
void add_missing(const Arguments& a, const SpecialTokens& specials, Tokenizer::Pipeline& p) {
  std::map<int64_t, GivenToken> listed = a.listed;
  std::set<std::string> there;
  for (const AddedToken& t : p.added.tokens()) {
    there.insert(t.content);
    // Where there is no added_tokens_decoder, tokenizer.json's are taken for it.
    if (!a.config().contains("added_tokens_decoder")) listed[t.id] = given(t);
  }
  std::vector<AddedToken> adding;
  bool changed = false;
  for (const GivenToken& t : specials.to_add(listed, std::move(there))) {
    adding.push_back(t.made());
    const AddedToken* old = p.added.find(t.content);
    changed = changed || !old || given(*old) != given(adding.back());
  }
  if (!changed) return;
  AddedTokens all;
  for (const AddedToken& t : p.added.tokens()) all.add(t, p.model->vocabulary);
  for (AddedToken& t : adding) all.add(std::move(t), p.model->vocabulary);
  all.finish(p.normalizer.get());
  p.added = std::move(all);
}

Side read_side(const Arguments& a, std::string_view key, Side usual) {
  if (!a.has(key)) return usual;
  const std::string_view side = a[key].string().value_or("");
  if (side == "left") return Side::left;
  if (side == "right") return Side::right;
  fail(ErrorCode::corrupt, cat("tokenizer_config.json: '", key,
                               "' must be \"left\" or \"right\", found ", a[key].dump()));
}

int64_t read_max_length(const Arguments& a, int64_t usual) {
  const hub::Json& value = a["model_max_length"];
  if (value.is_null()) return usual;
  const auto length = value.number();
  if (!length) {
    fail(ErrorCode::corrupt,
         cat("tokenizer_config.json: 'model_max_length' must be a number, found ", value.dump()));
  }
  return *length > 0 && *length < 1e15 ? static_cast<int64_t>(*length) : 0;
}

/// As Python sees a value of any kind.
bool is_true(const hub::Json& value) {
  if (value.is_number()) return *value.number() != 0;
  if (value.is_string()) return !value.string()->empty();
  return value.boolean().value_or(!value.elements().empty() || !value.members().empty());
}

void read_settings(const Arguments& a, const TokenizerClass* row, const SpecialTokens& specials,
                   Tokenizer::Pipeline& p) {
  Settings& s = p.settings;
  s.model_max_length = read_max_length(a, row ? row->max_length : 0);
  if (row && row->pads_left && !p.padding) s.padding_side = Side::left;
  if (row && row->pad_type != 0) s.pad_type_id = row->pad_type;
  s.padding_side = read_side(a, "padding_side", s.padding_side);
  s.truncation_side = read_side(a, "truncation_side", s.truncation_side);
  s.split_special_tokens = a.flag("split_special_tokens", false);
  s.clean_up_tokenization_spaces = is_true(a["clean_up_tokenization_spaces"]);
  if (const auto unk = specials.named("unk_token")) s.unk_token = unk->content;
  const auto pad = specials.named("pad_token");
  if (pad || a.has("pad_token")) s.pad_token = pad ? pad->content : "";
  const AddedToken* token = s.pad_token.empty() ? nullptr : p.added.find(s.pad_token);
  s.pad_id = token ? token->id : -1;
  const hub::Json& names = a["model_input_names"];
  if (names.is_array()) {
    s.wants_type_ids = std::any_of(
        names.elements().begin(), names.elements().end(),
        [](const hub::Json& n) { return n.string() == std::string_view("token_type_ids"); });
  } else if (row) {
    s.wants_type_ids = row->type_ids;
  }
}

}  // namespace

std::unique_ptr<Tokenizer::Pipeline> read_repository(const hub::Repo& repo) {
  Arguments arguments(repo);
  StorageRef json;
  if (repo.exists("tokenizer.json")) {
    if (repo.size("tokenizer.json") > kLargest) repo.read("tokenizer.json");  // refuses it
    json = repo.map("tokenizer.json");
  }
  const TokenizerClass* row =
      json ? find_class(arguments) : &choose_class(arguments, repo.exists("vocab.txt"));
  SpecialTokens specials(arguments, row);
  std::unique_ptr<Tokenizer::Pipeline> p;
  std::string pad;
  if (json) {
    const std::string_view text(reinterpret_cast<const char*>(json->data()), json->size());
    p = Tokenizer::Pipeline::parse(text, repo.path("tokenizer.json"));
    if (p->padding && !specials.usual(kPad)) {
      pad = p->padding->pad_token;
      specials.usual(kPad) = pad.c_str();
    }
    add_missing(arguments, specials, *p);
    p->finish();
  } else {
    p = read_vocab_files(repo, arguments, *row);
  }
  read_settings(arguments, row, specials, *p);
  p->chat = ChatTemplate::from_files(read_chat_files(repo, arguments, specials));
  p->repo = repo;
  if (row) p->class_name = row->name;
  return p;
}

}  // namespace tern::text
