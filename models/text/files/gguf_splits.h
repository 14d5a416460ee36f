// SPDX-License-Identifier: Apache-2.0
// Pre-tokenizers by their name in tokenizer.ggml.pre.
#pragma once

#include <string_view>

namespace tern::text {

/// The regular expression that cuts a text into pieces; empty: GPT-2's.
std::string_view gguf_split(std::string_view pre) noexcept;

}  // namespace tern::text
