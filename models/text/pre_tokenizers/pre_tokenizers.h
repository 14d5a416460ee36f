// SPDX-License-Identifier: Apache-2.0
// Pre-tokenizers: the second stage. Each cuts pieces of a normalized text into smaller ones; a
// piece that survives to the end is tokenized by the model on its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../../../hub/formats/json.h"
#include "../normalizers/normalized.h"
#include "../regex/scanner_chain.h"
#include "../text_pattern.h"

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
  /// split() may change the text: it then holds nothing but the pieces.
  virtual bool rewrites() const { return false; }
  /// What becomes of a piece depends on where the original text begins: of a normalized text the
  /// origins are needed.
  virtual bool needs_origins() const { return false; }
  /// Adds what cuts a text as this does, which may refer to this, when cutting is all it does.
  /// False when it is not, or when no scanner does it.
  virtual bool add_scanner(ScannerChain&) const { return false; }
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
  bool add_scanner(ScannerChain& chain) const override;
};

/// Where a literal text or a regular expression matches (with `invert`: between the matches) stand
/// the delimiters.
struct SplitPreTokenizer final : PreTokenizer {
  TextPattern pattern;
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;
  void split(Normalized& text, std::vector<Piece>& pieces) const override;
  bool add_scanner(ScannerChain& chain) const override;
};

/// Every byte becomes a printable character; with a regex, after GPT-2's pattern has split.
struct ByteLevelPreTokenizer final : PreTokenizer {
  bool add_prefix_space = true;
  std::unique_ptr<const Regex> regex;  // may be null
  void split(Normalized& text, std::vector<Piece>& pieces) const override;
  bool rewrites() const override { return true; }
};

/// A blank becomes `replacement`, one is prepended by `scheme` unless one stands there, and with
/// `cuts` each begins a piece.
struct MetaspacePreTokenizer final : PreTokenizer {
  enum class Scheme { always, first, never } scheme = Scheme::always;
  std::string replacement;
  bool cuts = true;
  void split(Normalized& text, std::vector<Piece>& pieces) const override;
  bool rewrites() const override { return true; }
  bool needs_origins() const override { return scheme == Scheme::first; }
};

/// Cuts where the script changes.
struct UnicodeScriptsPreTokenizer final : PreTokenizer {
  void split(Normalized& text, std::vector<Piece>& pieces) const override;
};

/// Pieces of `length` characters, the last one shorter.
struct FixedLengthPreTokenizer final : PreTokenizer {
  size_t length = 5;
  void split(Normalized& text, std::vector<Piece>& pieces) const override;
};

struct PreTokenizerSequence final : PreTokenizer {
  std::vector<std::unique_ptr<PreTokenizer>> steps;
  void split(Normalized& text, std::vector<Piece>& pieces) const override;
  bool rewrites() const override;
  bool needs_origins() const override;
};

/// The "pre_tokenizer" member of tokenizer.json; null gives nullptr. unsupported names the type.
std::unique_ptr<PreTokenizer> parse_pre_tokenizer(const hub::Json& json, int depth = 0);

}  // namespace tern::text
