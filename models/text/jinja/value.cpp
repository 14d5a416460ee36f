// SPDX-License-Identifier: Apache-2.0
// Equality, hashing, truth and names of values; see value.h.
#include "value.h"

#include <algorithm>
#include <cmath>

#include "../unicode/utf8.h"

namespace tern::jinja {

namespace {

constexpr size_t kFewKeys = 12;  // up to here a search is as fast as an index

/// Equal values have equal hashes: 1, 1.0 and True are one key.
size_t hash(const Value& v) {
  switch (v.kind()) {
    case Kind::boolean:
    case Kind::integer:
      return std::hash<int64_t>()(v.integer());
    case Kind::real: {
      const double d = v.real();
      const bool whole = d >= -9e18 && d <= 9e18 && d == std::floor(d);
      return whole ? std::hash<int64_t>()(static_cast<int64_t>(d)) : std::hash<double>()(d);
    }
    case Kind::string:
    case Kind::big:
      return std::hash<std::string>()(v.text());
    case Kind::tuple: {
      size_t h = 7;
      for (const Value& item : v.as<List>().items) h = h * 31 + hash(item);
      return h;
    }
    default:
      return static_cast<size_t>(v.kind());
  }
}

bool equal_items(const Values& a, const Values& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), equal);
}

bool equal_dicts(const Dict& a, const Dict& b) {
  if (a.items.size() != b.items.size()) return false;
  return std::all_of(a.items.begin(), a.items.end(), [&](const auto& item) {
    const Value* other = b.find(item.first);
    return other && equal(item.second, *other);
  });
}

bool equal_numbers(const Value& a, const Value& b) {
  if (a.is(Kind::big) || b.is(Kind::big)) {
    return a.kind() == b.kind() && a.text() == b.text();
  }
  if (a.is_integral() && b.is_integral()) return a.integer() == b.integer();
  if (a.is(Kind::real) && b.is(Kind::real)) return a.real() == b.real();
  const double d = a.is(Kind::real) ? a.real() : b.real();
  const int64_t i = a.is(Kind::real) ? b.integer() : a.integer();
  return d >= -9223372036854775808.0 && d < 9223372036854775808.0 && d == std::floor(d) &&
         static_cast<int64_t>(d) == i;
}

}  // namespace

const std::string& Value::text() const noexcept {
  return as<String>().text;
}

void Value::destroy(Kind kind, Object* object) noexcept {
  if (kind == Kind::string || kind == Kind::undefined || kind == Kind::big) {
    delete object;  // which holds no values
    return;
  }
  // What is let go while an object is destroyed waits in a list: the stack stays as it is.
  static thread_local Object* waiting = nullptr;
  static thread_local bool running = false;
  object->uses.store(reinterpret_cast<uintptr_t>(waiting), std::memory_order_relaxed);
  waiting = object;
  if (running) return;
  running = true;
  while (waiting) {
    Object* const next = waiting;
    waiting = reinterpret_cast<Object*>(next->uses.load(std::memory_order_relaxed));
    delete next;
  }
  running = false;
}

bool Value::markup() const noexcept {
  return kind_ == Kind::string && as<String>().markup;
}

size_t Dict::position(const Value& key) const {
  if (items.size() <= kFewKeys) {
    for (size_t i = 0; i < items.size(); ++i) {
      if (equal(items[i].first, key)) return i;
    }
    return items.size();
  }
  const auto [begin, end] = index_.equal_range(hash(key));
  for (auto at = begin; at != end; ++at) {
    if (equal(items[at->second].first, key)) return at->second;
  }
  return items.size();
}

const Value* Dict::find(const Value& key) const {
  const size_t i = position(key);
  return i < items.size() ? &items[i].second : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  if (items.size() > kFewKeys) return find(make_string(std::string(key)));
  for (const auto& [name, value] : items) {
    if (name.is_string() && name.text() == key) return &value;
  }
  return nullptr;
}

void Dict::set(Value key, Value value) {
  extent.add(jinja::extent(key));
  extent.add(jinja::extent(value));
  const size_t i = position(key);
  if (i < items.size()) {
    items[i].second = std::move(value);
    return;
  }
  items.emplace_back(std::move(key), std::move(value));
  if (items.size() == kFewKeys + 1) {
    for (size_t k = 0; k < items.size(); ++k) index_.emplace(hash(items[k].first), k);
  } else if (items.size() > kFewKeys) {
    index_.emplace(hash(items.back().first), items.size() - 1);
  }
}

int64_t Range::size() const noexcept {
  // The bounds come from templates, so the difference is taken without sign.
  const auto low = static_cast<uint64_t>(start), high = static_cast<uint64_t>(stop);
  if (step > 0) {
    if (start >= stop) return 0;
    return static_cast<int64_t>(
        std::min<uint64_t>((high - low - 1) / static_cast<uint64_t>(step) + 1, INT64_MAX));
  }
  if (start <= stop) return 0;
  const uint64_t stride = ~static_cast<uint64_t>(step) + 1;
  return static_cast<int64_t>(std::min<uint64_t>((low - high - 1) / stride + 1, INT64_MAX));
}

Value make_string(std::string text, bool markup) {
  auto* string = new String;
  string->chars = text::count_chars(text);
  string->text = std::move(text);
  string->markup = markup;
  return Value(Kind::string, string);
}

Value make_undefined(std::string reason) {
  auto* undefined = new Undefined;
  undefined->reason = std::move(reason);
  return Value(Kind::undefined, undefined);
}

Value make_big(std::string digits) {
  auto* string = new String;
  string->text = std::move(digits);
  return Value(Kind::big, string);
}

bool truthy(const Value& v) {
  switch (v.kind()) {
    case Kind::missing:
    case Kind::undefined:
    case Kind::none:
      return false;
    case Kind::boolean:
    case Kind::integer:
      return v.integer() != 0;
    case Kind::real:
      return v.real() != 0;
    case Kind::string:
      return !v.text().empty();
    case Kind::list:
    case Kind::tuple:
      return !v.as<List>().items.empty();
    case Kind::dict:
      return !v.as<Dict>().items.empty();
    case Kind::range:
      return v.as<Range>().size() != 0;
    case Kind::view:
      return !v.as<View>().dict.as<Dict>().items.empty();
    default:
      return true;
  }
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return equal_numbers(a, b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::undefined:
    case Kind::none:
      return true;
    case Kind::string:
      return a.text() == b.text();
    case Kind::list:
    case Kind::tuple:
      return a.object() == b.object() || equal_items(a.as<List>().items, b.as<List>().items);
    case Kind::dict:
      return a.object() == b.object() || equal_dicts(a.as<Dict>(), b.as<Dict>());
    case Kind::range: {
      const Range &x = a.as<Range>(), &y = b.as<Range>();
      if (x.size() != y.size()) return false;
      return x.size() == 0 || (x.start == y.start && (x.size() == 1 || x.step == y.step));
    }
    default:
      return a.object() == b.object();
  }
}

bool identical(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  if (a.is_undefined() || a.is(Kind::list) || a.is(Kind::dict)) return a.object() == b.object();
  return equal(a, b);
}

bool hashable(const Value& v) {
  if (v.is(Kind::list) || v.is(Kind::dict)) return false;
  if (!v.is(Kind::tuple)) return true;
  const Values& items = v.as<List>().items;
  return std::all_of(items.begin(), items.end(), hashable);
}

std::string_view type_name(const Value& v) {
  switch (v.kind()) {
    case Kind::missing:
    case Kind::undefined:
      return "Undefined";
    case Kind::none:
      return "NoneType";
    case Kind::boolean:
      return "bool";
    case Kind::integer:
    case Kind::big:
      return "int";
    case Kind::real:
      return "float";
    case Kind::string:
      return v.markup() ? "Markup" : "str";
    case Kind::list:
      return "list";
    case Kind::tuple:
      return "tuple";
    case Kind::dict:
      return "dict";
    case Kind::range:
      return "range";
    case Kind::view:
      return "dict view";
    case Kind::iterator:
      return "generator";
    case Kind::space:
      return "Namespace";
    case Kind::callable:
      return "function";
    case Kind::loop:
      return "LoopContext";
    case Kind::cycler:
      return "Cycler";
    case Kind::joiner:
      return "Joiner";
  }
  return "object";
}

void Extent::add(const Extent& part) noexcept {
  height = std::max(height, part.height + 1);
  weight = std::min(weight + part.weight, int64_t{1} << 60);
}

Extent extent(const Value& v) noexcept {
  switch (v.kind()) {
    case Kind::list:
    case Kind::tuple:
      return v.as<List>().extent;
    case Kind::dict:
      return v.as<Dict>().extent;
    case Kind::iterator:
      return v.as<Iterator>().extent;
    case Kind::view: {
      Extent out;
      out.add(v.as<View>().dict.as<Dict>().extent);
      return out;
    }
    default:
      return {};
  }
}

}  // namespace tern::jinja
