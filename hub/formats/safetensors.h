// SPDX-License-Identifier: Apache-2.0
// The zero-copy safetensors reader. A file is: u64 little-endian header length, JSON header
// {name: {dtype, shape, data_offsets: [begin, end]}, "__metadata__": {str: str}}, then the bytes.
// Every rule is enforced before a tensor is handed out (the offsets cover the buffer without hole or
// overlap, shape × dtype is the length, no duplicate, header ≤ 100 MB): a bad file is Error corrupt
// that names the tensor, the byte and the likely cause; an unknown dtype is Error unsupported.
// Tensors are views into the storage, at any alignment: the buffer follows the header directly, and
// files that do not pad the header (or hold odd sizes) put a tensor on any byte.
// Stricter than the Rust reference: duplicate keys, unknown keys of an entry, NUL in a name, more
// than 64 dimensions and more than 65536 metadata entries are corrupt. Time is O(n log n) in the
// number of tensors, memory at most four times the header.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "../../engine/base/bytes.h"
#include "../../engine/base/dtype.h"
#include "../../engine/base/shape.h"
#include "../../engine/base/storage.h"

namespace tern::hub {

struct TensorEntry {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;   // rank 0 to 64 (Tensor holds 8)
  size_t begin, end;            // bytes from the start of the file
};

struct SafetensorsHeader {
  std::vector<TensorEntry> tensors;                             // in order of their bytes
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// Parses and validates. `file_size` is the size of the whole file (8 + header + buffer); `head` has
/// at least the first 8 + header-length bytes of it. `what` names the file in errors.
TERN_API SafetensorsHeader parse_safetensors(Bytes head, uint64_t file_size, std::string_view what);

/// An opened file: header and the storage its tensors lie in.
struct SafetensorsFile {
  SafetensorsHeader header;
  StorageRef storage;
};

TERN_API SafetensorsFile open_safetensors(const std::string& path);
TERN_API SafetensorsFile open_safetensors(StorageRef storage, std::string_view what);

/// weight_map of a model.safetensors.index.json: tensor name → shard file name. corrupt / denied when
/// a shard's name is absolute, climbs out of the folder, or is no plain relative path; corrupt also
/// when a tensor is named twice. In file order.
TERN_API std::vector<std::pair<std::string, std::string>> parse_shard_index(std::string_view text,
                                                                            std::string_view what);

/// A tensor of a file that is to be written.
struct TensorSpec {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
};

/// How a file with these tensors begins and in which order their bytes follow, without a gap: the
/// same as the Rust reference's, tensors by dtype (widest first), then by name, the header padded
/// with spaces to eight bytes. invalid_argument names `path` and what cannot be written.
struct SafetensorsLayout {
  std::string head;           // the length and the header
  std::vector<size_t> order;  // indices of the tensors
  uint64_t size = 0;          // of the whole file
};
TERN_API SafetensorsLayout lay_out_safetensors(
    const std::vector<TensorSpec>& tensors,
    const std::vector<std::pair<std::string, std::string>>& metadata, std::string_view path);

/// What write_safetensors writes: the bytes are dense, row-major, of dtype and shape.
struct TensorToWrite {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
  Bytes bytes;
};
/// Writes a temporary file beside `path`, as lay_out_safetensors says, and renames it.
TERN_API void write_safetensors(
    const std::string& path, std::vector<TensorToWrite> tensors,
    const std::vector<std::pair<std::string, std::string>>& metadata = {});

}  // namespace tern::hub
