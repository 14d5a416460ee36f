// SPDX-License-Identifier: Apache-2.0
// BertScan: BertNormalizer, BertPreTokenizer and WordPiece in one pass over the text, with the
// result of the separate stages. ASCII runs of letters and digits are found with the byte masks of
// kernels/text; words of up to 16 bytes that are whole tokens need one table lookup.
#pragma once

#include <limits>

#include "normalizers/bert_chars.h"
#include "post_processors/post_processors.h"
#include "subwords/wordpiece.h"

namespace tern::text {

class BertScan {
 public:
  BertScan(const BertNormalizer& rules, const WordPiece& model);

  /// Where the tokens go: ids always, the rest according to `detail`.
  struct Output {
    std::vector<int64_t>& ids;
    Encoding* details;  // null for Detail::ids
    Detail detail;
    int32_t first_char;  // of the text in the original
    int32_t& word;       // number of the next word
    size_t limit;        // scanning may stop when ids has this many
  };

  /// Appends the tokens of `text`, which is valid UTF-8. False when it holds a character whose
  /// treatment needs the stages; then what was appended is to be thrown away.
  bool scan(std::string_view text, const Output& out) const;

  const WordPiece& model() const noexcept { return model_; }

 private:
  template <bool kDetails>
  friend class BertScanRun;
  enum ByteKind : uint8_t { kWordByte, kBlankByte, kAloneByte, kOtherByte };

  const WordPiece& model_;
  BertChars chars_;
  std::array<ByteKind, 256> kinds_;
  std::array<int32_t, 128> alone_ids_;  // of ASCII punctuation; -1 unknown
  bool lowercase_;
  size_t max_fast_;  // bytes of a word that the table may answer
};

}  // namespace tern::text
