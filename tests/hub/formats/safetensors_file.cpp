// SPDX-License-Identifier: Apache-2.0
// safetensors files on disk: written, read back, and compared with files the reference wrote.
#include <doctest/doctest.h>

#include <cstring>
#include <random>

#include "../../../engine/base/format.h"
#include "../expect_error.h"
#include "../temporary_folder.h"
#include "safetensors_bytes.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace fs = std::filesystem;

namespace {

std::string slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Bytes bytes_of(const SafetensorsFile& file, const TensorEntry& tensor) {
  return {file.storage->data() + tensor.begin, tensor.end - tensor.begin};
}

std::vector<TensorToWrite> to_write(const SafetensorsFile& file) {
  std::vector<TensorToWrite> out;
  for (const TensorEntry& tensor : file.header.tensors) {
    out.push_back({tensor.name, tensor.dtype, tensor.shape, bytes_of(file, tensor)});
  }
  return out;
}

}  // namespace

TEST_CASE("what is written is read back, widest dtype first, then by name") {
  const TemporaryFolder folder;
  const std::string path = (folder / "model.safetensors").string();
  const std::string data = "0123456789abcdefghijklmnopqrstuv";
  const auto first = [&](size_t n) { return as_bytes(data).first(n); };
  write_safetensors(path,
                    {{"z", DType::u8, {3}, first(3)},
                     {"b", DType::f32, {2, 2}, first(16)},
                     {"a \"quoted\"\n\xC3\xA9", DType::f32, {}, first(4)},
                     {"empty", DType::f64, {0, 5}, first(0)},
                     {"half", DType::bf16, {3}, first(6)},
                     {"packed", DType::f4, {4}, first(2)}},
                    {{"format", "pt"}, {"k", "v"}});
  const SafetensorsFile file = open_safetensors(path);
  std::vector<std::string> names;
  for (const TensorEntry& tensor : file.header.tensors) {
    names.push_back(tensor.name);
    const Bytes bytes = bytes_of(file, tensor);
    CHECK(as_text(bytes) == std::string_view(data).substr(0, bytes.size()));
  }
  CHECK(names == std::vector<std::string>{"empty", "a \"quoted\"\n\xC3\xA9", "b", "half", "z",
                                          "packed"});
  CHECK(file.header.tensors[2].shape == std::vector<int64_t>{2, 2});
  CHECK(file.header.tensors[0].begin % 8 == 0);
  CHECK(file.header.metadata.size() == 2);
  CHECK(file.header.metadata[1] == std::pair<std::string, std::string>("k", "v"));
  CHECK(file.storage->read_only());
}

TEST_CASE("random tensors come back as they were written") {
  constexpr unsigned kSeed = 4242;
  CAPTURE(kSeed);
  std::mt19937 random(kSeed);
  const TemporaryFolder folder;
  const std::string path = (folder / "model.safetensors").string();
  std::string data(4096, '\0');
  for (char& c : data) c = static_cast<char>(random());
  for (int round = 0; round < 200; ++round) {
    std::vector<TensorToWrite> tensors;
    for (size_t i = random() % 9; i > 0; --i) {
      const auto dtype = static_cast<DType>(random() % 20);
      // A multiple of four elements is a whole number of bytes for every dtype.
      const std::vector<int64_t> shape = {static_cast<int64_t>(random() % 5), 4};
      const size_t size = static_cast<size_t>(shape[0]) * 4 * bits(dtype) / 8;
      tensors.push_back(
          {cat("layer.", i), dtype, shape, as_bytes(data).subspan(random() % 2048, size)});
    }
    write_safetensors(path, tensors);
    const SafetensorsFile file = open_safetensors(path);
    REQUIRE(file.header.tensors.size() == tensors.size());
    for (const TensorEntry& entry : file.header.tensors) {
      const auto written = std::find_if(tensors.begin(), tensors.end(), [&](const TensorToWrite& t) {
        return t.name == entry.name;
      });
      REQUIRE(written != tensors.end());
      CHECK(entry.dtype == written->dtype);
      CHECK(entry.shape == written->shape);
      CHECK(as_text(bytes_of(file, entry)) == as_text(written->bytes));
    }
  }
}

TEST_CASE("bytes that do not fit shape and dtype are not written") {
  const TemporaryFolder folder;
  const std::string path = (folder / "model.safetensors").string();
  const std::string data(64, 'x');
  const auto write = [&](DType dtype, std::vector<int64_t> shape, size_t size) {
    write_safetensors(path, {{"t", dtype, std::move(shape), as_bytes(data).first(size)}});
  };
  const ErrorCode invalid = ErrorCode::invalid_argument;
  expect_error([&] { write(DType::f32, {3}, 11); }, invalid, "tensor 't' is given 11 bytes");
  expect_error([&] { write(DType::f32, {-1}, 4); }, invalid, "tensor 't'");
  expect_error([&] { write(DType::f4, {3}, 1); }, invalid, "tensor 't'");
  expect_error([&] { write(DType::u8, {int64_t{1} << 62, 16}, 0); }, invalid, "tensor 't'");
  const TensorToWrite twice{"t", DType::u8, {1}, as_bytes(data).first(1)};
  expect_error([&] { write_safetensors(path, {twice, twice}); }, invalid, "occurs twice");
  CHECK(!fs::exists(path));
}

TEST_CASE("a missing, empty or cut file is named with its path") {
  const TemporaryFolder folder;
  const std::string path = (folder / "model.safetensors").string();
  expect_error([&] { open_safetensors(path); }, ErrorCode::not_found, path);
  folder.write("model.safetensors", "");
  expect_error([&] { open_safetensors(path); }, ErrorCode::corrupt, "the file has 0 bytes");
  const std::string whole =
      safetensors_bytes(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8);
  for (size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    folder.write("model.safetensors", whole.substr(0, size));
    expect_error([&] { open_safetensors(path); }, ErrorCode::corrupt, path);
  }
  folder.write("model.safetensors", whole);
  CHECK(open_safetensors(path).header.tensors.size() == 1);
}

TEST_CASE("the reference's files are read and written again byte for byte") {
  const fs::path root = fs::path(TERN_SHARED_DATA) / "golden";
  if (!fs::exists(root)) {
    MESSAGE("skipped: no golden data at " << root.string());
    return;
  }
  const TemporaryFolder folder;
  const std::string copy = (folder / "copy.safetensors").string();
  size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".safetensors") continue;
    const std::string path = entry.path().string();
    CAPTURE(path);
    if (path.find("llama-truncated") != std::string::npos) {
      expect_error([&] { open_safetensors(path); }, ErrorCode::corrupt, "an incomplete download?");
      continue;
    }
    const SafetensorsFile file = open_safetensors(path);
    write_safetensors(copy, to_write(file), file.header.metadata);
    CHECK(slurp(copy) == slurp(path));
    ++count;
  }
  CHECK(count > 100);
}
