// SPDX-License-Identifier: Apache-2.0
// Whether the time of something grows as its text does.
#pragma once

#include <functional>
#include <string_view>

namespace tern::test {

/// Whether `run` takes at most 2.3 times as long (and 1 ms, for the clock) for `twice` as for
/// `once`, a text of half the length. Both are run in turn, up to 180 times, and the best of each
/// counts: other programs only ever make them longer. Memory freed meanwhile stays with the
/// process.
bool linear_time(const std::function<void(std::string_view)>& run, std::string_view once,
                 std::string_view twice);

}  // namespace tern::test
