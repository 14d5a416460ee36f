// SPDX-License-Identifier: Apache-2.0
// Pre-tokenizers: the second stage. Each cuts pieces of a normalized text into smaller ones; a
// piece that survives to the end is tokenized by the model on its own.
#pragma once

#include <memory>
#include <vector>

#include "../../../hub/formats/json.h"
#include "../normalizers/normalized.h"

namespace tern::text {

/// Bytes [begin, end) of Normalized::text.
struct Piece {
  size_t begin, end;
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  /// Replaces `pieces` by finer ones in order; none is empty.
  virtual void split(Normalized& text, std::vector<Piece>& pieces) const = 0;
};

/// What becomes of the characters that delimit.
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// White space vanishes, each punctuation character stands alone.
struct BertPreTokenizer final : PreTokenizer {
  void split(Normalized& text, std::vector<Piece>& pieces) const override;
};

/// \w+|[^\w\s]+
struct WhitespacePreTokenizer final : PreTokenizer {
  void split(Normalized& text, std::vector<Piece>& pieces) const override;
};

/// One class of characters delimits.
struct ClassPreTokenizer final : PreTokenizer {
  enum class Kind { white_space, punctuation, numeric, one_char } kind = Kind::white_space;
  SplitBehavior behavior = SplitBehavior::removed;
  char32_t delimiter = 0;  // for one_char
  void split(Normalized& text, std::vector<Piece>& pieces) const override;
};

struct PreTokenizerSequence final : PreTokenizer {
  std::vector<std::unique_ptr<PreTokenizer>> steps;
  void split(Normalized& text, std::vector<Piece>& pieces) const override;
};

/// The "pre_tokenizer" member of tokenizer.json; null gives nullptr. unsupported names the type.
std::unique_ptr<PreTokenizer> parse_pre_tokenizer(const hub::Json& json, int depth = 0);

}  // namespace tern::text
