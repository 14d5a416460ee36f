// SPDX-License-Identifier: Apache-2.0
#include "hdf5_answer.h"

#include <cstring>
#include <unordered_set>
#include <utility>

#include "../../engine/base/bytes.h"
#include "../../engine/base/checked.h"
#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "safetensors_header.h"

namespace tern::hub {

namespace {

[[noreturn]] void reject(std::string_view what, std::string_view problem) {
  fail(ErrorCode::corrupt, cat(what, ": ", problem));
}

/// Reads what the child wrote, which has ended by now.
class AnswerReader {
 public:
  AnswerReader(Hdf5Storages storages, std::string_view what)
      : storages_(std::move(storages)), what_(what) {}

  std::vector<KerasTensor> read() {
    std::memcpy(&answer_, storages_.list->data(), sizeof answer_);
    answer_.problem.back() = '\0';
    if (answer_.complete != 1) {
      reject(what_, "libhdf5 did not come to its end (in a process of its own): a damaged file?");
    }
    if (answer_.problem.front() != '\0') reject(what_, plain(answer_.problem.data()));
    const uint64_t room = storages_.list->size() - sizeof answer_;
    if (answer_.list_size > room) reject(what_, "libhdf5's process wrote no sound list");
    reader_ = ByteReader({storages_.list->data() + sizeof answer_, answer_.list_size});
    std::vector<KerasTensor> out;
    std::unordered_set<std::string> seen;
    for (uint64_t i = 0; i < answer_.records; ++i) {
      KerasTensor tensor = next();
      if (seen.insert(tensor.name).second) out.push_back(std::move(tensor));
    }
    return out;
  }

 private:
  /// The sentence holds names of the file.
  static std::string plain(std::string_view problem) {
    std::string out(problem);
    for (char& c : out) {
      if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F) c = '?';
    }
    return out;
  }

  KerasTensor next() {
    const auto record = reader_.read<Hdf5Record>();
    const auto name = record ? reader_.take(record->name_size) : std::nullopt;
    const size_t padding = record ? (8 - record->name_size % 8) % 8 : 0;
    if (!name || !reader_.take(padding)) reject(what_, "libhdf5's process wrote no sound list");
    const std::string shown = shown_name(as_text(*name).substr(0, 300));
    if (record->dtype == kHdf5OtherType) {
      fail(ErrorCode::unsupported, cat(what_, ": tensor ", shown,
                                       " is of a type that is none of "
                                       "integers, float16, bfloat16, float32 and float64"));
    }
    const DType dtype = checked_dtype(record->dtype);
    if (record->rank > kHdf5HighestRank) reject(what_, "libhdf5's process wrote no sound list");
    const StorageRef& storage = record->in_data ? storages_.data : storages_.file;
    uint64_t size = bits(dtype) / 8;
    std::vector<int64_t> shape;
    for (size_t i = 0; i < record->rank; ++i) {
      const auto dim = checked::cast<int64_t>(record->dims[i]);
      const auto product = checked::mul(size, record->dims[i]);
      if (!dim || !product) reject(what_, cat("tensor ", shown, " has too large a shape"));
      shape.push_back(*dim);
      size = *product;
    }
    const bool fits = record->begin <= storage->size() && size <= storage->size() - record->begin;
    if (size != record->size || !fits) {
      reject(what_, cat("tensor ", shown, " begins at byte ", record->begin, " and needs ", size,
                        " bytes, but ", record->in_data ? "what libhdf5 read" : "the file", " has ",
                        storage->size(), ": an incomplete download?"));
    }
    return {std::string(as_text(*name)), dtype, std::move(shape), storage,
            static_cast<size_t>(record->begin)};
  }

  DType checked_dtype(uint8_t number) const {
    for (const DType dtype :
         {DType::u8, DType::i8, DType::i16, DType::u16, DType::i32, DType::u32, DType::i64,
          DType::u64, DType::f16, DType::bf16, DType::f32, DType::f64}) {
      if (static_cast<uint8_t>(dtype) == number) return dtype;
    }
    reject(what_, "libhdf5's process wrote no sound list");
  }

  Hdf5Storages storages_;
  std::string_view what_;
  Hdf5Answer answer_ = {};
  ByteReader reader_{{}};
};

}  // namespace

std::vector<KerasTensor> read_hdf5_answer(Hdf5Storages storages, std::string_view what) {
  return AnswerReader(std::move(storages), what).read();
}

}  // namespace tern::hub
