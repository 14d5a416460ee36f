// SPDX-License-Identifier: Apache-2.0
// Extended grapheme clusters (UAX 29, Unicode 17): what a reader takes for one character.
#pragma once

#include <cstddef>
#include <string_view>

namespace tern::text {

/// The end of the cluster that begins at byte `from` < text.size() of valid text.
size_t grapheme_end(std::string_view text, size_t from) noexcept;

}  // namespace tern::text
