// SPDX-License-Identifier: Apache-2.0
// Lower case of a text, character by character, as do_lower_case of sentence_bert_config.json asks.
#pragma once

#include <string>
#include <string_view>

namespace tern {

/// Ill-formed UTF-8 becomes U+FFFD.
std::string lower_case(std::string_view text);

}  // namespace tern
