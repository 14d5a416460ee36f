// SPDX-License-Identifier: Apache-2.0
// parse_gguf of any bytes; what is accepted must lie inside the file and apart. The magic and the
// version are set right for every second input, so that mutations reach what follows.
#include "../../hub/formats/gguf.h"

#include <cstring>
#include <string>

#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tern;
  std::string file(as_text(fuzz::input(data, size)));
  if (size % 2 == 0 && size >= 8) std::memcpy(file.data(), "GGUF\3\0\0\0", 8);
  return fuzz::answer([&] {
    const auto header = hub::parse_gguf(as_bytes(file), "fuzz.gguf");
    size_t end = header.data_begin;
    for (const auto& tensor : header.tensors) {
      if (tensor.begin < end || tensor.end < tensor.begin) fuzz::finding("an overlap");
      if (tensor.end > file.size()) fuzz::finding("bytes outside the file");
      end = tensor.end;
    }
    volatile size_t sum = 0;
    for (size_t i = 0; i < header.metadata.size(); ++i) {
      const auto value = header.metadata.value(i);
      for (const std::byte b : value.bytes()) sum = sum + static_cast<size_t>(b);
      if (const auto strings = value.strings()) {
        for (const std::string_view s : *strings) sum = sum + std::hash<std::string_view>{}(s);
      }
      if (!header.metadata.find(header.metadata.key(i))) fuzz::finding("a key that is not found");
    }
  });
}
