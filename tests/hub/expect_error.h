// SPDX-License-Identifier: Apache-2.0
// What every hostile-input table of tests/hub checks: the code and a part of the message.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "../../engine/base/error.h"

namespace tern::test {

template <class Call>
void expect_error(Call call, ErrorCode code, std::string_view part) {
  CAPTURE(std::string(to_string(code)));
  CAPTURE(std::string(part));
  try {
    call();
    FAIL_CHECK("no error");
  } catch (const Error& error) {
    CAPTURE(std::string(error.what()));
    CHECK(error.code() == code);
    CHECK(std::string_view(error.what()).find(part) != std::string_view::npos);
  }
}

/// A line of such a table.
struct BadBytes {
  std::string bytes;
  ErrorCode code;
  std::string_view part;
};

template <class Parse>
void expect_errors(const std::vector<BadBytes>& rows, Parse parse) {
  for (const BadBytes& row : rows) {
    CAPTURE(row.bytes.substr(0, 200));
    expect_error([&] { parse(row.bytes); }, row.code, row.part);
  }
}

}  // namespace tern::test
