// SPDX-License-Identifier: Apache-2.0
#include "slices.h"

#include <algorithm>

namespace tern::cli {

namespace {

bool blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\v\f") == text.npos;
}

}  // namespace

void for_each_slice(LineSource& source, BlankLines blank_lines, ProgressBar& bar,
                    const std::function<void(const Slice&)>& call) {
  constexpr size_t kSlice = 512;
  Lines lines;
  Slice slice;
  uint64_t number = 0;
  while (source.take(lines)) {
    for (size_t begin = 0; begin < lines.size(); begin += kSlice) {
      slice.texts.clear();
      slice.numbers.clear();
      uint64_t bytes = 0;
      for (size_t i = begin; i < std::min(begin + kSlice, lines.size()); ++i) {
        ++number;
        bytes += lines[i].size() + 1;
        if (blank_lines == BlankLines::skip && blank(lines[i])) continue;
        slice.texts.push_back(lines[i]);
        slice.numbers.push_back(number);
      }
      bar.begin(slice.texts.size(), bytes);
      if (!slice.texts.empty()) call(slice);
      bar.end();
    }
  }
}

}  // namespace tern::cli
