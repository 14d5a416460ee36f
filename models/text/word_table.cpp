// SPDX-License-Identifier: Apache-2.0
// Filling the table of short words; see word_table.h.
#include "word_table.h"

#include <bit>

namespace tern::text {

WordTable::WordTable(const Vocabulary& vocabulary) {
  const size_t capacity = std::bit_ceil(vocabulary.size() * 3 / 2 + 2);
  slots_.resize(capacity);
  mask_ = capacity - 1;
  shift_ = 64 - static_cast<int>(std::bit_width(mask_));
  seed_ = random_seed();
  for (const Vocabulary::Entry& e : vocabulary.entries()) {
    const std::string_view text = vocabulary.text(e);
    if (text.empty() || text.size() > 16 || text.find('\0') != std::string_view::npos) continue;
    char bytes[16] = {};
    text.copy(bytes, text.size());
    const ShortWord word = ShortWord::load(bytes, text.size());
    size_t i = slot_of(word);
    while (slots_[i].id >= 0) i = (i + 1) & mask_;
    slots_[i] = {word, e.id};
  }
}

}  // namespace tern::text
