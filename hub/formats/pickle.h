// SPDX-License-Identifier: Apache-2.0
// Python pickles (protocols 2 to 5) read as data. Nothing is ever run: a global is a name, and only
// names of the caller's list exist (any other is Error denied, which names it and the byte);
// calling one gives a `call` value that holds callee and arguments; a persistent id gives a
// `persistent` value. The opcodes are those that PyTorch's and Python's picklers write for dicts,
// lists, tuples, numbers and texts; others are denied by name (they make objects), bytes that are
// no opcode are corrupt. The interpreter has no recursion; steps and memory are bounded by the
// input's size. Values point into the input, which must outlive the Pickle.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "../../engine/base/api.h"
#include "../../engine/base/bytes.h"

namespace tern::hub {

/// A global that a pickle may name: `collections.OrderedDict` is {"collections", "OrderedDict"}.
struct PickleGlobal {
  enum class Use : uint8_t {
    name,  // may only be named
    call,  // may be called: gives a call value
    dict,  // called, it gives a dict (of the pairs in its argument, if there is one)
  };
  std::string_view module, name;
  Use use = Use::name;
};

struct PickleInput {
  Bytes bytes;            // begins with the pickle; what follows it is not looked at
  size_t offset = 0;      // of `bytes` in the file, for messages
  std::string_view what;  // the file's name
  std::span<const PickleGlobal> globals;
  /// Size of the whole file: the values take at most that and 1 MiB, and 64 MiB at most (while an
  /// array of them grows, three times as much).
  uint64_t file_size = 0;
};

class TERN_API Pickle {
 public:
  enum class Kind : uint8_t {
    none,
    boolean,
    integer,
    long_integer,
    real,
    text,
    bytes,
    global,
    tuple,
    list,
    dict,
    call,
    persistent,
  };

  /// Eight bytes: the kind, and the number, the place of the text in the input, or the object.
  class Value {
   public:
    Value() = default;
    Kind kind() const noexcept { return static_cast<Kind>(bits_ >> kPayload); }
    bool operator==(const Value& other) const noexcept = default;

   private:
    friend class Pickle;
    friend class PickleMachine;
    static constexpr int kPayload = 56;
    constexpr Value(Kind kind, uint64_t payload)
        : bits_(static_cast<uint64_t>(kind) << kPayload | payload) {}
    uint64_t payload() const noexcept { return bits_ & ((uint64_t{1} << kPayload) - 1); }
    uint64_t bits_ = 0;
  };

  /// Reads one pickle, up to its STOP.
  static Pickle parse(const PickleInput& input);

  Value root() const noexcept { return root_; }
  /// How many bytes of the input it took.
  size_t size() const noexcept { return size_; }

  /// Elements of a tuple or list; key, value, key, value … of a dict, in the order they were set;
  /// callee and arguments of a call; the id of a persistent. Empty for other kinds.
  std::span<const Value> items(Value value) const noexcept;
  /// nullopt when the value is of another kind, or an integer beyond 64 bits.
  std::optional<int64_t> integer(Value value) const noexcept;
  std::optional<bool> boolean(Value value) const noexcept;
  std::optional<std::string_view> text(Value value) const noexcept;
  /// The little-endian bytes of an integer written as LONG.
  std::optional<Bytes> long_bytes(Value value) const noexcept;
  /// Its index in PickleInput::globals.
  std::optional<size_t> global(Value value) const noexcept;
  /// The byte of the file at which an object (tuple to persistent) was made.
  size_t where(Value value) const noexcept;
  /// All persistent values, in the order in which they were made.
  std::vector<Value> persistents() const;

 private:
  friend class PickleMachine;
  struct Object {
    Kind kind;
    uint32_t at;                     // byte of the input
    uint32_t begin, size, capacity;  // its cells
  };

  const Object* object(Value value) const noexcept;

  Bytes input_;
  size_t offset_ = 0, size_ = 0;
  std::vector<Object> objects_;
  std::vector<Value> cells_;
  Value root_;
};

}  // namespace tern::hub
