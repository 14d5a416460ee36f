// SPDX-License-Identifier: Apache-2.0
// The rules one after the other, each in one pass; see clean_up.h.
#include "clean_up.h"

#include <string_view>
#include <utility>

namespace tern::text {

namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
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

}  // namespace

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
