// SPDX-License-Identifier: Apache-2.0
// A repository's tokenizer: from tokenizer.json, else from the vocabulary that its class reads;
// then what the files beside that say about calls.
#include <algorithm>

#include "special_tokens.h"
#include "vocab_files.h"

namespace tern::text {

namespace {

void read_settings(const Arguments& a, const TokenizerClass* row, Tokenizer::Pipeline& p) {
  const SpecialTokens specials(a, row);
  Settings& s = p.settings;
  if (row) s.model_max_length = row->max_length;
  if (const auto length = a["model_max_length"].number()) {
    s.model_max_length = *length > 0 && *length < 1e15 ? static_cast<int64_t>(*length) : 0;
  }
  if (row && row->pads_left && !p.padding) s.padding_side = Side::left;
  if (row && row->pad_type != 0) s.pad_type_id = row->pad_type;
  if (const auto side = a["padding_side"].string()) {
    s.padding_side = *side == "left" ? Side::left : Side::right;
  }
  if (const auto side = a["truncation_side"].string()) {
    s.truncation_side = *side == "left" ? Side::left : Side::right;
  }
  s.split_special_tokens = a.flag("split_special_tokens", false);
  s.clean_up_tokenization_spaces = a.flag("clean_up_tokenization_spaces", false);
  if (const auto unk = specials.named("unk_token")) s.unk_token = unk->content;
  if (const auto pad = specials.named("pad_token")) s.pad_token = pad->content;
  if (!s.pad_token.empty()) {
    const AddedToken* pad = p.added.find(s.pad_token);
    s.pad_id = pad ? pad->id : p.model->vocabulary.find(s.pad_token);
    // A class's token that tokenizer.json lacks.
    if (s.pad_id < 0) s.pad_token.clear();
  }
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
  std::unique_ptr<Tokenizer::Pipeline> p;
  const TokenizerClass* row;
  if (const auto json = repo.read_if_exists("tokenizer.json")) {
    row = find_class(arguments);
    p = Tokenizer::Pipeline::parse(*json, repo.path("tokenizer.json"));
  } else {
    row = &choose_class(arguments, repo.exists("vocab.txt"));
    p = read_vocab_files(repo, arguments, *row);
  }
  read_settings(arguments, row, *p);
  return p;
}

}  // namespace tern::text
