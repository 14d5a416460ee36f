// SPDX-License-Identifier: Apache-2.0
// Any text as a grammar, which then reads itself, and as a JSON schema, whose grammar is GBNF: an
// Error, or it works.
#include "../../hub/formats/json.h"
#include "../../models/generate/grammar/automaton.h"
#include "../../models/generate/grammar/json_schema.h"
#include "target.h"

namespace {

void read(const tern::grammar::Grammar& grammar, std::string_view text) {
  tern::grammar::Automaton automaton(grammar);
  tern::grammar::State state = automaton.start();
  for (const char c : text.substr(0, 256)) {
    automaton.budget();
    state = automaton.next(state, static_cast<uint8_t>(c));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tern;
  const std::string_view text = as_text(fuzz::input(data, size));
  fuzz::answer([&] { read(grammar::Grammar::parse(text, "grammar"), text); });
  return fuzz::answer([&] {
    const std::string rules = grammar::of_json_schema(hub::Json::parse(text, "schema"));
    try {
      read(grammar::Grammar::parse(rules, "schema"), text);
    } catch (const Error& error) {
      const std::string_view what = error.what();
      for (const char* limit :
           {"left recursion", "more than", "found more", "at most", "too much", "too many"}) {
        if (what.find(limit) != what.npos) return;
      }
      fuzz::finding(error.what());
    }
  });
}
