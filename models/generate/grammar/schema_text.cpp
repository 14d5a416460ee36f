// SPDX-License-Identifier: Apache-2.0
#include "schema_text.h"

#include <algorithm>
#include <map>

#include "../../../engine/base/format.h"
#include "../../text/unicode/utf8.h"

namespace tern::grammar {

namespace {

constexpr int64_t kMostTimes = 1 << 16;

std::string hex(char32_t c, int digits) {
  std::string out;
  for (int i = digits - 1; i >= 0; --i) out += "0123456789ABCDEF"[c >> (4 * i) & 15];
  return out;
}

std::string any_digits(size_t count) {
  return count == 0 ? "" : count == 1 ? " [0-9]" : cat(" [0-9]{", count, "}");
}

/// Strings of digits from low to high, both of one length.
std::string digits(std::string_view low, std::string_view high) {
  const size_t rest = low.size() - 1;
  const std::string nines(rest, '9'), zeros(rest, '0');
  const auto of = [&](char a, char b) {
    return a == b ? cat("\"", std::string(1, a), "\"")
                  : cat("[", std::string(1, a), "-", std::string(1, b), "]");
  };
  const auto tail = [&](std::string_view from, std::string_view to) {
    if (from == zeros && to == nines) return any_digits(rest);
    return cat(" (", digits(from, to), ")");
  };
  char first = low[0], last = high[0];
  if (first == last) return cat(of(first, last), tail(low.substr(1), high.substr(1)));
  std::string out;
  const auto add = [&](const std::string& part) { out += cat(out.empty() ? "" : " | ", part); };
  if (low.substr(1) != zeros) add(cat(of(first, first), tail(low.substr(1), nines))), ++first;
  const bool cut = high.substr(1) != nines;
  if (cut) --last;
  if (first <= last) add(cat(of(first, last), any_digits(rest)));
  if (cut) add(cat(of(high[0], high[0]), tail(zeros, high.substr(1))));
  return out;
}

/// 0 ≤ low ≤ high
std::string naturals(uint64_t low, uint64_t high) {
  std::string out;
  while (true) {
    const std::string from = cat(low);
    const std::string most = std::min(cat(high), std::string(from.size(), '9'),
                                      [](const std::string& a, const std::string& b) {
                                        return a.size() != b.size() ? a.size() < b.size() : a < b;
                                      });
    out += cat(out.empty() ? "" : " | ", digits(from, most));
    if (most == cat(high)) return out;
    low = 1;
    for (size_t i = 0; i < from.size(); ++i) low *= 10;
  }
}

}  // namespace

std::string_view shared_rules() {
  return R"(ws ::= (" " | "\n"{1,2} [ \t]{0,20})?
char ::= [^"\\\x00-\x1F] | "\\" (["\\/bfnrt] | "u" ([0-9a-cA-CefEF] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2}))
plain ::= [^"\\\x00-\x1F]*
string ::= "\"" char* "\""
integer ::= "-"? ("0" | [1-9] [0-9]{0,15})
fraction ::= "." [0-9]{1,16}
zeros ::= "." "0"{1,16}
number ::= integer fraction? ([eE] [-+]? [0-9]{1,2})?
boolean ::= "true" | "false"
null ::= "null"
member ::= string ws ":" ws value
object ::= "{" ws (member (ws "," ws member)* ws)? "}"
array ::= "[" ws (value (ws "," ws value)* ws)? "]"
value ::= object | array | string | number | boolean | null
date ::= [0-9]{4} "-" (("0" [13578] | "1" [02]) "-" ("0" [1-9] | [12] [0-9] | "3" [01]) | ("0" [469] | "11") "-" ("0" [1-9] | [12] [0-9] | "30") | "02-" ("0" [1-9] | "1" [0-9] | "2" [0-8]))
clock ::= ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9]
time ::= clock ":" [0-5] [0-9] ("." [0-9]{1,6})? ("Z" | [-+] clock)
hex ::= [0-9a-fA-F]
)";
}

std::string times(int64_t low, int64_t high) {
  if (high == kUnbounded) return cat("{", low, ",}");
  return cat("{", low, ",", std::min(high, std::max(low, kMostTimes)), "}");
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += cat("\\", std::string(1, c));
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += cat("\\x", hex(static_cast<unsigned char>(c), 2));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string integers(int64_t low, int64_t high) {
  std::string out;
  if (low < 0) {
    const auto least = high < 0 ? static_cast<uint64_t>(-high) : 1;
    out = cat("\"-\" (", naturals(least, static_cast<uint64_t>(-low)), ")");
  }
  if (high < 0) return out;
  const std::string rest =
      naturals(static_cast<uint64_t>(std::max<int64_t>(low, 0)), static_cast<uint64_t>(high));
  return out.empty() ? rest : cat(out, " | ", rest);
}

namespace {

/// 0 ≤ low ≤ high
std::string magnitudes(Limit low, Limit high) {
  std::string out;
  const auto add = [&](const std::string& part) { out += cat(out.empty() ? "" : " | ", part); };
  const auto one = [](int64_t x) { return cat("\"", x, "\" "); };
  if (low.value == high.value) {
    if (!low.exclusive && !high.exclusive) add(one(low.value) + "zeros?");
    return out;
  }
  add(one(low.value) + (low.exclusive ? "\".\" [0-9]{0,15} [1-9]" : "fraction?"));
  if (high.value - low.value > 1)
    add(cat("(", integers(low.value + 1, high.value - 1), ") fraction?"));
  if (!high.exclusive) add(one(high.value) + "zeros?");
  return out;
}

}  // namespace

std::string numbers(Limit low, Limit high) {
  std::string below, out;
  if (low.value < 0) {
    const Limit least = high.value <= 0 ? Limit{-high.value, high.exclusive} : Limit{0, false};
    below = magnitudes(least, {-low.value, low.exclusive});
  }
  if (high.value >= 0) out = magnitudes(low.value >= 0 ? low : Limit{0, false}, high);
  if (below.empty()) return out;
  return cat("\"-\" (", below, ")", out.empty() ? "" : " | ", out);
}

std::string of_format(std::string_view format) {
  if (format == "date" || format == "time") return cat("\"\\\"\" ", format, " \"\\\"\"");
  if (format == "date-time") return R"("\"" date "T" time "\"")";
  if (format == "uuid") return R"("\"" hex{8} "-" hex{4} "-" hex{4} "-" hex{4} "-" hex{12} "\"")";
  return {};
}

std::string key_except(const std::vector<std::string>& names,
                       const std::function<std::string(const std::string& body)>& add) {
  struct Node {
    std::map<char32_t, size_t> children = {};
    bool whole = false;
    std::string rule = {};
  };
  std::vector<Node> nodes(1);
  for (const std::string& name : names) {
    const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
      return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20;
    });
    if (!plain) continue;
    size_t node = 0;
    for (size_t i = 0; i < name.size();) {
      const char32_t c = text::next_char(name, i);
      const auto [child, fresh] = nodes[node].children.try_emplace(c, nodes.size());
      node = child->second;
      if (fresh) nodes.emplace_back();
    }
    nodes[node].whole = true;
  }
  for (size_t i = nodes.size(); i-- > 0;) {  // children come after their parents
    std::string body, others = R"([^"\\\x00-\x1F)";
    for (const auto& [c, child] : nodes[i].children) {
      std::string character;
      text::append_char(character, c);
      body += cat(quoted(character), " ", nodes[child].rule, " | ");
      others += cat("\\U", hex(c, 8));
    }
    body += cat(others, "] plain");
    nodes[i].rule = add(nodes[i].whole ? body : cat("(", body, ")?"));
  }
  return cat("\"\\\"\" ", nodes[0].rule, " \"\\\"\"");
}

}  // namespace tern::grammar
