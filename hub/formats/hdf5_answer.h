// SPDX-License-Identifier: Apache-2.0
// What the child that runs libhdf5 (hdf5_library.cpp) leaves for this process: an Hdf5Answer at the
// start of the list, then a row of records, each with its name behind it. It is believed by nobody:
// the child has read a hostile file with a library that is not hardened.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "hdf5.h"

namespace tern::hub {

constexpr size_t kHdf5HighestRank = 32;
constexpr uint8_t kHdf5OtherType = 255;

/// One dataset; name_size bytes of name follow, then zeros up to a multiple of eight.
struct Hdf5Record {
  uint64_t begin, size;  // bytes, in the file or in the data
  uint32_t name_size;
  uint8_t dtype;    // a DType, or kHdf5OtherType
  uint8_t in_data;  // 1: read by libhdf5
  uint16_t rank;
  std::array<uint64_t, kHdf5HighestRank> dims;
};

struct Hdf5Answer {
  uint64_t complete;  // 1: the child has come to its end
  uint64_t records, list_size, data_size;
  std::array<char, 400> problem;  // a sentence, ended by a zero; empty when all went well
};

/// The file, and the child's two areas.
struct Hdf5Storages {
  StorageRef file, list, data;
};

/// Called when the child has ended. corrupt for a problem that the answer tells, and for an answer
/// that is not sound; unsupported for a tensor of another type.
TERN_API std::vector<KerasTensor> read_hdf5_answer(Hdf5Storages storages, std::string_view what);

}  // namespace tern::hub
