// SPDX-License-Identifier: Apache-2.0
// Decorators of test cases that a build without a library skips: NeedsRegex without PCRE2
// (-Dregex=disabled; the test "without PCRE2 …" of such a build names them), NeedsHub without
// libcurl (-Dhub=disabled).
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

struct NeedsHub {
  void fill([[maybe_unused]] doctest::detail::TestCase& test) const {
#ifndef TERN_HAS_CURL
    test.m_skip = true;
#endif
  }
};

}  // namespace tern::test
