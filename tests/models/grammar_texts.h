// SPDX-License-Identifier: Apache-2.0
// Which texts a grammar has.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "../../models/generate/grammar/automaton.h"

namespace tern::test {

/// Whether the grammar has the text or, not `whole`, one that begins so.
inline bool accepts(grammar::Automaton& automaton, std::string_view text, bool whole = true) {
  automaton.budget();
  grammar::State state = automaton.start();
  for (const char c : text) state = automaton.next(state, static_cast<uint8_t>(c));
  return whole ? automaton.may_end(state) : state != grammar::kDead;
}

/// `table` has `accepted` and `rejected` texts.
template <class Table>
void check_texts(grammar::Automaton& automaton, const Table& table) {
  for (const auto& accepted : table.accepted) {
    const std::string text = accepted;
    CAPTURE(text);
    CHECK(accepts(automaton, text));
  }
  for (const auto& rejected : table.rejected) {
    const std::string text = rejected;
    CAPTURE(text);
    CHECK_FALSE(accepts(automaton, text));
  }
}

}  // namespace tern::test
