// SPDX-License-Identifier: Apache-2.0
// IdWriter: appends the ids of a text's words. The vector is longer than what is written until the
// end, so that not each id asks for room.
#pragma once

#include <algorithm>
#include <vector>

#include "subwords/text_model.h"
#include "word_tokens.h"

namespace tern::text {

class IdWriter {
 public:
  /// `text`: its bytes.
  IdWriter(std::vector<int64_t>& ids, size_t text)
      : ids_(ids), count_(ids.size()), step_(std::clamp<size_t>(text / 2, 32, 512)) {}
  IdWriter(const IdWriter&) = delete;
  IdWriter& operator=(const IdWriter&) = delete;
  ~IdWriter() { ids_.resize(count_); }

  size_t count() const noexcept { return count_; }
  void add(const WordTokens& tokens) {
    int64_t* const to = room(WordTokens::kMost);
    // Most words have two or fewer.
    to[0] = tokens.ids[0];
    to[1] = tokens.ids[1];
    for (uint32_t i = 2; i < tokens.count; ++i) to[i] = tokens.ids[i];
    count_ += tokens.count;
  }
  void add(const ModelTokens& tokens) {
    int64_t* to = room(tokens.size());
    for (const ModelToken& t : tokens) *to++ = t.id;
    count_ += tokens.size();
  }
  /// While others append.
  void beside(const auto& append) {
    ids_.resize(count_);
    append();
    count_ = ids_.size();
  }

 private:
  int64_t* room(size_t most) {
    if (ids_.size() - count_ < most) lengthen(std::max(most, step_));
    return ids_.data() + count_;
  }
  void lengthen(size_t by) {
    const size_t size = count_ + by;
    make_room(ids_, size - ids_.size());
    ids_.resize(size);
  }

  std::vector<int64_t>& ids_;
  size_t count_, step_;
};

}  // namespace tern::text
