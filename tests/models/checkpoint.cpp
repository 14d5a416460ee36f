// SPDX-License-Identifier: Apache-2.0
// Checkpoint: which file is chosen, and that every form of the same weights holds the same tensors.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include "../../engine/base/env.h"
#include "../../engine/context.h"
#include "../../engine/ops.h"
#include "../../hub/formats/safetensors.h"
#include "../../models/stored_tensor.h"
#include "../../models/weights.h"
#include "../hub/temporary_folder.h"
#include "golden.h"

using namespace tern;

namespace {

using Tensors = std::map<std::string, Tensor>;

/// The tensors of golden/loading/<folder>, dense; empty where the golden data is absent.
Tensors open(const std::string& folder, const CheckpointOptions& options = {}) {
  Tensors out;
  const hub::Repo repo = hub::Repo::open(golden::root() + "/loading/" + folder);
  const Checkpoint checkpoint = Checkpoint::open(repo, options);
  for (const auto& entry : checkpoint.entries()) {
    out[entry.name] = entry.tensor.dense() ? entry.tensor : entry.tensor.clone();
  }
  return out;
}

/// The same names and bits.
void check_same(const Tensors& got, const Tensors& expected) {
  CHECK(got.size() == expected.size());
  for (const auto& entry : expected) {
    const std::string& name = entry.first;
    CAPTURE(name);
    REQUIRE(got.contains(name));
    CHECK(same_values(got.at(name), entry.second));
  }
}

Tensors converted(const Tensors& tensors, DType dtype) {
  Tensors out;
  for (const auto& [name, tensor] : tensors) {
    out[name] = convert(thread_context(), tensor, dtype).clone();
  }
  return out;
}

/// Counts what a copy asks of the system.
class CountingEnv final : public Env {
 public:
  CountingEnv() { set_env(this); }
  ~CountingEnv() override { set_env(nullptr); }
  FileMapping map_memory(size_t size) override {
    ++pages;
    return Env::map_memory(size);
  }
  void drop_pages(const std::byte* data, size_t size) noexcept override {
    ++dropped;
    Env::drop_pages(data, size);
  }
  int pages = 0, dropped = 0;
};

bool no_golden_data() {
  if (!golden::root().empty()) return false;
  MESSAGE("skipped: no shared golden data");
  return true;
}

std::string file_chosen(const std::vector<std::string>& names, const CheckpointOptions& options) {
  const StorageRef weights = golden::storage_of(
      golden::read(std::string(TERN_TEST_DATA) + "/golden/bert/model.safetensors"));
  std::map<std::string, StorageRef> files;
  for (const std::string& name : names) {
    files[name] = weights;
    const bool index = name.find(".index.") != std::string::npos;
    if (index) {
      files[name] = golden::storage_of("{\"weight_map\": {\"x\": \"" + name + ".safetensors\"}}");
      files[name + ".safetensors"] = weights;
    }
  }
  try {
    return Checkpoint::open(hub::Repo::from_memory(files), options).files().at(0);
  } catch (const Error& error) {
    return error.code() == ErrorCode::not_found ? "not_found" : error.what();
  }
}

}  // namespace

TEST_CASE("every form of the same weights holds the same tensors bit for bit") {
  if (no_golden_data()) return;
  const Tensors llama = open("llama-safetensors"), bert = open("bert-safetensors");
  CHECK(llama.size() == 21);
  for (const char* folder : {"llama-sharded", "llama-bin", "llama-bin-sharded", "llama-bin-legacy",
                             "llama-bin-views", "llama-bin-parameters", "llama-both"}) {
    CAPTURE(std::string(folder));
    check_same(open(folder), llama);
  }
  check_same(open("llama-bin-bf16"), open("llama-bf16"));
  for (const char* folder : {"bert-bin", "bert-bin-legacy"}) {
    CAPTURE(std::string(folder));
    check_same(open(folder), bert);
  }
  check_same(open("bert-gamma-beta-bin"), open("bert-gamma-beta"));
}

TEST_CASE("weights stored in another type are the same numbers in that type") {
  if (no_golden_data()) return;
  const Tensors llama = open("llama-safetensors");
  check_same(open("llama-bf16"), converted(llama, DType::bf16));
  check_same(open("llama-fp16"), converted(llama, DType::f16));
  check_same(open("llama-variant", {.variant = "fp16"}), converted(llama, DType::f16));
  check_same(open("llama-variant-sharded", {.variant = "fp16"}), converted(llama, DType::f16));
  Tensors narrow;
  for (const auto& [name, tensor] : open("llama-fp64")) {
    CHECK(tensor.dtype() == DType::f64);
    narrow[name] = runnable(tensor, name);
  }
  check_same(narrow, llama);
}

TEST_CASE("use_safetensors=false takes the pickle beside the safetensors file") {
  if (no_golden_data()) return;
  const Tensors first = open("llama-both"), second = open("llama-both", {.use_safetensors = false});
  CHECK(first.size() == second.size());
  CHECK_FALSE(same_values(first.at("lm_head.weight"), second.at("lm_head.weight")));
}

TEST_CASE("strided tensors are gathered as their strides say") {
  if (no_golden_data()) return;
  const hub::Repo repo = hub::Repo::open(golden::root() + "/loading/llama-bin-views");
  const Tensors expected = open("llama-safetensors");
  int strided = 0;
  const Checkpoint checkpoint = Checkpoint::open(repo);
  for (const auto& entry : checkpoint.entries()) {
    strided += !entry.tensor.dense();
    CHECK(same_values(runnable(entry.tensor, entry.name), expected.at(entry.name)));
  }
  CHECK(strided == 2);
}

TEST_CASE("the first file of Transformers' order is chosen, as variant and use_safetensors say") {
  const std::string st = "model.safetensors", st_index = "model.safetensors.index.json";
  const std::string bin = "pytorch_model.bin", bin_index = "pytorch_model.bin.index.json";
  const auto shard = [](const std::string& index) { return index + ".safetensors"; };
  CHECK(file_chosen({st, st_index, bin, bin_index}, {}) == st);
  CHECK(file_chosen({st_index, bin, bin_index}, {}) == shard(st_index));
  CHECK(file_chosen({bin_index}, {}) == shard(bin_index));
  CHECK(file_chosen({bin_index}, {.use_safetensors = true}) == "not_found");
  CHECK(file_chosen({st, st_index}, {.use_safetensors = false}) == "not_found");
  CHECK(file_chosen({st, bin_index}, {.use_safetensors = false}) == shard(bin_index));
  CHECK(file_chosen({st}, {.variant = "fp16"}) == "not_found");
  CHECK(file_chosen({"model.fp16.safetensors"}, {}) == "not_found");
  CHECK(file_chosen({st, "model.fp16.safetensors"}, {.variant = "fp16"}) ==
        "model.fp16.safetensors");
  const std::string variant_index = "model.safetensors.index.fp16.json";
  CHECK(file_chosen({st, variant_index}, {.variant = "fp16"}) == shard(variant_index));
  const std::string bin_variant = "pytorch_model.bin.index.fp16.json";
  CHECK(file_chosen({st, bin_variant}, {.variant = "fp16"}) == shard(bin_variant));
  CHECK(file_chosen({st, "own.safetensors"}, {.weights_file = "own.safetensors"}) ==
        "own.safetensors");
  CHECK(file_chosen({st}, {.weights_file = "own.safetensors"}) == "not_found");
}

TEST_CASE("float8 becomes bfloat16 without rounding") {
  // By definition: sign, exponent, mantissa; e4m3fn has no infinities and one NaN per sign.
  const auto value_of = [](unsigned byte, int mantissa_bits, int bias) {
    const int exponent = static_cast<int>(byte & 0x7F) >> mantissa_bits;
    const auto mantissa = static_cast<double>(byte & ((1u << mantissa_bits) - 1));
    const double step = std::ldexp(mantissa, -mantissa_bits);
    const double size =
        exponent == 0 ? std::ldexp(step, 1 - bias) : std::ldexp(1 + step, exponent - bias);
    return (byte & 0x80) != 0 ? -size : size;
  };
  for (const DType dtype : {DType::f8_e4m3, DType::f8_e5m2}) {
    const bool e4m3 = dtype == DType::f8_e4m3;
    Tensor all = Tensor::empty(dtype, {256});
    for (size_t i = 0; i < 256; ++i) all.raw()[i] = static_cast<std::byte>(i);
    const Tensor wide = runnable(all, "w");
    REQUIRE(wide.dtype() == DType::bf16);
    const Tensor floats = to_f32(wide);
    for (unsigned byte = 0; byte < 256; ++byte) {
      CAPTURE(byte);
      const float got = floats.data<float>()[byte];
      const unsigned low = byte & 0x7F;
      if (e4m3 ? low == 0x7F : low > 0x7C) {
        CHECK(std::isnan(got));
      } else if (!e4m3 && low == 0x7C) {
        CHECK(std::isinf(got));
        CHECK((got < 0) == (byte > 0x80));
      } else {
        CHECK(double{got} == value_of(byte, e4m3 ? 3 : 2, e4m3 ? 7 : 15));
        CHECK(std::signbit(got) == (byte >= 0x80));
      }
    }
  }
}

TEST_CASE("tensors at odd addresses are copied to aligned ones, others are not") {
  const std::string bytes(64, 'q');
  const StorageRef storage = golden::storage_of(bytes);
  const auto address = reinterpret_cast<uintptr_t>(storage->data());
  const size_t aligned = (16 - address % 16) % 16;
  const Tensor even(storage, DType::f32, {2}, aligned), odd(storage, DType::f32, {2}, aligned + 1);
  CHECK(runnable(even, "w").raw() == even.raw());
  const Tensor copy = runnable(odd, "w");
  CHECK(reinterpret_cast<uintptr_t>(copy.raw()) % 4 == 0);
  CHECK(std::memcmp(copy.raw(), odd.raw(), 8) == 0);
}

TEST_CASE("a large copy lies in pages of its own, and the file's pages go back as it is made") {
  constexpr int64_t kRows = 3000, kColumns = 3000;  // more than two blocks of a strided tensor
  const test::TemporaryFolder folder;
  const std::string path = (folder / "weights").string();
  std::ofstream{path}.close();
  std::filesystem::resize_file(path, kRows * kColumns * 4 + 1);
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    const float value = 5;  // of row 2999, column 1
    file.seekp((kRows + 2999) * 4);
    file.write(reinterpret_cast<const char*>(&value), sizeof value);
  }
  CountingEnv env;
  const StorageRef file = map_storage(path, false);
  const int64_t strides[] = {1, kRows};
  const Tensor turned = runnable(Tensor(file, DType::f32, {kRows, kColumns}, strides, 0), "w");
  CHECK(env.pages == 1);
  CHECK(env.dropped == 3);
  REQUIRE(turned.dense());
  CHECK(turned.data<float>()[2999 * kColumns + 1] == 5);
  CHECK(turned.data<float>()[2999 * kColumns] == 0);
  runnable(Tensor(file, DType::f32, {kRows, kColumns}, 1), "w");
  CHECK(env.pages == 2);
}
