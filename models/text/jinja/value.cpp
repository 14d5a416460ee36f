// SPDX-License-Identifier: Apache-2.0
// Equality, hashing, truth and names of values; see value.h.
#include "value.h"

#include <algorithm>
#include <cmath>

#include "../unicode/utf8.h"

namespace tern::jinja {

namespace {

constexpr size_t kFewKeys = 12;  // up to here a search is as fast as an index

constexpr size_t kFreeProbes = 8;  // more of them happen by chance only seldom

/// Every bit of `h` reaches every bit of the result: integers in a row, or at equal distances, go
/// anywhere.
uint64_t mix(uint64_t h) noexcept {
  for (int round = 0; round < 2; ++round) h = (h ^ h >> 32) * 0xD6E8FEB86659FD93;
  return h ^ h >> 32;
}

uint64_t hash_of(std::string_view text) noexcept {
  return mix(std::hash<std::string_view>()(text));
}

/// Equal values have equal hashes: 1, 1.0 and True are one key.
uint64_t hash_of(const Value& v) {
  switch (v.kind()) {
    case Kind::boolean:
    case Kind::integer:
      return mix(static_cast<uint64_t>(v.integer()));
    case Kind::real: {
      const double d = v.real();
      const bool whole = d >= -9e18 && d <= 9e18 && d == std::floor(d);
      return mix(whole ? static_cast<uint64_t>(static_cast<int64_t>(d)) : std::hash<double>()(d));
    }
    case Kind::string:
    case Kind::big:
      return hash_of(std::string_view(v.text()));
    case Kind::tuple: {
      uint64_t h = 7;
      for (const Value& item : v.as<List>().items) h = mix(h * 31 + hash_of(item));
      return h;
    }
    case Kind::range: {
      const Range& range = v.as<Range>();
      const auto size = static_cast<uint64_t>(range.size());
      uint64_t h = mix(size);
      if (size > 0) h = mix(h + static_cast<uint64_t>(range.start));
      return size > 1 ? mix(h + static_cast<uint64_t>(range.step)) : h;
    }
    case Kind::missing:
    case Kind::undefined:
    case Kind::none:
      return static_cast<uint64_t>(v.kind());
    default:
      return mix(reinterpret_cast<uintptr_t>(v.object()));
  }
}

uint32_t short_hash(uint64_t h) noexcept {
  return static_cast<uint32_t>(h);
}

bool equal_items(const Values& a, const Values& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), equal);
}

bool equal_dicts(const Dict& a, const Dict& b) {
  if (a.items.size() != b.items.size()) return false;
  return std::all_of(a.items.begin(), a.items.end(), [&](const auto& item) {
    int64_t collisions = 0;  // paid for with the weight
    const Value* other = b.find(item.first, collisions);
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

template <class Same>
size_t Dict::position(uint32_t hash, const Same& same, int64_t& collisions) const {
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask, probes = 1; slots_[at].item; at = (at + 1) & mask, ++probes) {
    if (probes > kFreeProbes) ++collisions;
    if (slots_[at].hash != hash) continue;
    const size_t i = slots_[at].item - 1;
    if (same(items[i].first)) return i;
    collisions += jinja::extent(items[i].first).weight;
  }
  return items.size();
}

size_t Dict::position(const Value& key, int64_t& collisions) const {
  const auto same = [&](const Value& other) { return equal(other, key); };
  if (!slots_.empty()) return position(short_hash(hash_of(key)), same, collisions);
  const auto at =
      std::find_if(items.begin(), items.end(), [&](const auto& item) { return same(item.first); });
  return static_cast<size_t>(at - items.begin());
}

const Value* Dict::find(const Value& key, int64_t& collisions) const {
  const size_t i = position(key, collisions);
  return i < items.size() ? &items[i].second : nullptr;
}

const Value* Dict::find(std::string_view key, int64_t& collisions) const {
  const auto same = [&](const Value& name) { return name.is_string() && name.text() == key; };
  if (!slots_.empty()) {
    const size_t i = position(short_hash(hash_of(key)), same, collisions);
    return i < items.size() ? &items[i].second : nullptr;
  }
  for (const auto& [name, value] : items) {
    if (same(name)) return &value;
  }
  return nullptr;
}

void Dict::insert(Slot slot, int64_t& collisions) {
  const size_t mask = slots_.size() - 1;
  size_t at = slot.hash & mask;
  for (size_t probes = 1; slots_[at].item; at = (at + 1) & mask, ++probes) {
    if (probes > kFreeProbes) ++collisions;
  }
  slots_[at] = slot;
}

void Dict::index_last(int64_t& collisions) {
  if (items.size() <= kFewKeys) return;
  const auto slot = [&](size_t i) {
    return Slot{short_hash(hash_of(items[i].first)), static_cast<uint32_t>(i + 1)};
  };
  if (slots_.empty()) {
    slots_.resize(4 * (kFewKeys + 4));
    for (size_t i = 0; i + 1 < items.size(); ++i) insert(slot(i), collisions);
  } else if (2 * items.size() > slots_.size()) {
    const std::vector<Slot> before = std::exchange(slots_, std::vector<Slot>(4 * slots_.size()));
    for (const Slot& s : before) {
      if (s.item) insert(s, collisions);
    }
  }
  insert(slot(items.size() - 1), collisions);
}

void Dict::set(Value key, Value value, int64_t& collisions) {
  extent.add(jinja::extent(key));
  extent.add(jinja::extent(value));
  int64_t met = 0;
  const size_t i = position(key, met);
  if (i < items.size()) {
    items[i].second = std::move(value);
  } else {
    items.emplace_back(std::move(key), std::move(value));
    index_last(met);
  }
  extent.weight += met;
  collisions += met;
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
    case Kind::string:
    case Kind::big:
      return {0, 1 + static_cast<int64_t>(v.text().size() / kBytesPerStep)};
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
