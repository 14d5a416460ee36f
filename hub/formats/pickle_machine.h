// SPDX-License-Identifier: Apache-2.0
// The pickle interpreter: a stack of values, a stack of marks, a memo. Objects keep their elements
// in one array of cells; a list or dict that grows and is not the last one there moves to its end
// with twice the room. Opcodes: pickle_machine.cpp; stack, memo and cells: pickle_values.cpp.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "pickle.h"

namespace tern::hub {

class PickleMachine {
 public:
  explicit PickleMachine(const PickleInput& input);

  Pickle run();

 private:
  using Value = Pickle::Value;
  using Kind = Pickle::Kind;
  static constexpr Value kUnset{static_cast<Kind>(0xFF), 0};

  [[noreturn]] void reject(ErrorCode code, std::string_view problem) const {
    fail(code, cat(what_, ": byte ", pickle_.offset_ + at_, " of the pickle: ", problem));
  }
  [[noreturn]] void reject(std::string_view problem) const { reject(ErrorCode::corrupt, problem); }

  template <class T>
  T number() {
    const auto value = reader_.read<T>();
    if (!value) reject("the pickle is cut off: an incomplete download?");
    return *value;
  }
  Value referenced(Kind kind, uint64_t length);
  std::string_view line();
  void charge(uint64_t bytes);

  void push(Value value);
  Value pop();
  Value& top();
  std::vector<Value>::iterator at_mark();
  Value make(Kind kind, std::span<const Value> items);
  void extend(Value container, std::span<const Value> items);

  bool constant(uint8_t opcode);
  bool text(uint8_t opcode);
  bool container(uint8_t opcode);
  bool memo(uint8_t opcode);
  bool call(uint8_t opcode);
  void collect(Kind kind);
  void append(Kind kind, size_t count);
  void remember(uint64_t index);
  void recall(uint64_t index);
  void global(std::string_view module, std::string_view name);
  void reduce();
  void ordered_dict(std::span<const Value> arguments);
  void build();
  [[noreturn]] void refuse(uint8_t opcode) const;

  std::string_view what_;
  std::span<const PickleGlobal> globals_;
  ByteReader reader_;
  uint64_t memory_;
  size_t at_ = 0;  // of the opcode being run
  Pickle pickle_;
  std::vector<Value> stack_, memo_;
  std::vector<size_t> marks_;
  size_t deepest_ = 0;
};

}  // namespace tern::hub
