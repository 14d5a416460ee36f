// SPDX-License-Identifier: Apache-2.0
// Grammar: texts that an answer may be, written in GBNF as llama.cpp reads it: rules
// `name ::= alternatives`, the first one called for being `root`; literals, classes of characters,
// `.`, groups, `|`, `*`, `+`, `?`, `{m}`, `{m,}`, `{m,n}`, `#` comments.
// It is a graph of places between bytes: characters are spelled out as UTF-8, so that a token may
// end inside of one; groups are rules of their own.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace tern::grammar {

/// Where a reader of a text may stand.
struct Place {
  enum class Kind : uint8_t {
    bytes,  // a byte of one of the edges leads on
    split,  // stands for the ends of all edges
    call,   // the rule `rule` is read, then `next`
    end     // of a rule
  };
  Kind kind = Kind::bytes;
  uint32_t edge = UINT32_MAX;  // the first of a list
  uint32_t rule = 0, next = 0;
};

struct Edge {
  uint32_t to, following;  // the next of the list, UINT32_MAX: none
  uint8_t low, high;       // bytes; of a split without meaning
};

struct Grammar {
  std::vector<Place> places;
  std::vector<Edge> edges;
  std::vector<uint32_t> rules;  // where each begins
  uint32_t root = 0;            // a rule

  /// `what` names the text in errors. invalid_argument, with line and column: what is no GBNF, an
  /// undefined rule, left recursion, more than the limits of grammar.cpp.
  static Grammar parse(std::string_view text, std::string_view what);
};

}  // namespace tern::grammar
