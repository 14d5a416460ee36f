// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tern::jinja {

/// What stands between the quotes of a string literal, with Python's escapes resolved. A lone
/// surrogate (\ud800), which Python's str could hold, becomes U+FFFD. Errors name the line.
std::string unescape(std::string_view body, int line);

}  // namespace tern::jinja
