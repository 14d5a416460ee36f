// SPDX-License-Identifier: Apache-2.0
// Stack, memo and cells of the pickle interpreter, and what they may take.
#include "pickle_machine.h"

namespace tern::hub {

namespace {

constexpr uint64_t kFloor = uint64_t{1} << 20, kMostMemory = uint64_t{64} << 20;

}  // namespace

PickleMachine::PickleMachine(const PickleInput& input)
    : what_(input.what),
      globals_(input.globals),
      reader_(input.bytes.first(std::min<size_t>(input.bytes.size(), UINT32_MAX))),
      memory_(std::min(kMostMemory, kFloor + std::min(input.file_size, kMostMemory))) {
  pickle_.input_ = input.bytes;
  pickle_.offset_ = input.offset;
}

void PickleMachine::charge(uint64_t bytes) {
  if (bytes > memory_) reject("the objects of the pickle are out of proportion to the file's size");
  memory_ -= bytes;
}

void PickleMachine::push(Value value) {
  if (stack_.size() == deepest_) {
    charge(sizeof(Value));
    ++deepest_;
  }
  stack_.push_back(value);
}

Pickle::Value& PickleMachine::top() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) reject("the stack is empty");
  return stack_.back();
}

Pickle::Value PickleMachine::pop() {
  const Value value = top();
  stack_.pop_back();
  return value;
}

/// The first value above the last mark, which is taken away.
std::vector<Pickle::Value>::iterator PickleMachine::at_mark() {
  if (marks_.empty()) reject("there is no mark");
  const size_t mark = marks_.back();
  marks_.pop_back();
  return stack_.begin() + static_cast<std::ptrdiff_t>(mark);
}

Pickle::Value PickleMachine::make(Kind kind, std::span<const Value> items) {
  charge(sizeof(Pickle::Object) + items.size_bytes());
  const auto begin = static_cast<uint32_t>(pickle_.cells_.size());
  const auto size = static_cast<uint32_t>(items.size());
  pickle_.cells_.insert(pickle_.cells_.end(), items.begin(), items.end());
  pickle_.objects_.push_back({kind, static_cast<uint32_t>(at_), begin, size, size});
  return Value(kind, pickle_.objects_.size() - 1);
}

void PickleMachine::extend(Value container, std::span<const Value> items) {
  Pickle::Object& object = pickle_.objects_[container.payload()];
  auto& cells = pickle_.cells_;
  const auto added = static_cast<uint32_t>(items.size());
  if (object.capacity - object.size >= added) {
    std::copy(items.begin(), items.end(), cells.begin() + object.begin + object.size);
  } else if (object.begin + object.capacity == cells.size() && object.size == object.capacity) {
    charge(items.size_bytes());
    cells.insert(cells.end(), items.begin(), items.end());
    object.capacity += added;
  } else {
    const uint32_t room = object.size == 0 ? added : 2 * (object.size + added);
    charge(uint64_t{room} * sizeof(Value));
    const size_t begin = cells.size();
    cells.resize(begin + room);
    std::copy_n(cells.data() + object.begin, object.size, cells.data() + begin);
    std::copy(items.begin(), items.end(), cells.data() + begin + object.size);
    object.begin = static_cast<uint32_t>(begin);
    object.capacity = room;
  }
  object.size += added;
}

void PickleMachine::remember(uint64_t index) {
  const Value value = top();
  if (index >= memo_.size()) {
    charge((index + 1 - memo_.size()) * sizeof(Value));
    memo_.resize(index + 1, kUnset);
  }
  memo_[index] = value;
}

void PickleMachine::recall(uint64_t index) {
  if (index >= memo_.size() || memo_[index] == kUnset) {
    reject(cat("the memo has no entry ", index));
  }
  push(memo_[index]);
}

}  // namespace tern::hub
