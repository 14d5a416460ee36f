// SPDX-License-Identifier: Apache-2.0
// The lines of a source in slices: large enough to be sorted by length with profit, small enough
// that progress is seen. The views are valid during the call only.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "lines.h"
#include "progress.h"

namespace tern::cli {

struct Slice {
  std::vector<std::string_view> texts;
  std::vector<uint64_t> numbers;  // of the lines, counted from 1
};

enum class BlankLines { keep, skip };

void for_each_slice(LineSource& source, BlankLines blank_lines, ProgressBar& bar,
                    const std::function<void(const Slice&)>& call);

}  // namespace tern::cli
