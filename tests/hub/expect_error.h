// SPDX-License-Identifier: Apache-2.0
// What every hostile-input table of tests/hub checks: the code and a part of the message.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>

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

}  // namespace tern::test
