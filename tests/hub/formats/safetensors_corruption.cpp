// SPDX-License-Identifier: Apache-2.0
// A million corruptions of valid files: each gives an Error, or tensors that cover the buffer
// exactly, which is checked here anew from the bytes' point of view.
#include <doctest/doctest.h>

#include <cstring>
#include <set>

#include "corruption.h"
#include "safetensors_bytes.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace {

__extension__ using Wide = unsigned __int128;

std::vector<std::string> valid_files() {
  return {
      safetensors_bytes("{}      "),
      safetensors_bytes(R"({"t":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})", 16),
      safetensors_bytes(
          R"({"__metadata__":{"format":"pt"},"a":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},)"
          R"("b":{"dtype":"BF16","shape":[3,1],"data_offsets":[16,22]}}   )",
          22),
      safetensors_bytes(
          R"({"x":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"y":{"dtype":"U8","shape":[0,9],)"
          R"("data_offsets":[1,1]},"z":{"dtype":"F4","shape":[6],"data_offsets":[1,4]}})",
          4),
      safetensors_bytes(
          R"({"l.0":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"l.1":{"dtype":"U8","shape":[1],)"
          R"("data_offsets":[1,2]},"l.2":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},)"
          R"("l.3":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}})",
          4),
  };
}

// What a header is made of, or another digit.
void change(Corruptor& c, size_t at) {
  if (c.below(2) == 0) {
    const size_t digit = c.file.find_first_of("0123456789", std::max<size_t>(at, 8));
    if (digit != std::string::npos) c.file[digit] = static_cast<char>('0' + c.below(10));
    return;
  }
  constexpr std::string_view kTokens[] = {
      "0", "1", "9", "-", "[", "]", "{}", ",", "\"", "\\u0061", "4294967296", ",\"shape\":[1]"};
  c.file.insert(at, c.any(kTokens));
}

// Most corruptions of the length would hide those of the header: mostly set it right again.
void mend_length(Corruptor& c) {
  const size_t close = c.file.rfind('}');
  if (c.below(4) != 0 && close != std::string::npos && close >= 8) {
    c.file.replace(0, 8, length_bytes(close + 1 - 8));
  }
}

// Why `header` contradicts `file`, or nullptr.
const char* contradiction(const SafetensorsHeader& header, const std::string& file) {
  uint64_t length = 0;
  if (file.size() < 8) return "no room for a length";
  std::memcpy(&length, file.data(), 8);
  if (length > file.size() - 8 || length == 0 || length > 100'000'000) return "length";
  if (file[8] != '{') return "does not begin with {";
  size_t end = 8 + length;
  std::set<std::string_view> names;
  for (const TensorEntry& tensor : header.tensors) {
    if (tensor.begin != end) return "a hole or an overlap";
    if (tensor.end < tensor.begin || tensor.end > file.size()) return "outside the file";
    if (!names.insert(tensor.name).second) return "a name twice";
    Wide size = bits(tensor.dtype);
    for (const int64_t dim : tensor.shape) {
      if (dim < 0 || size > UINT64_MAX) return "a shape";
      size *= static_cast<uint64_t>(dim);
    }
    if (size != static_cast<Wide>(tensor.end - tensor.begin) * 8) return "a length";
    end = tensor.end;
  }
  return end == file.size() ? nullptr : "bytes after the last tensor";
}

}  // namespace

TEST_CASE("any of a million corruptions gives an Error or tensors that cover the file exactly") {
  const auto problem = [](const std::string& file) {
    return contradiction(parse_safetensors_bytes(file), file);
  };
  const Counts counts = check_corruptions(
      {.files = valid_files(), .seed = 7919, .own = change, .mend = mend_length}, problem);
  CHECK(counts.accepted > kRounds / 100);
  CHECK(counts.corrupt > kRounds / 2);
  CHECK(counts.unsupported > 100);
}
