// SPDX-License-Identifier: Apache-2.0
// Program: a pattern as instructions for an automaton, when it needs no more than one: sets of
// characters, alternatives, repetitions and conditions on the one character that comes next.
#pragma once

#include <optional>
#include <vector>

#include "alphabet.h"
#include "pattern.h"

namespace tern::text {

/// What may come next, by letter; the last one is the end of the text.
using Condition = std::vector<bool>;

struct Program {
  struct Step {
    enum class Kind : uint8_t {
      take,    // a letter of sets[set], then to `next`
      fork,    // to `next`, or, less preferably, to `other`
      expect,  // conditions[set] holds for what comes next; to `next`
      match,
    } kind;
    size_t set = 0, next = 0, other = 0;
  };
  std::vector<Step> steps;
  std::vector<Condition> sets, conditions;
  size_t start = 0;
};

/// nullopt: the pattern looks further or back, may match nothing, or is too long.
std::optional<Program> write_program(const Pattern& pattern, const Alphabet& alphabet);

}  // namespace tern::text
