// SPDX-License-Identifier: Apache-2.0
// A million corruptions of valid files: each gives an Error, or tensors that cover the buffer
// exactly, which is checked here anew from the bytes' point of view.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <set>

#include "../../../engine/base/format.h"
#include "../expect_error.h"
#include "safetensors_bytes.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace {

constexpr unsigned kSeed = 7919;
constexpr int kRounds = 1'000'000;

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

class Corruptor {
 public:
  explicit Corruptor(std::vector<std::string> seeds) : seeds_(std::move(seeds)) {}

  std::string next() {
    std::string file = seeds_[below(seeds_.size())];
    for (size_t i = 1 + below(3); i > 0; --i) corrupt(file);
    // Most corruptions of the length would hide those of the header: mostly set it right again.
    const size_t close = file.rfind('}');
    if (below(4) != 0 && close != std::string::npos && close >= 8) {
      file.replace(0, 8, length_bytes(close + 1 - 8));
    }
    return file;
  }

 private:
  size_t below(size_t n) { return n ? random_() % n : 0; }

  void corrupt(std::string& file) {
    const size_t at = below(file.size() + 1);
    const size_t length = std::min(below(12), file.size() - at);
    switch (below(8)) {
      case 0:  // flip
        if (at < file.size()) file[at] = static_cast<char>(file[at] ^ (1 << below(8)));
        break;
      case 1: file.resize(at); break;                                        // truncate
      case 2: file.insert(at, file.substr(below(file.size()), length)); break;  // duplicate block
      case 3: file.erase(at, length); break;
      case 4: std::fill_n(file.begin() + static_cast<std::ptrdiff_t>(at), length, '\0'); break;
      case 5: {  // splice with another file
        const std::string& other = seeds_[below(seeds_.size())];
        file.replace(at, std::string::npos, other.substr(below(other.size())));
        break;
      }
      case 6: {  // insert what a header is made of
        constexpr std::array<std::string_view, 12> kTokens = {
            "0", "1", "9", "-", "[", "]", "{}", ",", "\"", "\\u0061", "4294967296", ",\"shape\":[1]"};
        file.insert(at, kTokens[below(kTokens.size())]);
        break;
      }
      default: {  // another digit
        const size_t digit = file.find_first_of("0123456789", std::max<size_t>(at, 8));
        if (digit != std::string::npos) file[digit] = static_cast<char>('0' + below(10));
      }
    }
  }

  std::vector<std::string> seeds_;
  std::mt19937 random_{kSeed};
};

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
  CAPTURE(kSeed);
  Corruptor corruptor(valid_files());
  int accepted = 0, corrupt = 0, unsupported = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::string file = corruptor.next();
    try {
      const SafetensorsHeader header = parse_safetensors_bytes(file);
      ++accepted;
      const char* problem = contradiction(header, file);
      if (!problem) continue;
      CAPTURE(file);
      FAIL(problem);
    } catch (const Error& error) {
      corrupt += error.code() == ErrorCode::corrupt;
      unsupported += error.code() == ErrorCode::unsupported;
    }
  }
  CHECK(accepted + corrupt + unsupported == kRounds);
  CHECK(accepted > kRounds / 100);
  CHECK(corrupt > kRounds / 2);
  CHECK(unsupported > 100);
  MESSAGE(accepted << " accepted, " << corrupt << " corrupt, " << unsupported << " unsupported");
}
