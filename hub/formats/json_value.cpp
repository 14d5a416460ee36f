// SPDX-License-Identifier: Apache-2.0
// The value side of Json: reading, building, copying, freeing and writing the tree. Nothing here
// recurses, because a tree may be as deep as a hostile file made it.
#include <charconv>
#include <cmath>
#include <limits>

#include "json.h"

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
    const auto [end, error] = std::from_chars(written.data(), written.data() + written.size(),
                                              exponent);
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

const std::vector<Json::Member>& Json::members() const noexcept {
  static const std::vector<Member> kNone;
  const auto* members = std::get_if<std::vector<Member>>(&value_);
  return members ? *members : kNone;
}

const std::vector<Json>& Json::elements() const noexcept {
  static const std::vector<Json> kNone;
  const auto* elements = std::get_if<std::vector<Json>>(&value_);
  return elements ? *elements : kNone;
}

const Json& Json::operator[](std::string_view key) const noexcept {
  static const Json kNull;
  const auto& all = members();
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
  const bool* value = std::get_if<bool>(&value_);
  return value ? std::optional(*value) : std::nullopt;
}

std::string_view Json::number_text() const noexcept {
  const Number* number = std::get_if<Number>(&value_);
  return number ? std::string_view(number->text) : std::string_view();
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
  const std::string* value = std::get_if<std::string>(&value_);
  return value ? std::optional<std::string_view>(*value) : std::nullopt;
}

Json Json::make(bool value) {
  Json out;
  out.value_ = value;
  return out;
}

Json Json::make(int64_t value) {
  Json out;
  out.value_.emplace<Number>(Number{std::to_string(value)});
  return out;
}

Json Json::make(double value) {
  Json out;
  std::string& text = out.value_.emplace<Number>().text;
  if (std::isnan(value)) {
    text = "NaN";
  } else if (std::isinf(value)) {
    text = value < 0 ? "-Infinity" : "Infinity";
  } else {
    char digits[64];
    const char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    text.assign(digits, static_cast<size_t>(end - digits));
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
  }
  return out;
}

Json Json::make(std::string_view value) {
  Json out;
  out.value_.emplace<std::string>(value);
  return out;
}

Json Json::array(std::vector<Json> elements) {
  Json out;
  out.value_ = std::move(elements);
  return out;
}

Json Json::object(std::vector<Member> members) {
  Json out;
  out.value_ = std::move(members);
  return out;
}

Json::Json(const Json& other) {
  std::vector<std::pair<const Json*, Json*>> open;
  const auto copy = [&open](const Json& from, Json& to) {
    if (from.kind() < Kind::array) {
      to.value_ = from.value_;
    } else {
      open.emplace_back(&from, &to);
    }
  };
  copy(other, *this);
  while (!open.empty()) {
    const auto [from, to] = open.back();
    open.pop_back();
    if (from->is_array()) {
      const auto& source = from->elements();
      auto& elements = to->value_.emplace<std::vector<Json>>(source.size());
      for (size_t i = 0; i < source.size(); ++i) copy(source[i], elements[i]);
    } else {
      const auto& source = from->members();
      auto& members = to->value_.emplace<std::vector<Member>>(source.size());
      for (size_t i = 0; i < source.size(); ++i) {
        members[i].first = source[i].first;
        copy(source[i].second, members[i].second);
      }
    }
  }
}

Json& Json::operator=(const Json& other) {
  Json copy(other);
  return *this = std::move(copy);
}

// No child has children: destroying this value goes at most two calls deep.
bool Json::shallow() const noexcept {
  for (const Json& child : elements()) {
    if (!child.elements().empty() || !child.members().empty()) return false;
  }
  for (const auto& [key, child] : members()) {
    if (!child.elements().empty() || !child.members().empty()) return false;
  }
  return true;
}

// Frees the tree without recursion and without allocating. `rest` is a container whose last child is
// taken off each round. A child that is deep itself swaps places with the rest: its first child is
// set aside, the rest moves into that slot, and the child becomes the new rest.
void Json::dismantle() noexcept {
  const auto take_last = [](Json& from) {
    Json child;
    if (auto* elements = std::get_if<std::vector<Json>>(&from.value_)) {
      child = std::move(elements->back());
      elements->pop_back();
    } else {
      auto& members = std::get<std::vector<Member>>(from.value_);
      child = std::move(members.back().second);
      members.pop_back();
    }
    return child;
  };
  const auto first_of = [](Json& of) -> Json& {
    auto* elements = std::get_if<std::vector<Json>>(&of.value_);
    return elements ? elements->front() : std::get<std::vector<Member>>(of.value_).front().second;
  };
  Json rest = std::move(*this);
  Json aside;  // a deep value waiting to be taken apart
  while (!aside.elements().empty() || !aside.members().empty() || !rest.elements().empty() ||
         !rest.members().empty()) {
    const bool waiting = !aside.elements().empty() || !aside.members().empty();
    Json child = waiting ? std::move(aside) : take_last(rest);
    aside = Json();
    if (child.shallow()) continue;
    Json& slot = first_of(child);
    aside = std::move(slot);
    slot = std::move(rest);
    rest = std::move(child);
  }
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
