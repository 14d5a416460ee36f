// SPDX-License-Identifier: Apache-2.0
// Json::parse of any bytes; what is accepted must read the same again from its dump.
#include "../../hub/formats/json.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tern;
  return fuzz::answer([&] {
    const hub::Json json = hub::Json::parse(as_text(fuzz::input(data, size)), "fuzz.json");
    const hub::Json copy = json;
    const std::string text = copy.dump();
    try {
      if (hub::Json::parse(text, "dump").dump() != text) fuzz::finding("another tree");
    } catch (const Error&) {
      fuzz::finding("the dump is rejected");
    }
  });
}
