// SPDX-License-Identifier: Apache-2.0
// The value side of Json: reading, building, copying and writing the tree. Nothing here recurses,
// because a tree may be as deep as a hostile file made it.
#include <charconv>
#include <cmath>
#include <limits>

#include "json_memory.h"

namespace tern::hub {

namespace {

// Whether a decimal number that no double can hold is too large (else it is too small): the decimal
// exponent of its first digit that is not zero.
bool overflows(std::string_view text) noexcept {
  if (text.starts_with('-')) text.remove_prefix(1);
  const size_t mark = text.find_first_of("eE");
  const std::string_view mantissa = text.substr(0, mark);
  const size_t digit = mantissa.find_first_of("123456789");
  if (digit == std::string_view::npos) return false;
  const size_t point = std::min(mantissa.find('.'), mantissa.size());
  int64_t exponent = 0;
  if (mark != std::string_view::npos) {
    std::string_view written = text.substr(mark + 1);
    const bool negative = written.starts_with('-');
    if (negative || written.starts_with('+')) written.remove_prefix(1);
    const auto [end, error] =
        std::from_chars(written.data(), written.data() + written.size(), exponent);
    if (error != std::errc()) exponent = std::numeric_limits<int32_t>::max();
    if (negative) exponent = -exponent;
  }
  // A mantissa is no longer than a file, so only an exponent near the limits of int64 could wrap.
  constexpr int64_t kFar = int64_t{1} << 60;
  if (exponent > kFar || exponent < -kFar) return exponent > 0;
  return exponent + static_cast<int64_t>(point) - static_cast<int64_t>(digit) > 0;
}

double parse_double(std::string_view text) noexcept {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  const double sign = text.starts_with('-') ? -1.0 : 1.0;
  if (text.ends_with("Infinity")) return sign * std::numeric_limits<double>::infinity();
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc()) return value;
  return overflows(text) ? sign * std::numeric_limits<double>::infinity() : sign * 0.0;
}

}  // namespace

std::span<const Json::Member> Json::members() const noexcept {
  if (!is_object()) return {};
  return {static_cast<const Member*>(data()), size()};
}

std::span<const Json> Json::elements() const noexcept {
  if (!is_array()) return {};
  return {static_cast<const Json*>(data()), size()};
}

const Json& Json::operator[](std::string_view key) const noexcept {
  static const Json kNull;
  const auto all = members();
  for (auto member = all.rbegin(); member != all.rend(); ++member) {
    if (member->first == key) return member->second;
  }
  return kNull;
}

bool Json::contains(std::string_view key) const noexcept {
  for (const Member& member : members()) {
    if (member.first == key) return true;
  }
  return false;
}

std::optional<bool> Json::boolean() const noexcept {
  return is_boolean() ? std::optional(size() != 0) : std::nullopt;
}

std::string_view Json::number_text() const noexcept {
  return is_number() ? bytes() : std::string_view();
}

std::optional<int64_t> Json::integer() const noexcept {
  const std::string_view text = number_text();
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> Json::number() const noexcept {
  return is_number() ? std::optional(parse_double(number_text())) : std::nullopt;
}

std::optional<std::string_view> Json::string() const noexcept {
  return is_string() ? std::optional(bytes()) : std::nullopt;
}

Json Json::text(Kind kind, std::string_view text) {
  JsonMemory memory;
  return memory.finish(Json(kind, memory.copy(text).data(), text.size()));
}

Json Json::make(bool value) {
  return Json(Kind::boolean, nullptr, value);
}

Json Json::make(int64_t value) {
  return text(Kind::number, std::to_string(value));
}

Json Json::make(double value) {
  if (std::isnan(value)) return text(Kind::number, "NaN");
  if (std::isinf(value)) return text(Kind::number, value < 0 ? "-Infinity" : "Infinity");
  char digits[64];
  const char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  std::string written(digits, static_cast<size_t>(end - digits));
  if (written.find_first_of(".e") == std::string::npos) written += ".0";
  return text(Kind::number, written);
}

Json Json::make(std::string_view value) {
  return text(Kind::string, value);
}

Json Json::array(std::vector<Json> elements) {
  JsonMemory memory;
  Json* const all = memory.take_array<Json>(elements.size());
  Json* to = all;
  for (Json& element : elements) new (to++) Json(memory.adopt(std::move(element)));
  return memory.finish(Json(Kind::array, all, elements.size()));
}

Json Json::object(std::vector<NewMember> members) {
  JsonMemory memory;
  Member* const all = memory.take_array<Member>(members.size());
  Member* to = all;
  for (auto& [name, value] : members) {
    new (to++) Member(memory.copy(name), memory.adopt(std::move(value)));
  }
  return memory.finish(Json(Kind::object, all, members.size()));
}

Json::Json(const Json& other) {
  if (other.kind() <= Kind::boolean) {
    tag_ = other.tag_ & ~kOwns;  // a parsed one owns the text it was read from
    return;
  }
  JsonMemory memory;
  std::vector<std::pair<const Json*, void*>> open;  // a container, and where its children go
  const auto copy = [&](const Json& from) {
    void* to = nullptr;
    switch (from.kind()) {
      case Kind::null:
        break;
      case Kind::boolean:
        break;
      case Kind::number:
      case Kind::string:
        return Json(from.kind(), memory.copy(from.bytes()).data(), from.size());
      case Kind::array:
        to = memory.take_array<Json>(from.size());
        break;
      case Kind::object:
        to = memory.take_array<Member>(from.size());
        break;
    }
    if (to) open.emplace_back(&from, to);
    return Json(from.kind(), to, from.size());
  };
  const Json whole = copy(other);
  while (!open.empty()) {
    const auto [from, children] = open.back();
    open.pop_back();
    auto* element = static_cast<Json*>(children);
    for (const Json& child : from->elements()) new (element++) Json(copy(child));
    auto* member = static_cast<Member*>(children);
    for (const auto& [name, child] : from->members()) {
      new (member++) Member(memory.copy(name), copy(child));
    }
  }
  *this = memory.finish(whole);
}

namespace {

void dump_scalar(const Json& value, std::string& out) {
  if (const auto string = value.string()) {
    out += json_quote(*string);
  } else if (value.is_number()) {
    out += value.number_text();
  } else if (const auto boolean = value.boolean()) {
    out += *boolean ? "true" : "false";
  } else {
    out += "null";
  }
}

}  // namespace

std::string Json::dump() const {
  struct Frame {
    const Json* value;
    size_t next;
  };
  std::string out;
  std::vector<Frame> open;
  const auto begin = [&](const Json& value) {
    if (value.kind() < Kind::array) return dump_scalar(value, out);
    out.push_back(value.is_array() ? '[' : '{');
    open.push_back({&value, 0});
  };
  begin(*this);
  while (!open.empty()) {
    const Json& value = *open.back().value;
    const size_t i = open.back().next++;
    const size_t count = value.is_array() ? value.elements().size() : value.members().size();
    if (i == count) {
      out.push_back(value.is_array() ? ']' : '}');
      open.pop_back();
      continue;
    }
    if (i > 0) out.push_back(',');
    if (value.is_array()) {
      begin(value.elements()[i]);
    } else {
      out += json_quote(value.members()[i].first) + ":";
      begin(value.members()[i].second);
    }
  }
  return out;
}

}  // namespace tern::hub
