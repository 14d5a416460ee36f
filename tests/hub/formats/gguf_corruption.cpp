// SPDX-License-Identifier: Apache-2.0
// A million corruptions of valid files: each gives an Error, or a header whose values and tensors
// lie inside the file and apart, which is checked here anew from the bytes' point of view.
#include <doctest/doctest.h>

#include <set>

#include "corruption.h"
#include "gguf_bytes.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace {

std::vector<std::string> valid_files() {
  return {
      GgufBytes{}.made(),
      GgufBytes{.entries = {entry("general.architecture", 8, gguf_string("llama")),
                            entry("general.alignment", 4, u32(8)), entry("f", 6, "1234"),
                            entry("b", 7, little(1, 1))},
                .tensors = {tensor_entry("a", {2, 3}, 0, 0), tensor_entry("b", {4}, 30, 24)},
                .data = 32,
                .alignment = 8}
          .made(),
      GgufBytes{.entries = {entry("w", 9,
                                  array_value(8, 3,
                                              gguf_string("<s>") + gguf_string("") +
                                                  gguf_string("\xE2\x96\x81"))),
                            entry("i", 9, array_value(5, 2, u32(1) + u32(3))),
                            entry("n", 9, array_value(9, 1, array_value(0, 2, "xy")))},
                .version = 2}
          .made(),
      GgufBytes{.tensors = {tensor_entry("q", {32, 2}, 2, 0), tensor_entry("r", {32}, 8, 64),
                            tensor_entry("s", {}, 1, 128), tensor_entry("t", {256}, 99, 160)},
                .data = 160}
          .made(),
  };
}

/// Another number, also one that overflows, or a small step of a byte: counts and types.
void change(Corruptor& c, size_t at) {
  if (c.below(2) == 0) {
    if (at < c.file.size()) c.file[at] = static_cast<char>(c.file[at] + (c.below(2) ? 1 : -1));
    return;
  }
  constexpr uint64_t kNumbers[] = {
      0, 1, 2, 8, 9, 31, 0x7FFFFFFF, 0xFFFFFFFF, 0x40000000, 1ull << 32, 1ull << 63, UINT64_MAX};
  const std::string number = little(c.any(kNumbers), c.below(2) ? 8 : 4);
  c.file.replace(at, std::min(number.size(), c.file.size() - at), number);
}

bool inside(Bytes part, std::string_view file) {
  const auto* begin = reinterpret_cast<const char*>(part.data());
  return part.empty() || (begin >= file.data() && begin + part.size() <= file.data() + file.size());
}

const char* contradiction(const GgufMetadata& m, std::string_view file) {
  for (size_t i = 0; i < m.size(); ++i) {
    if (i > 0 && m.key(i - 1) >= m.key(i)) return "keys that are not sorted";
    const GgufValue value = m.value(i);
    if (!inside(as_bytes(m.key(i)), file) || !inside(value.bytes(), file)) return "a value outside";
    const auto strings = value.strings();
    if (!strings) continue;
    if (strings->size() != value.size()) return "a number of strings";
    for (const std::string_view s : *strings) {
      if (!inside(as_bytes(s), file)) return "a string outside";
    }
  }
  return nullptr;
}

const char* contradiction(const GgufHeader& header, std::string_view file) {
  size_t end = 0;
  std::set<std::string_view> names;
  for (const GgufTensor& t : header.tensors) {
    if (t.begin < end || t.begin < header.data_begin) return "an overlap";
    if (t.end < t.begin || t.end > file.size()) return "a tensor outside the file";
    if ((t.begin - header.data_begin) % header.alignment != 0) return "an offset";
    if (!names.insert(t.name).second) return "a name twice";
    const auto block = ggml_block(t.type);
    if (!block) continue;
    const uint64_t elements = t.dims[0] * t.dims[1] * t.dims[2] * t.dims[3];
    if (elements / block->elements * block->bytes != t.end - t.begin) return "a length";
    end = t.end;
  }
  return contradiction(header.metadata, file);
}

}  // namespace

TEST_CASE("any of a million corruptions of GGUF gives an Error or parts that lie inside the file") {
  const auto problem = [](const std::string& file) {
    return contradiction(parse_gguf_bytes(file), file);
  };
  const Counts counts =
      check_corruptions({.files = valid_files(), .seed = 1213, .own = change}, problem);
  CHECK(counts.accepted > kRounds / 20);
  CHECK(counts.corrupt > kRounds / 4);
  CHECK(counts.unsupported > 1000);
}
