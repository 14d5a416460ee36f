// SPDX-License-Identifier: Apache-2.0
// See random_text.h.
#include "random_text.h"

#include <algorithm>

#include "../../../models/text/unicode/properties.h"
#include "../../../models/text/unicode/unicode.h"
#include "../../../models/text/unicode/utf8.h"

namespace tern::test {

namespace {

using namespace tern::text;

constexpr char32_t kEnd = 0x110000;

bool is_surrogate(char32_t c) {
  return c >= 0xD800 && c < 0xE000;
}

std::vector<char32_t> find_boundaries() {
  std::vector<char32_t> out;
  const auto add = [&](char32_t begin) {
    if (begin == 0 || begin >= kEnd) return;
    for (const char32_t c : {static_cast<char32_t>(begin - 1), begin}) {
      if (!is_surrogate(c)) out.push_back(c);
    }
  };
  for (const auto& runs : {category_runs(), script_runs(), derived_runs()}) {
    for (const PropertyRun& run : runs) add(run.begin);
  }
  for (char32_t c = 1; c < kEnd; ++c) {
    if (joined_script(c) != joined_script(c - 1)) add(c);
  }
  for (const Folding& f : foldings()) out.push_back(f.c);
  return out;
}

}  // namespace

const std::vector<char32_t>& class_boundaries() {
  static const std::vector<char32_t> all = find_boundaries();
  return all;
}

RandomText::RandomText(const Tokenizer::Pipeline& pipeline, uint32_t seed)
    : pipeline_(pipeline), random_(seed) {}

char32_t RandomText::code_point() {
  switch (below(6)) {
    case 0:
    case 1:
      return static_cast<char32_t>(below(0x80));
    case 2:
      return static_cast<char32_t>(below(0x800));
    case 3:
      return class_boundaries()[below(class_boundaries().size())];
    default: {
      const auto c = static_cast<char32_t>(below(below(2) ? 0x10000 : kEnd));
      return is_surrogate(c) ? U'\uFFFD' : c;
    }
  }
}

std::string RandomText::part() {
  static const char* const kBlanks[] = {" ",  " ",    "  ",     "   ",    "\n",     "\n\n",
                                        "\t", "\r\n", "\u00a0", "\u3000", "\u2028", "\u200b"};
  const auto& entries = pipeline_.model->vocabulary.entries();
  const auto& added = pipeline_.added.tokens();
  std::string out;
  switch (below(8)) {
    case 0:
    case 1:
      for (size_t n = 1 + below(4); n > 0; --n) append_char(out, code_point());
      return out;
    case 2:
      return kBlanks[below(std::size(kBlanks))];
    case 3:
      for (size_t n = 1 + below(4); n > 0; --n) out += static_cast<char>(below(256));
      return out;
    case 4:
      return added.empty() ? out : added[below(added.size())].content;
    case 5:
      out = pipeline_.model->vocabulary.text(entries[below(entries.size())]);
      break;
    default:
      out = pipeline_.decode(std::vector<int64_t>{entries[below(entries.size())].id}, false);
  }
  if (below(8) == 0) out = out.substr(below(out.size() + 1), below(out.size() + 1));
  return below(3) == 0 ? " " + out : out;
}

std::string RandomText::operator()() {
  std::string out;
  size_t parts = below(12);
  if (below(200) == 0) parts *= 30;
  for (; parts > 0; --parts) {
    const std::string p = part();
    const size_t times = below(24) == 0 ? 1 + below(60) : 1;
    for (size_t i = 0; i < times; ++i) out += p;
  }
  return out;
}

std::string RandomText::valid() {
  std::string scratch;
  return std::string(valid_utf8((*this)(), scratch));
}

}  // namespace tern::test
