// SPDX-License-Identifier: Apache-2.0
// From the table's short notation to the JSON of tokenizer.json.
//
// Components hold places: @key=default@ is the files' value of key (as JSON) or the default,
// @?key=default?yes:no@ one of two texts by a flag, @charsmap@ the charsmap in base64, @llama@
// Llama's prepend scheme, @"sep@ a named token's text and @#sep@ its text and id.
// Frames are items "reference:type" between blanks: A and B the sequences, "cls" a named token,
// '.' a token by its text, $key=default the token that the files name ($!key=default: shown
// as named, even when that is unknown), and before any of them
// "label=", which is shown in place of the token.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "classes.h"

namespace tern::text {

/// What places and frames refer to.
struct Surroundings {
  const Arguments& arguments;
  std::string_view charsmap = {};  // bytes
  bool left_padding = false;
  /// The text of "cls_token" …; empty when there is none.
  std::function<std::string(std::string_view)> named = {};
  /// -1 when there is no such token.
  std::function<int64_t(std::string_view)> id_of = {};
  std::function<std::string(int64_t)> token_of = {};
};

bool holds(const char* when, const Surroundings& around);
std::string filled(std::string_view json, const Surroundings& around);
/// null, the one component, or a Sequence with `member` ("normalizers" …).
std::string sequence(std::string_view member, const std::vector<std::string>& components);
/// The component that the steps which hold make.
std::string component(const Step* begin, const Step* end, std::string_view member,
                      const Surroundings& around);
std::string template_json(std::string_view single, std::string_view pair,
                          const Surroundings& around);

}  // namespace tern::text
