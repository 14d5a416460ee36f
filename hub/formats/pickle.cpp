// SPDX-License-Identifier: Apache-2.0
// What a Pickle answers about its values. How it is made: pickle_machine.h.
#include "pickle.h"

namespace tern::hub {

const Pickle::Object* Pickle::object(Value value) const noexcept {
  return value.kind() >= Kind::tuple ? &objects_[value.payload()] : nullptr;
}

std::span<const Pickle::Value> Pickle::items(Value value) const noexcept {
  const Object* found = object(value);
  return found ? std::span(cells_).subspan(found->begin, found->size) : std::span<const Value>();
}

std::optional<Bytes> Pickle::long_bytes(Value value) const noexcept {
  if (value.kind() != Kind::long_integer) return std::nullopt;
  return input_.subspan(value.payload() >> 24, value.payload() & 0xFFFFFF);
}

std::optional<int64_t> Pickle::integer(Value value) const noexcept {
  if (value.kind() == Kind::integer) {
    constexpr int kUnused = 64 - Value::kPayload;
    return static_cast<int64_t>(value.payload() << kUnused) >> kUnused;
  }
  const auto bytes = long_bytes(value);
  if (!bytes || bytes->size() > sizeof(int64_t)) return std::nullopt;
  const bool negative = !bytes->empty() && (bytes->back() & std::byte{0x80}) != std::byte{0};
  uint64_t bits = negative ? ~uint64_t{0} : 0;
  for (size_t i = bytes->size(); i-- > 0;) bits = bits << 8 | static_cast<uint64_t>((*bytes)[i]);
  return static_cast<int64_t>(bits);
}

std::optional<bool> Pickle::boolean(Value value) const noexcept {
  return value.kind() == Kind::boolean ? std::optional(value.payload() != 0) : std::nullopt;
}

std::optional<std::string_view> Pickle::text(Value value) const noexcept {
  if (value.kind() != Kind::text) return std::nullopt;
  return as_text(input_).substr(value.payload() >> 24, value.payload() & 0xFFFFFF);
}

std::optional<size_t> Pickle::global(Value value) const noexcept {
  return value.kind() == Kind::global ? std::optional(static_cast<size_t>(value.payload()))
                                      : std::nullopt;
}

size_t Pickle::where(Value value) const noexcept {
  const Object* found = object(value);
  return offset_ + (found ? found->at : 0);
}

std::vector<Pickle::Value> Pickle::persistents() const {
  std::vector<Value> found;
  for (size_t i = 0; i < objects_.size(); ++i) {
    if (objects_[i].kind == Kind::persistent) found.push_back(Value(Kind::persistent, i));
  }
  return found;
}

}  // namespace tern::hub
