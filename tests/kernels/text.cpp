// SPDX-License-Identifier: Apache-2.0
// Byte classes: every variant against the definition, for every byte at every place of a block.

#include "../../kernels/text/text.h"

#include <vector>

#include "buffers.h"

using namespace tern::kernels;
using namespace tern::test;

TEST_CASE(
    "byte classes of every variant are those of the definition, for every byte at every place") {
  const TextTable& definition = text_variants().best(Isa::generic);
  for_each_variant(text_variants(), [&](const TextTable& table) {
    for (const int64_t blocks : {1, 3}) {
      GuardedBuffer<uint8_t> text(blocks * 64);
      for (int shift = 0; shift < 256; ++shift) {
        for (int64_t i = 0; i < text.size(); ++i) text[i] = static_cast<uint8_t>(i * 5 + shift);
        uint64_t word[3] = {}, blank[3] = {}, expected_word[3] = {}, expected_blank[3] = {};
        table.classify(text.data(), blocks, word, blank);
        definition.classify(text.data(), blocks, expected_word, expected_blank);
        for (int b = 0; b < 3; ++b) {
          CHECK(word[b] == expected_word[b]);
          CHECK(blank[b] == expected_blank[b]);
        }
      }
    }
  });
}

TEST_CASE("byte classes: letters and digits are words, four characters are blanks") {
  const TextTable& table = text_variants().best(hardware_isa());
  std::vector<uint8_t> text(256);
  for (size_t i = 0; i < 256; ++i) text[i] = static_cast<uint8_t>(i);
  uint64_t word[4], blank[4];
  table.classify(text.data(), 4, word, blank);
  for (unsigned c = 0; c < 256; ++c) {
    CAPTURE(c);
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    CHECK((word[c / 64] >> (c % 64) & 1) == (letter ? 1 : 0));
    CHECK((blank[c / 64] >> (c % 64) & 1) == (c == ' ' || c == 9 || c == 10 || c == 13 ? 1 : 0));
  }
}
