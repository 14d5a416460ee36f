// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648): charsmaps of tokenizer.json, tokens of tiktoken and tekken files.
#pragma once

#include <string>
#include <string_view>

namespace tern::text {

/// Padding may be missing. Error corrupt names `where` and the character.
std::string decode_base64(std::string_view base64, std::string_view where);
std::string encode_base64(std::string_view bytes);

}  // namespace tern::text
