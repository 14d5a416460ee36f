// SPDX-License-Identifier: Apache-2.0
// parse_zip of any bytes; accepted entries lie inside the file, by distinct names, without overlap.
#include "../../hub/formats/zip.h"

#include <algorithm>

#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tern;
  return fuzz::answer([&] {
    auto entries = hub::parse_zip(fuzz::input(data, size), "fuzz.zip");
    for (size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].end < entries[i].begin || entries[i].end > size) fuzz::finding("outside");
      if (i > 0 && entries[i - 1].name >= entries[i].name) fuzz::finding("a name twice");
      fuzz::answer([&] { hub::check_crc32(fuzz::input(data, size), entries[i], "fuzz.zip"); });
    }
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.header < b.header; });
    for (size_t i = 1; i < entries.size(); ++i) {
      if (entries[i].header < entries[i - 1].end) fuzz::finding("an overlap");
    }
  });
}
