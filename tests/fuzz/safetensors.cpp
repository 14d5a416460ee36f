// SPDX-License-Identifier: Apache-2.0
// parse_safetensors of any bytes; accepted tensors must cover the buffer exactly. The length in
// front is set right for every second input, so that mutations reach the header.
#include "../../hub/formats/safetensors.h"

#include <cstring>
#include <string>

#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tern;
  std::string file(as_text(fuzz::input(data, size)));
  const size_t close = file.rfind('}');
  if (size % 2 == 0 && close != std::string::npos && close >= 8) {
    const uint64_t length = close + 1 - 8;
    std::memcpy(file.data(), &length, 8);
  }
  return fuzz::answer([&] {
    const auto header = hub::parse_safetensors(as_bytes(file), file.size(), "fuzz.safetensors");
    uint64_t length = 0;
    std::memcpy(&length, file.data(), 8);
    size_t end = 8 + length;
    for (const auto& tensor : header.tensors) {
      if (tensor.begin != end || tensor.end < tensor.begin) fuzz::finding("a hole or an overlap");
      end = tensor.end;
    }
    if (end != file.size()) fuzz::finding("bytes of no tensor");
  });
}
