// SPDX-License-Identifier: Apache-2.0
// The zero-copy GGUF reader, versions 2 and 3, little endian. A file is: "GGUF", u32 version, u64
// number of tensors, u64 number of metadata entries; the entries {string key, u32 type, value}; the
// tensors' {string name, u32 rank, u64 dims[rank] (fastest first), u32 type, u64 offset}; zeros up
// to general.alignment (32); the tensors' bytes, each at its offset, a multiple of the alignment. A
// string is u64 length and bytes; an array u32 type, u64 count and the elements.
// Every rule is enforced before a value or tensor is handed out; a bad file is Error corrupt that
// names key or tensor, byte and likely cause. A tensor of a type that tern cannot compute with is
// no error here: its bytes are asked for with GgufFile::bytes, which is Error unsupported. Names
// and values are views into the file. Time is O(n log n) in the number of entries, memory at most
// four times the header. Stricter than llama.cpp: booleans are 0 or 1, keys and names are UTF-8
// without NUL. More lenient: tensors may lie in any order and with holes; arrays may nest.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../../engine/base/api.h"
#include "../../engine/base/bytes.h"
#include "../../engine/base/storage.h"
#include "gguf_types.h"

namespace tern::hub {

/// A metadata value. Accessors are nullopt when the value is of another kind.
class TERN_API GgufValue {
 public:
  GgufValue(GgufType type, GgufType element, uint64_t size, Bytes bytes)
      : type_(type), element_(element), size_(size), bytes_(bytes) {}

  GgufType type() const noexcept { return type_; }
  /// An array's type of elements, else type().
  GgufType element_type() const noexcept { return element_; }
  /// An array's number of elements, else 1.
  uint64_t size() const noexcept { return size_; }
  /// The value as it lies in the file; of an array its elements, of a string its text. Empty for
  /// arrays of strings and of arrays.
  Bytes bytes() const noexcept;

  /// An integer of any width that fits; of an array its element `i`.
  std::optional<int64_t> integer(uint64_t i = 0) const noexcept;
  /// An integer or floating number.
  std::optional<double> number(uint64_t i = 0) const noexcept;
  std::optional<bool> boolean(uint64_t i = 0) const noexcept;
  /// Any bytes: nothing says that it is UTF-8.
  std::optional<std::string_view> string() const noexcept;
  /// An array of strings.
  std::optional<std::vector<std::string_view>> strings() const;

 private:
  std::optional<Bytes> element(uint64_t i) const noexcept;

  GgufType type_, element_;
  uint64_t size_;
  Bytes bytes_;
};

/// The entries, sorted by key.
class TERN_API GgufMetadata {
 public:
  size_t size() const noexcept { return entries_.size(); }
  std::string_view key(size_t i) const noexcept;
  GgufValue value(size_t i) const noexcept;
  std::optional<GgufValue> find(std::string_view key) const noexcept;

 private:
  friend class GgufParser;
  Bytes file_;
  std::vector<size_t> entries_;  // where they begin in file_, which is known to be well-formed
};

struct GgufTensor {
  std::string_view name;
  GgmlType type;                 // of any value
  uint32_t rank;                 // 0 to 4
  std::array<uint64_t, 4> dims;  // fastest first, 1 beyond rank
  size_t begin, end;             // bytes from the start of the file; equal when `type` is unknown

  /// As safetensors and PyTorch count: slowest first.
  std::vector<int64_t> shape() const;
};

struct GgufHeader {
  uint32_t version = 0;
  uint64_t alignment = 32;
  size_t data_begin = 0;
  GgufMetadata metadata;
  std::vector<GgufTensor> tensors;  // in order of their bytes
};

/// Parses and validates a whole file. `what` names it in errors. The result refers to `file`.
/// unsupported: big endian, another version, nested arrays deeper than 4.
TERN_API GgufHeader parse_gguf(Bytes file, std::string_view what);

/// An opened file: header and the storage that it and its tensors lie in.
struct GgufFile {
  GgufHeader header;
  StorageRef storage;
  std::string name;

  /// unsupported names the tensor and its type, when that is none tern can compute with.
  TERN_API Bytes bytes(const GgufTensor& tensor) const;
};

/// Maps the file; the pages of tensors are not read in (Storage::populate does that).
TERN_API GgufFile open_gguf(const std::string& path);
TERN_API GgufFile open_gguf(StorageRef storage, std::string_view what);
/// Whether a file begins as GGUF does.
TERN_API bool is_gguf(Bytes head) noexcept;

}  // namespace tern::hub
