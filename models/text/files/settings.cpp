// SPDX-License-Identifier: Apache-2.0
// What the files beside a vocabulary or a tokenizer.json say about calls.
#include <algorithm>

#include "../pipeline.h"
#include "classes.h"

namespace tern::text {

namespace {

/// The token that the files name, else the class's.
std::string named(const Arguments& a, const TokenizerClass* row, size_t which) {
  const auto t = a.named(kTokenNames[which], std::nullopt);
  if (t) return t->content;
  const bool silent = row && row->tokens[which] && !a.has(kTokenNames[which]);
  return silent ? row->tokens[which] : "";
}

}  // namespace

void read_settings(const hub::Repo& repo, Tokenizer::Pipeline& p) {
  const Arguments a(repo);
  const TokenizerClass* row = find_class(a);
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
  if (std::string unk = named(a, row, 2); !unk.empty()) s.unk_token = std::move(unk);
  if (std::string pad = named(a, row, 4); !pad.empty()) s.pad_token = std::move(pad);
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

}  // namespace tern::text
