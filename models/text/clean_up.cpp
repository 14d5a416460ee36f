// SPDX-License-Identifier: Apache-2.0
// The rules one after the other, each in one pass; see clean_up.h.
#include "clean_up.h"

#include <utility>

#include "unicode/utf8.h"

namespace tern::text {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  if (from.empty()) {
    std::string out(to);
    for (size_t i = 0; i < text.size();) {
      const size_t size = utf8_length(text[i]);
      out.append(text, i, size).append(to);
      i += size;
    }
    text.swap(out);
    return;
  }
  size_t found = text.find(from);
  if (found == std::string::npos) return;
  std::string out;
  size_t done = 0;
  for (; found != std::string::npos; found = text.find(from, done)) {
    out.append(text, done, found - done).append(to);
    done = found + from.size();
  }
  text = out.append(text, done, std::string::npos);
}

void clean_up(std::string& text, bool do_not) {
  static constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules) {
    if (do_not || from != " do not") replace_all(text, from, to);
  }
}

}  // namespace tern::text
