// SPDX-License-Identifier: Apache-2.0
// NeedsRegex: a decorator of test cases that a build without PCRE2 (-Dregex=disabled) skips; the
// test "without PCRE2 …" of such a build names them.
#pragma once

#include <doctest/doctest.h>

#include <vector>

namespace tern::test {

/// Names of the test cases that are skipped for want of PCRE2.
inline std::vector<const char*>& skipped_without_regex() {
  static std::vector<const char*> names;
  return names;
}

struct NeedsRegex {
  void fill([[maybe_unused]] doctest::detail::TestCase& test) const {
#ifndef TERN_HAS_PCRE2
    test.m_skip = true;
    skipped_without_regex().push_back(test.m_name);
#endif
  }
};

}  // namespace tern::test
