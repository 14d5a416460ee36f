// SPDX-License-Identifier: Apache-2.0
// PyTorch files of both forms: where tensors lie, and every contradiction between pickle and
// storage.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "../../allocations.h"
#include "../expect_error.h"
#include "torch_bytes.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;
using namespace std::string_literals;
namespace pk = tern::test::pickled;

namespace {

/// 0, 1, 2 … as floats.
std::string floats(size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) {
    const auto value = static_cast<float>(i);
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return out;
}

template <class T>
T element(const TorchTensor& tensor, size_t byte = 0) {
  T value;
  std::memcpy(&value, tensor.storage->data() + tensor.begin + byte, sizeof value);
  return value;
}

std::string float_storage(const std::string& key = "0", int64_t numel = 6) {
  return pk::storage("FloatStorage", key, numel);
}

/// A file of one tensor "w" on one storage of six floats, in the zip form.
std::string one(const std::string& value) {
  return torch_zip(pk::dict({{"w", value}}), {{"0", floats(6)}}).bytes;
}
std::string one_placed(const pk::Place& place) {
  return one(pk::tensor(float_storage(), place));
}

void expect_corrupt(const std::string& file, const char* message) {
  CAPTURE(std::string(message));
  expect_error([&] { open_torch(file); }, ErrorCode::corrupt, message);
}

}  // namespace

TEST_CASE("both forms give views of the storages, at their offsets, in the order of the dict") {
  const std::string dict = pk::dict({
      {"whole", pk::tensor(float_storage(), {0, {2, 3}, {3, 1}})},
      {"part", pk::tensor(float_storage(), {4, {2}, {1}})},
      {"turned", pk::tensor(float_storage(), {0, {3, 2}, {1, 3}})},
      {"scalar", pk::tensor(float_storage(), {5, {}, {}})},
      {"other", pk::tensor(float_storage("7", 2), {1, {1, 1}, {9, 9}})},
      {"none", pk::tensor(float_storage(), {0, {0, 4}, {4, 1}})},
      {"spread", pk::tensor(float_storage(), {2, {1, 4}, {0, 0}})},
  });
  const std::vector<StoredBytes> storages = {{"0", floats(6)}, {"7", floats(2)}};
  const BuiltZip zip = torch_zip(dict, storages);
  for (const std::string& bytes : {zip.bytes, torch_old(dict, storages, 4)}) {
    const StorageRef file = owned(bytes);
    const TorchFile opened = open_torch_file(file, "model.bin");
    const auto& t = opened.tensors;
    REQUIRE(t.size() == 7);
    CHECK(t[0].name == "whole");
    CHECK(t[0].shape == std::vector<int64_t>{2, 3});
    CHECK(t[0].strides.empty());
    CHECK(t[0].storage->data() == file->data());  // no copy
    CHECK(element<float>(t[0], 4) == 1.0F);
    CHECK(t[1].begin == t[0].begin + 16);
    CHECK(element<float>(t[1]) == 4.0F);
    CHECK(t[2].begin == t[0].begin);
    CHECK(t[2].strides == std::vector<int64_t>{1, 3});
    CHECK(t[3].shape.empty());
    CHECK(element<float>(t[3]) == 5.0F);
    CHECK(t[4].strides.empty());  // of length 1: strides say nothing
    CHECK(element<float>(t[4]) == 1.0F);
    CHECK(t[5].shape == std::vector<int64_t>{0, 4});
    CHECK(t[6].strides == std::vector<int64_t>{0, 0});
    CHECK(element<float>(t[6]) == 2.0F);
  }
}

TEST_CASE("every dtype of storages and of _rebuild_tensor_v3 is known") {
  const std::pair<const char*, DType> storages[] = {
      {"FloatStorage", DType::f32},       {"HalfStorage", DType::f16},
      {"BFloat16Storage", DType::bf16},   {"DoubleStorage", DType::f64},
      {"LongStorage", DType::i64},        {"IntStorage", DType::i32},
      {"ShortStorage", DType::i16},       {"CharStorage", DType::i8},
      {"ByteStorage", DType::u8},         {"BoolStorage", DType::boolean},
      {"ComplexFloatStorage", DType::c64}};
  for (const auto& [name, dtype] : storages) {
    const std::string dict =
        pk::dict({{"w", pk::tensor(pk::storage(name, "0", 3), {1, {2}, {1}})}});
    const std::vector<StoredBytes> data = {{"0", std::string(3 * bits(dtype) / 8, 'x')}};
    for (const std::string& file :
         {torch_zip(dict, data).bytes, torch_old(dict, data, bits(dtype) / 8)}) {
      const TorchFile opened = open_torch(file);
      REQUIRE(opened.tensors.size() == 1);
      CHECK(opened.tensors[0].dtype == dtype);
    }
  }
  const std::pair<const char*, DType> third[] = {{"float8_e4m3fn", DType::f8_e4m3},
                                                 {"float8_e5m2", DType::f8_e5m2},
                                                 {"uint16", DType::u16},
                                                 {"uint32", DType::u32},
                                                 {"uint64", DType::u64},
                                                 {"bfloat16", DType::bf16}};
  for (const auto& [name, dtype] : third) {
    const std::string untyped = "("s + pk::text("storage") +
                                pk::global("torch.storage", "UntypedStorage") + pk::text("0") +
                                pk::text("cpu") + pk::number(48) + "tQ";
    const std::string value = pk::global("torch._utils", "_rebuild_tensor_v3") + "("s + untyped +
                              pk::number(2) + pk::tuple({4}) + pk::tuple({1}) + "\x89}"s +
                              pk::global("torch", name) + "tR";
    const TorchFile opened =
        open_torch(torch_zip(pk::dict({{"w", value}}), {{"0", std::string(48, 'x')}}).bytes);
    REQUIRE(opened.tensors.size() == 1);
    CHECK(opened.tensors[0].dtype == dtype);
  }
  expect_error(
      [] {
        open_torch(
            torch_zip(
                pk::dict({{"w", pk::tensor(pk::storage("QInt8Storage", "0", 4), {0, {4}, {1}})}}),
                {{"0", "abcd"}})
                .bytes);
      },
      ErrorCode::denied, "torch.QInt8Storage");
}

TEST_CASE("parameters, sizes, old constructors and attributes of the dict are seen through") {
  const std::string plain = pk::tensor(float_storage(), {0, {6}, {1}});
  const std::string flags = "\x88"s + pk::global("collections", "OrderedDict") + ")R";
  const std::string parameter =
      pk::global("torch._utils", "_rebuild_parameter") + "("s + plain + flags + "tR";
  const std::string state =
      pk::global("torch._utils", "_rebuild_parameter_with_state") + "("s + plain + flags + "}tR";
  const std::string old_form = pk::global("torch._utils", "_rebuild_tensor") + "("s +
                               float_storage() + pk::number(1) + pk::global("torch", "Size") +
                               "("s + pk::tuple({2}) + "tR"s + pk::tuple({1}) + "tR";
  const std::string ordered = pk::kBegin + pk::global("collections", "OrderedDict") + ")R("s +
                              pk::text("p") + parameter + pk::text("s") + state + pk::text("o") +
                              old_form + pk::text("epoch") + pk::number(3) + "u}"s +
                              pk::text("_metadata") + "}sb.";
  const TorchFile opened = open_torch(torch_zip(ordered, {{"0", floats(6)}}).bytes);
  REQUIRE(opened.tensors.size() == 3);
  CHECK(opened.tensors[2].name == "o");
  CHECK(opened.tensors[2].shape == std::vector<int64_t>{2});
  CHECK(element<float>(opened.tensors[2]) == 1.0F);
  CHECK(opened.other_names == std::vector<std::string>{"epoch"});
}

TEST_CASE("of equal names the last value counts, at the first one's place") {
  const auto at = [](int64_t offset) { return pk::tensor(float_storage(), {offset, {1}, {1}}); };
  // "a" is set as one text, through the memo, and as another text.
  const std::string dict = pk::kBegin + "}("s + pk::text("a") + "q\x01"s + at(0) + pk::text("b") +
                           at(1) + pk::text("a") + at(2) + "h\x01"s + at(3) + "u.";
  const TorchFile opened = open_torch(torch_zip(dict, {{"0", floats(6)}}).bytes);
  REQUIRE(opened.tensors.size() == 2);
  CHECK(opened.tensors[0].name == "a");
  CHECK(element<float>(opened.tensors[0]) == 3.0F);
  CHECK(element<float>(opened.tensors[1]) == 1.0F);
}

TEST_CASE("a view of a storage in the old form begins where its metadata says") {
  const std::string view = "("s + pk::text("v") + pk::number(2) + pk::number(3) + "t";
  const auto dict = [&](int64_t offset, int64_t length) {
    return pk::dict(
        {{"w", pk::tensor(pk::storage("FloatStorage", "0", 6, view), {offset, {length}, {1}})}});
  };
  const TorchFile opened = open_torch(torch_old(dict(1, 2), {{"0", floats(6)}}, 4));
  CHECK(element<float>(opened.tensors[0]) == 3.0F);
  expect_corrupt(torch_old(dict(1, 3), {{"0", floats(6)}}, 4), "beyond its storage");
  for (const char* bad : {"5 2", "-1 2", "7 0", "0 7"}) {
    int64_t begin = 0, size = 0;
    REQUIRE(std::sscanf(bad, "%ld %ld", &begin, &size) == 2);
    const std::string outside = "("s + pk::text("v") + pk::number(begin) + pk::number(size) + "t";
    expect_corrupt(
        torch_old(pk::dict({{"w", pk::tensor(pk::storage("FloatStorage", "0", 6, outside),
                                             {0, {1}, {1}})}}),
                  {{"0", floats(6)}}, 4),
        "view lies outside");
  }
}

TEST_CASE("a big-endian file gives the same numbers") {
  std::string turned = floats(6);
  for (size_t i = 0; i < turned.size(); i += 4) std::reverse(&turned[i], &turned[i] + 4);
  const std::string dict = pk::dict({{"w", pk::tensor(float_storage(), {3, {3}, {1}})},
                                     {"tied", pk::tensor(float_storage(), {0, {6}, {1}})}});
  const TorchFile opened = open_torch(torch_zip(dict, {{"0", turned}}, "big").bytes);
  REQUIRE(opened.tensors.size() == 2);
  CHECK(element<float>(opened.tensors[0]) == 3.0F);
  CHECK(element<float>(opened.tensors[1], 20) == 5.0F);
  CHECK(opened.tensors[0].storage->data() == opened.tensors[1].storage->data());
  expect_corrupt(torch_zip(dict, {{"0", turned}}, "middle").bytes, "'middle'");
}

TEST_CASE("a tensor that leaves its storage, by whatever arithmetic, is corrupt and named") {
  const char* const beyond = "tensor 'w' (byte ";
  const int64_t huge = int64_t{1} << 62;
  const pk::Place places[] = {
      {0, {7}, {1}},          {1, {6}, {1}},         {6, {1}, {1}},
      {0, {2, 3}, {4, 1}},    {0, {2}, {6}},         {INT64_MAX, {1}, {1}},
      {huge, {1}, {1}},       {0, {2}, {huge}},      {0, {2, 2}, {INT64_MAX, INT64_MAX}},
      {0, {huge}, {4}},       {0, {3}, {huge + 1}},  {1, {INT64_MAX}, {1}},
      {0, {huge, 4}, {0, 0}}, {0, {huge}, {0}},      {0, {4294967296, 4294967296}, {0, 0}},
      {0, {5}, {INT64_MAX}},  {-1, {1}, {1}},        {0, {-1}, {1}},
      {0, {2}, {-1}},         {0, {6}, {}},          {0, {}, {1}},
      {0, {2, 3}, {3}},       {INT64_MIN, {1}, {1}},
  };
  for (const pk::Place& place : places) {
    CAPTURE(place.offset);
    expect_corrupt(one_placed(place), beyond);
  }
  expect_corrupt(one_placed({0, std::vector<int64_t>(65, 1), std::vector<int64_t>(65, 1)}), beyond);
  CHECK(open_torch(one_placed({5, {1}, {1}})).tensors.size() == 1);
  CHECK(open_torch(one_placed({6, {0}, {1}})).tensors.size() == 1);
  CHECK(open_torch(one_placed({0, std::vector<int64_t>(64, 1), std::vector<int64_t>(64, 1)}))
            .tensors.size() == 1);
}

TEST_CASE("a storage of another size than its record is corrupt") {
  const auto file = [](int64_t numel, size_t stored) {
    return torch_zip(pk::dict({{"w", pk::tensor(float_storage("0", numel), {0, {1}, {1}})}}),
                     {{"0", std::string(stored, 'x')}})
        .bytes;
  };
  CHECK(open_torch(file(6, 24)).tensors.size() == 1);
  for (const auto& [numel, stored] : {std::pair<int64_t, size_t>{7, 24},
                                      {5, 24},
                                      {6, 23},
                                      {6, 25},
                                      {int64_t{1} << 60, 24},
                                      {6, 0}}) {
    expect_corrupt(file(numel, stored), "its storage needs");
  }
  expect_corrupt(file(int64_t{1} << 62, 24), "size overflows");
  expect_corrupt(file(-1, 24), "no number");
  expect_corrupt(torch_zip(pk::dict({{"w", pk::tensor(float_storage("1"), {0, {1}, {1}})}}),
                           {{"0", floats(6)}})
                     .bytes,
                 "there is no record data/'1'");
}

TEST_CASE("a persistent id that names no storage is corrupt") {
  const auto id = [](const std::string& content) {
    return one(pk::tensor("("s + content + "tQ", {0, {1}, {1}}));
  };
  const std::string tag = pk::text("storage"), type = pk::global("torch", "FloatStorage");
  const std::string key = pk::text("0"), cpu = pk::text("cpu"), six = pk::number(6);
  CHECK(open_torch(id(tag + type + key + cpu + six)).tensors.size() == 1);
  CHECK(open_torch(id(tag + type + key + cpu + six + "N")).tensors.size() == 1);
  expect_corrupt(id(""), "names no storage");
  expect_corrupt(id(pk::text("module") + type + key + cpu + six), "names no storage");
  expect_corrupt(id(pk::number(1) + type + key + cpu + six), "names no storage");
  expect_corrupt(id(tag + type + key + cpu), "names no storage");
  expect_corrupt(id(tag + type + key + cpu + six + "NN"), "names no storage");
  expect_corrupt(id(tag + key + key + cpu + six), "type is no storage");
  expect_corrupt(id(tag + pk::global("torch", "float32") + key + cpu + six), "type is no storage");
  expect_corrupt(id(tag + type + six + cpu + six), "without a key");
  expect_corrupt(id(tag + type + pk::text("") + cpu + six), "without a key");
  expect_corrupt(id(tag + type + pk::text(std::string(256, 'k')) + cpu + six), "without a key");
  expect_corrupt(id(tag + type + key + cpu + key), "no number");
  expect_corrupt(id(tag + type + key + cpu + six + pk::number(1)), "view");
  expect_corrupt(id(tag + type + pk::text("../data.pkl") + cpu + six), "there is no record");
  expect_corrupt(one(pk::tensor(pk::text("storage") + "Q", {0, {1}, {1}})), "names no storage");
}

TEST_CASE("a tensor made of the wrong things is corrupt, what is no tensor is left out") {
  const std::string rebuild = pk::global("torch._utils", "_rebuild_tensor_v2");
  expect_corrupt(one(rebuild + ")R"), "made of 0 arguments");
  expect_corrupt(one(rebuild + "(NNNNNNNNNtR"), "made of 9 arguments");
  expect_corrupt(one(rebuild + "(NNNNNNtR"), "lies on what is no storage");
  expect_corrupt(one(rebuild + "("s + float_storage() + pk::number(0) + "NNNNtR"),
                 "shape that is no tuple");
  expect_corrupt(one(rebuild + "("s + float_storage() + pk::number(0) + pk::tuple({1}) +
                     pk::text("x") + "NNtR"),
                 "stride that is no tuple");
  expect_corrupt(
      one(rebuild + "("s + float_storage() + "N"s + pk::tuple({1}) + pk::tuple({1}) + "NNtR"),
      "offset that is no number");
  expect_corrupt(one(rebuild + "("s + float_storage() + pk::number(0) + "(NtNNNtR"),
                 "shape with an entry");
  expect_corrupt(one(pk::global("torch._utils", "_rebuild_tensor_v3") + "("s + float_storage() +
                     pk::number(0) + pk::tuple({1}) + pk::tuple({1}) + "NNNtR"),
                 "has no dtype");
  expect_corrupt(one(pk::global("torch._utils", "_rebuild_tensor_v3") + "("s + float_storage() +
                     pk::number(0) + pk::tuple({1}) + pk::tuple({1}) + "NN"s +
                     pk::global("torch", "int64") + "tR"),
                 "another dtype");
  const std::string wrap = pk::global("torch._utils", "_rebuild_parameter");
  expect_corrupt(one(wrap + ")R"), "parameter of nothing");
  for (const std::string& value :
       {std::string("N"), pk::number(1), std::string("}"), float_storage(),
        pk::global("torch", "float32"),
        wrap + "("s + wrap + "("s + wrap + "("s + wrap + "("s + wrap + "("s +
            pk::tensor(float_storage(), {0, {1}, {1}}) + "tRtRtRtRtR"}) {
    const TorchFile opened = open_torch(one(value));
    CHECK(opened.tensors.empty());
    CHECK(opened.other_names == std::vector<std::string>{"w"});
  }
  expect_corrupt(torch_zip(pk::kBegin + "].", {}).bytes, "no dict of tensors");
  expect_corrupt(torch_zip(pk::kBegin + "}K\x01Ns.", {}).bytes, "has no name");
  expect_corrupt(torch_zip(pk::dict({{"a\xFF", pk::tensor(float_storage(), {0, {1}, {1}})}}),
                           {{"0", floats(6)}})
                     .bytes,
                 "invalid UTF-8");
  expect_corrupt(torch_zip(pk::dict({{"a\0b"s, pk::tensor(float_storage(), {0, {1}, {1}})}}),
                           {{"0", floats(6)}})
                     .bytes,
                 "NUL");
}

TEST_CASE("an archive that torch.save did not write is corrupt or unsupported, and says so") {
  expect_corrupt(build_zip({}).bytes, "begins neither");
  expect_corrupt(build_zip({{"a.txt", "x"}}).bytes, "without data.pkl");
  expect_corrupt(build_zip({{"m/a.txt", "x"}, {"n/data.pkl", ""}}).bytes, "without m/data.pkl");
  BuiltZip damaged = torch_zip(pk::dict({}), {});
  CHECK(open_torch(damaged.bytes).tensors.empty());
  damaged.bytes[damaged.data[0]] ^= 1;
  expect_corrupt(damaged.bytes, "checksum");
  expect_error(
      [] {
        open_torch(build_zip({{"m/data.pkl", pk::dict({})}, {"m/constants.pkl", ""}}).bytes);
      },
      ErrorCode::unsupported, "TorchScript");
  expect_corrupt("", "begins neither");
  expect_corrupt("version https://git-lfs.github.com/spec/v1\n", "git lfs pull");
  expect_corrupt("<!DOCTYPE html>", "web page");
  expect_corrupt("\x10\0\0\0\0\0\0\0{\"a\":{}}"s, "a safetensors file?");
  expect_error([] { open_torch(std::string(257, '\0') + "ustar"s + std::string(250, '\0')); },
               ErrorCode::unsupported, "tar format");
}

TEST_CASE("the old form: each part that is missing or contradicts another is corrupt") {
  const std::string dict = pk::dict({{"w", pk::tensor(float_storage(), {0, {6}, {1}})}});
  const std::string good = torch_old(dict, {{"0", floats(6)}}, 4);
  CHECK(open_torch(good).tensors.size() == 1);
  for (size_t size = 1; size < good.size(); ++size) {
    CAPTURE(size);
    expect_error([&] { open_torch(good.substr(0, size)); }, ErrorCode::corrupt, "");
  }
  expect_corrupt(good + "x", "belong to nothing");
  expect_corrupt(dict, "no magic number");
  expect_corrupt(kOldHead.substr(0, 15) + pk::kBegin + "M\xE8\x03.", "format other than 1001");
  expect_corrupt(kOldHead.substr(0, 21) + pk::kBegin + "].", "no description");
  expect_corrupt(kOldHead + dict + pk::kBegin + "}.", "no list of storages");
  expect_corrupt(torch_old(dict, {{"1", floats(6)}}, 4), "belongs to no tensor");
  expect_corrupt(torch_old(dict, {{"0", floats(6)}, {"0", floats(6)}}, 4), "occurs twice");
  expect_corrupt(torch_old(dict, {{"0", floats(5)}}, 4), "has 5 elements, its tensors need 6");
  expect_corrupt(torch_old(dict, {}, 4), "is not in the file");
  expect_corrupt(kOldHead + dict + pk::kBegin +
                     "](K\x01"
                     "e.",
                 "without a name");
  const std::string two = pk::dict({{"w", pk::tensor(float_storage("0", 6), {0, {6}, {1}})},
                                    {"v", pk::tensor(float_storage("0", 5), {0, {5}, {1}})}});
  expect_corrupt(torch_old(two, {{"0", floats(6)}}, 4), "has two sizes");
}

TEST_CASE("tensors that together are more than four times the file are refused") {
  // One storage of 2 MB, named by ever more tensors.
  const std::string data(size_t{2} << 20, 'x');
  const auto file = [&](int count) {
    std::vector<std::pair<std::string, std::string>> items;
    for (int i = 0; i < count; ++i) {
      items.emplace_back("t"s + std::to_string(i),
                         pk::tensor(float_storage("0", 1 << 19), {0, {1 << 19}, {1}}));
    }
    return torch_zip(pk::dict(items), {{"0", data}}).bytes;
  };
  CHECK(open_torch(file(4)).tensors.size() == 4);
  expect_corrupt(file(5), "again and again");
  // A stride of 0 makes a large tensor of a small storage.
  expect_corrupt(one_placed({0, {1 << 30}, {0}}), "again and again");
}

TEST_CASE("a million names of one tensor take memory in proportion to the file") {
  const auto bomb = [](size_t count, bool same_name) {
    std::string code = pk::kBegin + "}("s + pk::text("n") + "q\x02"s +
                       pk::tensor(float_storage(), {0, {1}, {1}}) + "q\x03";
    for (size_t i = 0; i < count; ++i) {
      code += same_name ? "h\x02"s : "\x8C\x04"s + little(0x20202020 + i * 257, 4);
      code += "h\x03";
    }
    return torch_zip(code + "u.", {{"0", floats(6)}}).bytes;
  };
  const std::string same = bomb(1'000'000, true);
  start_peak();
  expect_error([&] { open_torch(same); }, ErrorCode::corrupt, "");
  CHECK(peak_bytes() <= 4 * same.size() + (size_t{4} << 20));
  // Few enough for the pickle, too many for the dict.
  const std::string some = bomb(30'000, false);
  start_peak();
  expect_error([&] { open_torch(some); }, ErrorCode::corrupt, "too many for a file");
  CHECK(peak_bytes() <= 4 * some.size() + (size_t{4} << 20));
  const std::string many = bomb(300'000, false);
  start_peak();
  expect_error([&] { open_torch(many); }, ErrorCode::corrupt, "out of proportion");
  CHECK(peak_bytes() <= 4 * many.size() + (size_t{4} << 20));
}

TEST_CASE("every checksum of the zip form is checked on demand") {
  BuiltZip zip =
      torch_zip(pk::dict({{"w", pk::tensor(float_storage(), {0, {6}, {1}})}}), {{"0", floats(6)}});
  check_torch_file(*owned(zip.bytes), "model.bin");
  zip.bytes[zip.data[2] + 3] ^= 1;
  CHECK(open_torch(zip.bytes).tensors.size() == 1);
  expect_error([&] { check_torch_file(*owned(zip.bytes), "model.bin"); }, ErrorCode::corrupt,
               "'m/data/0'");
}
