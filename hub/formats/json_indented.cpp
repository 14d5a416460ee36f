// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "json.h"

namespace tern::hub {

constexpr size_t kDeepest =
    32;  // levels that are indented: a few brackets must not become a large text

std::string json_indented(const Json& value) {
  const std::string text = value.dump();
  std::string out;
  size_t depth = 0;
  const auto line = [&] { out.append(1, '\n').append(2 * std::min(depth, kDeepest), ' '); };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';
    if (c == '"') {
      size_t end = i + 1;
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? size_t{2} : 1;
      out.append(text, i, end + 1 - i);
      i = end;
      continue;
    }
    const bool empty = closes && i > 0 && (text[i - 1] == '{' || text[i - 1] == '[');
    if (closes) --depth;
    if (closes && !empty) line();
    out += c;
    if (opens) ++depth;
    const bool stays = opens && i + 1 < text.size() && (text[i + 1] == '}' || text[i + 1] == ']');
    if ((opens && !stays) || c == ',') line();
    if (c == ':') out += ' ';
  }
  return out += '\n';
}

}  // namespace tern::hub
