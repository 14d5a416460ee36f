// SPDX-License-Identifier: Apache-2.0
// HDF5 files of Keras' and of attackers' (tests/data/formats/h5, by make_h5.py).
#include "../../../hub/formats/hdf5.h"

#include <doctest/doctest.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "../../../engine/base/bytes.h"
#include "../expect_error.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;
using std::chrono::milliseconds;

namespace {

std::string file_of(const std::string& name) {
  std::ifstream in(std::string(TERN_TEST_DATA) + "/formats/h5/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<KerasTensor> open(const std::string& bytes, const Hdf5Limits& limits = {}) {
  return open_keras_weights(borrowed_storage(as_bytes(bytes).data(), bytes.size()), "tf_model.h5",
                            limits);
}

bool skipped() {
  if (reads_hdf5()) return false;
  MESSAGE("skipped: this build reads no HDF5");
  return true;
}

/// 1, 2, 3, … in the type of the tensor; bits of the first elements.
template <class T>
std::vector<T> values(const KerasTensor& tensor, size_t count) {
  std::vector<T> out(count);
  std::memcpy(out.data(), tensor.storage->data() + tensor.begin, count * sizeof(T));
  return out;
}

std::vector<float> counted(size_t count) {
  std::vector<float> out;
  for (size_t i = 0; i < count; ++i) out.push_back(static_cast<float>(i + 1));
  return out;
}

}  // namespace

TEST_CASE(
    "Keras weights of every layout and type are read, and viewed where they lie in one piece") {
  if (skipped()) return;
  const std::string file = file_of("keras.h5");
  const auto tensors = open(file);
  struct Expected {
    const char* name;
    DType dtype;
    std::vector<int64_t> shape;
    bool viewed;
  };
  const Expected expected[] = {{"t/m/dense/kernel:0", DType::f32, {2, 3}, true},
                               {"t/m/packed/kernel:0", DType::f32, {20, 10}, false},
                               {"t/m/big/bias:0", DType::f32, {3}, false},
                               {"t/m/half:0", DType::f16, {2}, true},
                               {"t/m/double:0", DType::f64, {2}, true},
                               {"t/m/step:0", DType::i64, {}, true},
                               {"t/m/big_count:0", DType::u16, {2}, false},
                               {"t/m/empty:0", DType::f32, {0, 3}, true},
                               {"t/m/unwritten:0", DType::f32, {2}, false},
                               {"t/m/brain:0", DType::bf16, {2}, true},
                               {"t/h___head/bias:0", DType::f32, {2}, true}};
  REQUIRE(tensors.size() == std::size(expected));
  for (size_t i = 0; i < tensors.size(); ++i) {
    CAPTURE(i);
    CHECK(tensors[i].name == expected[i].name);
    CHECK(tensors[i].dtype == expected[i].dtype);
    CHECK(tensors[i].shape == expected[i].shape);
    CHECK((reinterpret_cast<const char*>(tensors[i].storage->data()) == file.data()) ==
          expected[i].viewed);
  }
  CHECK(values<float>(tensors[0], 6) == counted(6));  // the first layer's, not the second's
  CHECK(values<float>(tensors[1], 200) == counted(200));
  CHECK(values<float>(tensors[2], 3) == counted(3));
  CHECK(values<uint16_t>(tensors[3], 2) == std::vector<uint16_t>{0x3C00, 0x4000});
  CHECK(values<double>(tensors[4], 2) == std::vector<double>{1, 2});
  CHECK(values<int64_t>(tensors[5], 1) == std::vector<int64_t>{7});
  CHECK(values<uint16_t>(tensors[6], 2) == std::vector<uint16_t>{1, 2});
  CHECK(values<float>(tensors[8], 2) == std::vector<float>{1.5, 1.5});
  CHECK(values<uint16_t>(tensors[9], 2) == std::vector<uint16_t>{0x3F80, 0x4000});
}

TEST_CASE("a shard's datasets get the model's scope in front, but for those that are named whole") {
  if (skipped()) return;
  const std::string file = file_of("shard.h5");
  std::vector<std::string> names;
  for (const KerasTensor& tensor : open(file)) {
    names.push_back(tensor.name);
    CHECK(values<float>(tensor, 2) == counted(2));  // behind a block of the user's own
  }
  CHECK(names == std::vector<std::string>{"model/m/dense/kernel:0", "final_logits_bias:0",
                                          "model.shared/model.shared/weight:0"});
}

TEST_CASE("HDF5 files that reach for other files, swell, or hold something else are refused") {
  if (skipped()) return;
  const struct {
    const char* file;
    ErrorCode code;
    const char* part;
  } rows[] = {{"external_data.h5", ErrorCode::corrupt, "the dataset 'w:0' cannot be read"},
              {"external_link.h5", ErrorCode::corrupt, "there is no weight 'w:0'"},
              {"loop.h5", ErrorCode::corrupt, "there is no weight 'w:0'"},
              {"missing.h5", ErrorCode::corrupt, "there is no weight 'w:0'"},
              {"group.h5", ErrorCode::corrupt, "what is at 'w:0' is no dataset"},
              {"bomb.h5", ErrorCode::corrupt, "more than four times the file"},
              {"texts.h5", ErrorCode::unsupported, "tensor 'w:0' is of a type"},
              {"no_layers.h5", ErrorCode::corrupt, "the attribute layer_names is no list of names"},
              {"other.h5", ErrorCode::corrupt, "there is no attribute layer_names"}};
  // Where the files that they reach for, keras.h5 and /etc/hostname, would be found.
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(std::string(TERN_TEST_DATA) + "/formats/h5");
  for (const auto& row : rows) {
    CAPTURE(std::string(row.file));
    expect_error([&] { open(file_of(row.file)); }, row.code, row.part);
  }
  // Whatever libhdf5 makes of another file that it cannot open, it is nothing of that file.
  const std::string file = file_of("virtual.h5");
  for (const KerasTensor& tensor : open(file)) {
    CHECK(values<float>(tensor, 6) == std::vector<float>(6, 0.0F));
  }
  std::filesystem::current_path(before);
}

TEST_CASE("what is no HDF5 file is refused before any process is made, and a cut one after") {
  if (skipped()) return;
  const std::string whole = file_of("keras.h5");
  expect_error([&] { open(""); }, ErrorCode::corrupt, "tf_model.h5: no HDF5 file");
  expect_error([&] { open("<html>"); }, ErrorCode::corrupt, "no HDF5 file");
  for (const size_t size : {size_t{8}, size_t{96}, whole.size() / 2, whole.size() - 1}) {
    CAPTURE(size);
    expect_error([&] { open(whole.substr(0, size)); }, ErrorCode::corrupt,
                 "an incomplete download?");
  }
}

TEST_CASE(
    "five hundred corruptions of an HDF5 file each end in an Error or tensors inside the file") {
  if (skipped()) return;
  const std::string whole = file_of("keras.h5");
  const bool sanitized = std::getenv("TERN_TEST_SANITIZED") != nullptr;
  std::mt19937 random(2029);  // NOLINT: the same each time
  const auto below = [&](size_t n) { return random() % n; };
  int accepted = 0, refused = 0, late = 0;
  for (int round = 0; round < (sanitized ? 50 : 500); ++round) {
    CAPTURE(round);
    std::string file = whole;
    for (size_t i = 1 + below(8); i > 0; --i) {
      // The structure, which is little and lies between zeros, not the numbers.
      size_t at = below(file.size());
      while (at + 1 < file.size() && file[at] == 0 && below(16) != 0) ++at;
      file[at] =
          below(2) ? static_cast<char>(random()) : static_cast<char>(file[at] ^ (1 << below(8)));
    }
    try {
      for (const KerasTensor& tensor : open(file, {.time = milliseconds(1000)})) {
        uint64_t size = bits(tensor.dtype) / 8;
        for (const int64_t dim : tensor.shape) size *= static_cast<uint64_t>(dim);
        CHECK(tensor.begin + size <= tensor.storage->size());
      }
      ++accepted;
    } catch (const Error& error) {
      CHECK(std::string_view(error.what()).starts_with("tf_model.h5: "));
      ++refused;
      late += error.code() == ErrorCode::deadline;  // libhdf5 goes round in circles
    }
  }
  MESSAGE(accepted << " accepted, " << refused << " refused, " << late << " of them late");
  CHECK(accepted > 0);
  CHECK(refused > 10);
}

TEST_CASE("HDF5 files are read in a program that has the system reap its children") {
  if (skipped()) return;
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  const std::string file = file_of("keras.h5");
  CHECK(open(file).size() == 11);
  expect_error([&] { open(file_of("other.h5")); }, ErrorCode::corrupt, "no attribute layer_names");
  std::signal(SIGCHLD, before);
}
