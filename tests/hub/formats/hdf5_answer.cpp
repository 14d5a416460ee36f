// SPDX-License-Identifier: Apache-2.0
// What the process that runs libhdf5 says is believed by nobody.
#include "../../../hub/formats/hdf5_answer.h"

#include <doctest/doctest.h>

#include <cstring>

#include "../../../engine/base/bytes.h"
#include "../expect_error.h"
#include "corruption.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace {

constexpr size_t kFile = 256, kData = 128;

struct Dataset {
  std::string name;
  DType dtype;
  std::vector<uint64_t> dims;
  uint64_t begin, size;
  bool in_data = false;
};

template <class T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string answer_of(const std::vector<Dataset>& datasets, std::string_view problem = "") {
  Hdf5Answer answer = {};
  std::string records;
  for (const Dataset& d : datasets) {
    Hdf5Record record = {};
    record.begin = d.begin;
    record.size = d.size;
    record.name_size = static_cast<uint32_t>(d.name.size());
    record.dtype = static_cast<uint8_t>(d.dtype);
    record.in_data = d.in_data;
    record.rank = static_cast<uint16_t>(d.dims.size());
    std::copy(d.dims.begin(), d.dims.end(), record.dims.begin());
    records += bytes_of(record) + d.name + std::string((8 - d.name.size() % 8) % 8, '\0');
  }
  answer.complete = 1;
  answer.records = datasets.size();
  answer.list_size = records.size();
  std::copy(problem.begin(), problem.end(), answer.problem.begin());
  return bytes_of(answer) + records;
}

std::vector<KerasTensor> read_answer(const std::string& list) {
  static const std::string file(kFile, 'f'), data(kData, 'd');
  const auto storage = [](const std::string& bytes) {
    return borrowed_storage(as_bytes(bytes).data(), bytes.size());
  };
  return read_hdf5_answer({storage(file), storage(list), storage(data)}, "tf_model.h5");
}

/// A file whose every field of interest can be set.
std::string with_record(const auto& change) {
  std::string list = answer_of({{"a:0", DType::f32, {2, 3}, 8, 24}});
  Hdf5Record record;
  std::memcpy(&record, list.data() + sizeof(Hdf5Answer), sizeof record);
  change(record);
  std::memcpy(list.data() + sizeof(Hdf5Answer), &record, sizeof record);
  return list;
}

const std::vector<Dataset> kDatasets = {{"m/a/kernel:0", DType::f32, {2, 3}, 8, 24},
                                        {"m/b:0", DType::f64, {}, 0, 8, true},
                                        {"m/a/kernel:0", DType::f32, {1}, 16, 4},
                                        {"m/none:0", DType::i64, {0, 5}, 0, 0}};

}  // namespace

TEST_CASE("sound answers of libhdf5's process become tensors of the file or of what it read") {
  const auto tensors = read_answer(answer_of(kDatasets));
  REQUIRE(tensors.size() == 3);  // a name that comes again stands for the same variable
  CHECK(tensors[0].name == "m/a/kernel:0");
  CHECK(tensors[0].shape == std::vector<int64_t>{2, 3});
  CHECK(tensors[0].begin == 8);
  CHECK(tensors[0].storage->size() == kFile);
  CHECK(tensors[1].dtype == DType::f64);
  CHECK(tensors[1].shape.empty());
  CHECK(tensors[1].storage->size() == kData);
  CHECK(tensors[2].shape == std::vector<int64_t>{0, 5});
}

TEST_CASE("unsound answers of libhdf5's process are refused by name") {
  const auto record = [](const auto& change) { return with_record(change); };
  Hdf5Answer long_list = {}, endless = {};
  long_list.complete = endless.complete = 1;
  long_list.list_size = 8;
  long_list.records = 1;
  endless.problem.fill('x');
  expect_errors(
      {{answer_of({}, "there is no attribute layer_names\n"), ErrorCode::corrupt,
        "tf_model.h5: there is no attribute layer_names?"},
       {bytes_of(Hdf5Answer{}), ErrorCode::corrupt, "did not come to its end"},
       {bytes_of(endless), ErrorCode::corrupt, "xxx"},
       {bytes_of(long_list), ErrorCode::corrupt, "no sound list"},
       {record([](auto& r) { r.name_size = UINT32_MAX; }), ErrorCode::corrupt, "no sound list"},
       {record([](auto& r) { r.rank = 33; }), ErrorCode::corrupt, "no sound list"},
       {record([](auto& r) { r.dtype = 200; }), ErrorCode::corrupt, "no sound list"},
       {record([](auto& r) { r.dtype = kHdf5OtherType; }), ErrorCode::unsupported,
        "'a:0' is of a type"},
       {record([](auto& r) { r.dims[0] = UINT64_MAX; }), ErrorCode::corrupt, "too large a shape"},
       {record([](auto& r) { r.dims[0] = r.dims[1] = uint64_t{1} << 32; }), ErrorCode::corrupt,
        "too large a shape"},
       {record([](auto& r) { r.dims[1] = 4; }), ErrorCode::corrupt, "needs 32 bytes"},
       {record([](auto& r) { r.size = 23; }), ErrorCode::corrupt, "'a:0' begins at byte 8"},
       {record([](auto& r) { r.begin = kFile - 23; }), ErrorCode::corrupt,
        "but the file has 256: an incomplete download?"},
       {record([](auto& r) { r.begin = UINT64_MAX; }), ErrorCode::corrupt,
        "an incomplete download?"},
       {record([](auto& r) {
          r.in_data = 1;
          r.begin = kData - 23;
        }),
        ErrorCode::corrupt, "but what libhdf5 read has 128: an incomplete download?"}},
      read_answer);
}

namespace {

void change(Corruptor& c, size_t at) {
  constexpr uint64_t kNumbers[] = {0,   1,   2,          8,          24,        33,
                                   255, 256, 1ull << 32, 1ull << 63, UINT64_MAX};
  // Where the records are: what stands in front of them is mostly an empty sentence.
  const size_t skip = c.below(8) ? sizeof(Hdf5Answer) : 0;
  at = skip + at % (c.file.size() > skip ? c.file.size() - skip : 1);
  if (at + 8 > c.file.size()) return;
  const uint64_t number = c.any(kNumbers);
  std::memcpy(c.file.data() + at / 8 * 8, &number, c.below(2) ? 8 : 4);
}

/// The answer has a fixed size, whatever has been put in or taken out, and mostly no problem.
void mend(Corruptor& c) {
  if (c.file.size() < sizeof(Hdf5Answer)) c.file.resize(sizeof(Hdf5Answer));
  if (c.below(8) == 0) return;
  const uint64_t complete = 1;
  std::memcpy(c.file.data(), &complete, sizeof complete);
  std::memset(c.file.data() + offsetof(Hdf5Answer, problem), 0, sizeof Hdf5Answer::problem);
}

const char* contradiction(const std::string& list) {
  for (const KerasTensor& tensor : read_answer(list)) {
    uint64_t size = bits(tensor.dtype) / 8;
    for (const int64_t dim : tensor.shape) size *= static_cast<uint64_t>(dim);
    if (tensor.begin > tensor.storage->size()) return "it begins outside";
    if (size > tensor.storage->size() - tensor.begin) return "it ends outside";
    if (tensor.name.size() > list.size()) return "a name outside";
  }
  return nullptr;
}

}  // namespace

TEST_CASE("any of a million corruptions of the answer of libhdf5's process is refused or sound") {
  const Counts counts =
      check_corruptions({.files = {answer_of(kDatasets), answer_of({kDatasets[0]})},
                         .seed = 7723,
                         .own = change,
                         .mend = mend,
                         .rarity_of_ends = 4},
                        contradiction);
  CHECK(counts.accepted > kRounds / 100);
  CHECK(counts.corrupt > kRounds / 4);
}
