// SPDX-License-Identifier: Apache-2.0
// Post-processors: the fourth stage. Special tokens around one or two sequences, types, and offsets
// without white space. Overflowing windows are treated as their sequence is.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "../../../hub/formats/json.h"
#include "../encoding.h"

namespace tern::text {

/// What a caller wants to know of each token; each level includes those before.
enum class Detail { ids, offsets, tokens };

/// One element of a template: special tokens (`ids`), or sequence 0 or 1.
struct TemplatePiece {
  int sequence = -1;  // -1: special tokens
  int64_t type_id = 0;
  std::vector<int64_t> ids;
  std::vector<std::string> tokens;
};

using Template = std::vector<TemplatePiece>;

struct PostProcessor {
  /// Without a template: the sequences in order, of types 0 and 1.
  std::optional<Template> single, pair;
  /// RoBERTa: every type is 0 (in overflowing windows, when special tokens are added).
  bool all_types_zero = false;
  /// One pass for each processor that cuts white space at a token's ends off its offsets; the value
  /// is that processor's add_prefix_space.
  std::vector<bool> trims;

  /// Number of special tokens for one sequence (two).
  int64_t added(bool is_pair) const noexcept;
  /// The whole encoding. `second` may be null.
  Encoding process(Encoding first, Encoding* second, bool add_special_tokens, Detail detail) const;
};

/// The "post_processor" member of tokenizer.json; null is an empty one. unsupported names the type.
PostProcessor parse_post_processor(const hub::Json& json);

}  // namespace tern::text
