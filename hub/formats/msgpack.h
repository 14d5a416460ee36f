// SPDX-License-Identifier: Apache-2.0
// MessagePack, one value's head at a time, over bytes that nobody vouches for: texts, binaries and
// extension data are views of the bytes, nothing is allocated, and nothing recurses. A container's
// count is known to fit in what is left of the bytes before it is handed out. What is cut, or uses
// the reserved byte 0xC1, is Error corrupt that names the byte.
// Numbers that are no sizes (negative or floating) are passed over.
// Source: the specification at github.com/msgpack/msgpack. Called by flax.cpp. Not msgpack-cxx: it
// brings in Boost, believes counts, keeps a stack, does not say what a cut value announced, and the
// visitor it needs is as long as the decoding here.
#pragma once

#include <cstdint>
#include <string_view>

#include "../../engine/base/api.h"
#include "../../engine/base/bytes.h"

namespace tern::hub {

struct MsgpackValue {
  enum class Kind {
    nil,
    boolean,
    negative_integer,
    unsigned_integer,
    floating,
    text,
    binary,
    array,
    map,
    extension
  };
  Kind kind = Kind::nil;
  bool flag = false;
  uint64_t count = 0;  // elements of an array, pairs of a map, or the unsigned integer
  int8_t type = 0;     // of an extension
  Bytes bytes = {};    // of a text, binary or extension

  bool is(Kind k) const noexcept { return kind == k; }
};

class TERN_API MsgpackReader {
 public:
  /// `offset` is where `bytes` begin in the file, `what` names it: both for messages.
  MsgpackReader(Bytes bytes, std::string_view what, size_t offset = 0)
      : bytes_(bytes), what_(what), offset_(offset) {}

  /// The next head. What is inside an array or map follows as values of its own.
  MsgpackValue next();
  /// Passes over what is inside `value`, which next() gave last; in time of its bytes.
  void skip_inside(const MsgpackValue& value);

  bool at_end() const noexcept { return at_ == bytes_.size(); }
  /// In the file.
  size_t offset() const noexcept { return offset_ + at_; }
  /// corrupt, with the file and the byte where the reader stands.
  [[noreturn]] void reject(std::string_view problem) const;

 private:
  uint64_t number(size_t width);
  Bytes take(uint64_t count);
  MsgpackValue container(MsgpackValue::Kind kind, uint64_t count) const;
  MsgpackValue counted(uint8_t head);
  MsgpackValue scalar(uint8_t head);
  size_t left() const noexcept { return bytes_.size() - at_; }

  Bytes bytes_;
  std::string_view what_;
  size_t offset_, at_ = 0;
};

}  // namespace tern::hub
