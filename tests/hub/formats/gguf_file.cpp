// SPDX-License-Identifier: Apache-2.0
// GGUF files on disk, among them one that PyPI's gguf package wrote; headers of many entries.
#include <doctest/doctest.h>

#include "../../../engine/base/shape.h"

#include <cstring>

#include "../../../engine/base/format.h"
#include "../../allocations.h"
#include "../expect_error.h"
#include "../temporary_folder.h"
#include "gguf_bytes.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace {

/// tests/data/formats/gguf_package.gguf; tests/hub/formats/make_gguf.py says what is in it.
std::string package_file() {
  return std::string(TERN_TEST_DATA) + "/formats/gguf_package.gguf";
}

}  // namespace

TEST_CASE("a file of the gguf package is read with all its values and tensors") {
  const GgufFile file = open_gguf(package_file());
  const GgufMetadata& m = file.header.metadata;
  CHECK(file.header.version == 3);
  CHECK(file.header.alignment == 64);
  CHECK(m.find("general.architecture")->string() == "llama");
  CHECK(m.find("test.uint8")->integer() == 255);
  CHECK(m.find("test.int8")->integer() == -128);
  CHECK(m.find("test.uint16")->integer() == 65535);
  CHECK(m.find("test.int16")->integer() == -32768);
  CHECK(m.find("test.uint32")->integer() == 4294967295);
  CHECK(m.find("test.int32")->integer() == -2147483648);
  CHECK(m.find("test.uint64")->number() == 18446744073709551615.0);
  CHECK(m.find("test.int64")->integer() == INT64_MIN);
  CHECK(m.find("test.float32")->number() == 0.5);
  CHECK(m.find("test.float64")->number() == 0.1);
  CHECK(m.find("test.bool")->boolean() == true);
  CHECK(m.find("test.string")->string() == "h\xC3\xA9llo\nworld");
  CHECK(m.find("test.strings")->strings() ==
        std::vector<std::string_view>{"a", "", "\xE2\x96\x81the"});
  CHECK(m.find("test.ints")->integer(2) == -3);
  CHECK(m.find("test.floats")->number(1) == -1.25);
  CHECK(m.find("test.bools")->boolean(1) == false);
  CHECK(m.find("test.nested")->size() == 2);
  struct Expected {
    const char *name, *type;
    std::vector<int64_t> shape;
  };
  const Expected kTensors[] = {
      {"f32", "F32", {2, 3}},     {"f16", "F16", {2, 3}},        {"bf16", "BF16", {1, 4}},
      {"i8", "I8", {5}},          {"i32", "I32", {2, 1, 3}},     {"f64", "F64", {2}},
      {"q4_0", "Q4_0", {2, 64}},  {"q8_0", "Q8_0", {3, 32}},     {"q6_k", "Q6_K", {2, 256}},
      {"q4_k", "Q4_K", {1, 512}}, {"iq4_xs", "IQ4_XS", {1, 256}}};
  REQUIRE(file.header.tensors.size() == std::size(kTensors));
  for (size_t i = 0; i < std::size(kTensors); ++i) {
    const GgufTensor& t = file.header.tensors[i];
    CHECK(t.name == kTensors[i].name);
    CHECK(to_string(t.type) == kTensors[i].type);
    CHECK(t.shape() == kTensors[i].shape);
  }
  float values[6];
  std::memcpy(values, file.bytes(file.header.tensors[0]).data(), sizeof values);
  for (int i = 0; i < 6; ++i) CHECK(values[i] == static_cast<float>(i));
  // The package's own quantisation of 0 … 95: the first scale is 31 / 127 in half precision.
  CHECK(as_text(file.bytes(file.header.tensors[7])).substr(0, 4) ==
        std::string("\xD0\x33\x00\x04", 4));
  CHECK(file.storage->read_only());
}

TEST_CASE("every file cut short is an Error that names its path") {
  const TemporaryFolder folder;
  const std::string path = (folder / "model.gguf").string();
  expect_error([&] { open_gguf(path); }, ErrorCode::not_found, path);
  const std::string whole =
      GgufBytes{.entries = {entry("words", 9, array_value(8, 1, gguf_string("word")))},
                .tensors = {tensor_entry("t", {32}, 8, 0)},
                .data = 34}
          .made();
  for (size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    folder.write("model.gguf", whole.substr(0, size));
    expect_error([&] { open_gguf(path); }, ErrorCode::corrupt, path);
  }
  folder.write("model.gguf", whole);
  const GgufFile file = open_gguf(path);
  CHECK(is_gguf({file.storage->data(), 8}));
  CHECK(!is_gguf(Bytes()));
  CHECK(file.header.tensors.size() == 1);
}

TEST_CASE("headers of many entries and tensors need at most four times their size") {
  const auto peak_of = [](const std::string& file) {
    start_peak();
    parse_gguf_bytes(file);
    return static_cast<double>(peak_bytes()) / static_cast<double>(file.size());
  };
  GgufBytes keys, tensors, words;
  for (uint64_t i = 0; i < 50'000; ++i) {
    keys.entries.push_back(entry(cat(i), 0, "x"));
    tensors.tensors.push_back(tensor_entry(cat(i), {}, 24, 32 * ((i * 7919) % 50'000)));
  }
  std::string empty;
  for (int i = 0; i < 100'000; ++i) empty += u64(0);
  words.entries.push_back(entry("w", 9, array_value(8, 100'000, empty)));
  tensors.data = 32 * 50'000;
  const std::string many = tensors.made();
  start_peak();
  CHECK(parse_gguf_bytes(many).tensors.size() == 50'000);
  CHECK(static_cast<double>(peak_bytes()) / static_cast<double>(many.size() - tensors.data) <= 4);
  CHECK(peak_of(keys.made()) <= 1);
  CHECK(peak_of(words.made()) <= 1);
  const std::string file = words.made();
  const GgufHeader header = parse_gguf_bytes(file);
  start_peak();
  CHECK(header.metadata.find("w")->strings()->size() == 100'000);
  CHECK(peak_bytes() <= 4 * file.size());
}

TEST_CASE("a ggml type that tensors can have takes the bytes that its tensors take") {
  int blocks = 0;
  for (uint32_t i = 0; i < 64; ++i) {
    const auto block = ggml_block(static_cast<GgmlType>(i));
    if (!block || !block->dtype) continue;
    CAPTURE(block->name);
    CHECK(Shape({3, static_cast<int64_t>(block->elements)}).bytes(*block->dtype) ==
          3 * block->bytes);
    CHECK(safetensors_name(*block->dtype) == block->name);
    blocks += block->elements > 1;
  }
  CHECK(blocks == 10);
}
