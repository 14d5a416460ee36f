// SPDX-License-Identifier: Apache-2.0
// object.name, object[key] and object[a:b:c] as jinja2's immutable sandbox resolves them: an
// attribute first for the dot, an item first for the brackets; what begins with an underscore or
// would change a list or dict exists but is unsafe, and what is not there is undefined.
#include <algorithm>

#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"
#include "python_text.h"
#include "runtime.h"

namespace tern::jinja {

namespace {

Value unsafe(const Value& object, const std::string& name) {
  return make_undefined(
      cat("access to attribute '", name, "' of '", type_name(object), "' object is unsafe"));
}

/// Attributes that every Python object has, as far as templates try them.
bool is_internal(const std::string& name) {
  return name.size() > 4 && name.starts_with("__") && name.ends_with("__");
}

bool mutates(const Value& object, const std::string& name) {
  static constexpr std::string_view kList[] = {"append", "clear", "pop",    "reverse",
                                               "insert", "sort",  "extend", "remove"};
  static constexpr std::string_view kDict[] = {"clear", "pop", "popitem", "setdefault", "update"};
  if (object.is(Kind::list))
    return std::find(std::begin(kList), std::end(kList), name) != std::end(kList);
  return object.is(Kind::dict) &&
         std::find(std::begin(kDict), std::end(kDict), name) != std::end(kDict);
}

std::optional<Value> group_attribute(const Value& object, const std::string& name) {
  if (!object.is(Kind::tuple) || !object.as<List>().group) return std::nullopt;
  if (name == "grouper") return object.as<List>().items[0];
  if (name == "list") return object.as<List>().items[1];
  return std::nullopt;
}

Value cycler_next(Runtime& r, const Value& self, const Arguments&) {
  Cycler& cycler = self.as<Cycler>();
  r.step();
  const size_t at = cycler.at;
  cycler.at = (at + 1) % cycler.items.size();
  return cycler.items[at];
}

Value cycler_reset(Runtime&, const Value& self, const Arguments&) {
  self.as<Cycler>().at = 0;
  return Value::none();
}

std::optional<Value> own_attribute(Runtime& r, const Value& object, const std::string& name) {
  switch (object.kind()) {
    case Kind::space: {
      const Value* found = r.find(object.as<Space>().attributes, std::string_view(name));
      return found ? std::optional(*found) : std::nullopt;
    }
    case Kind::loop:
      return loop_attribute(r, object, name);
    case Kind::cycler:
      if (name == "current") return object.as<Cycler>().items[object.as<Cycler>().at];
      if (name == "next") return make_function(name, cycler_next, object);
      if (name == "reset") return make_function(name, cycler_reset, object);
      return std::nullopt;
    case Kind::joiner:
      if (name == "sep") return r.string(object.as<Joiner>().separator);
      return std::nullopt;
    case Kind::callable:
      if (name == "fromkeys" && object.as<Callable>().name == "dict") {
        return method(r, Value(Kind::dict, new Dict), name);
      }
      if (name == "name") return r.string(object.as<Callable>().name);
      return std::nullopt;
    case Kind::string:
      return text_method(r, object, name);
    default:
      if (auto found = group_attribute(object, name)) return found;
      return method(r, object, name);
  }
}

/// getattr of the sandbox; nullopt: AttributeError.
std::optional<Value> safe_attribute(Runtime& r, const Value& object, const std::string& name) {
  if (is_internal(name) || mutates(object, name)) return unsafe(object, name);
  return own_attribute(r, object, name);
}

Value no_such(const Value& object, const std::string& name) {
  return make_undefined(cat("'", type_name(object), " object' has no attribute '", name, "'"));
}

Value at(Runtime& r, const Values& items, int64_t index, const Value& object) {
  const auto size = static_cast<int64_t>(items.size());
  if (index < 0) index += size;
  if (index >= 0 && index < size) return items[static_cast<size_t>(index)];
  static_cast<void>(r);
  return make_undefined(cat(type_name(object), " object has no element ", index));
}

Value char_at(Runtime& r, const Value& object, int64_t index) {
  const String& string = object.as<String>();
  const auto size = static_cast<int64_t>(string.chars);
  const int64_t wanted = index < 0 ? index + size : index;
  if (wanted < 0 || wanted >= size) {
    return make_undefined(cat("str object has no element ", index));
  }
  if (string.chars == string.text.size()) {
    return make_string(string.text.substr(static_cast<size_t>(wanted), 1), string.markup);
  }
  r.bytes(string.text.size());
  const size_t begin = byte_of(string.text, static_cast<size_t>(wanted));
  return make_string(string.text.substr(begin, text::utf8_length(string.text[begin])),
                     string.markup);
}

/// obj[key]; nullopt: TypeError or LookupError.
std::optional<Value> own_item(Runtime& r, const Value& object, const Value& key) {
  if (object.is(Kind::dict)) {
    r.step(extent(key).weight);
    if (!hashable(key)) return std::nullopt;
    const Value* found = r.find(object.as<Dict>(), key);
    return found ? std::optional(*found) : std::nullopt;
  }
  if (!key.is_integral()) return std::nullopt;
  Value out;
  if (object.is(Kind::list) || object.is(Kind::tuple)) {
    out = at(r, object.as<List>().items, key.integer(), object);
  } else if (object.is_string()) {
    out = char_at(r, object, key.integer());
  } else if (object.is(Kind::range)) {
    const Range& range = object.as<Range>();
    const int64_t index = key.integer() < 0 ? key.integer() + range.size() : key.integer();
    if (index < 0 || index >= range.size()) return std::nullopt;
    return Value::of(range.at(index));
  } else {
    return std::nullopt;
  }
  return out;
}

/// Python's slice.indices.
struct Bounds {
  int64_t start, stop, step, count;
};

Bounds bounds(const Slice& slice, int64_t size) {
  Bounds b{0, 0, slice.step.value_or(1), 0};
  const int64_t low = b.step < 0 ? -1 : 0, high = b.step < 0 ? size - 1 : size;
  const auto clamp = [&](std::optional<int64_t> given, int64_t fallback) {
    if (!given) return fallback;
    const int64_t i = *given < 0 ? *given + size : *given;
    return std::clamp(i, low, high < low ? low : high);
  };
  b.start = clamp(slice.start, b.step < 0 ? high : low);
  b.stop = clamp(slice.stop, b.step < 0 ? low : high);
  Range range;
  range.start = b.start;
  range.stop = b.stop;
  range.step = b.step;
  b.count = range.size();
  return b;
}

Value slice_text(Runtime& r, const Value& object, const Slice& slice) {
  const String& string = object.as<String>();
  const Bounds b = bounds(slice, static_cast<int64_t>(string.chars));
  r.bytes(string.text.size());
  if (b.count == 0) return make_string("", string.markup);
  if (b.step == 1) {
    const size_t begin = byte_of(string.text, static_cast<size_t>(b.start));
    const std::string_view rest = std::string_view(string.text).substr(begin);
    return r.string(std::string(rest.substr(0, byte_of(rest, static_cast<size_t>(b.count)))),
                    string.markup);
  }
  std::vector<size_t> begins;
  begins.reserve(string.chars + 1);
  for (size_t i = 0; i < string.text.size(); i += text::utf8_length(string.text[i]))
    begins.push_back(i);
  r.step(static_cast<int64_t>(begins.size() / 16));
  begins.push_back(string.text.size());
  std::string out;
  for (int64_t k = 0; k < b.count; ++k) {
    const auto i = static_cast<size_t>(b.start + k * b.step);
    out.append(string.text, begins[i], begins[i + 1] - begins[i]);
  }
  return r.string(std::move(out), string.markup);
}

}  // namespace

Value attribute(Runtime& r, const Value& object, const std::string& name) {
  r.defined(object);
  if (auto found = safe_attribute(r, object, name)) return std::move(*found);
  if (object.is(Kind::dict)) {
    if (const Value* found = r.find(object.as<Dict>(), std::string_view(name))) return *found;
  }
  return no_such(object, name);
}

Value plain_attribute(Runtime& r, const Value& object, const std::string& name) {
  if (!object.is_undefined()) {
    if (auto found = safe_attribute(r, object, name)) return std::move(*found);
  }
  r.defined(object);
  return no_such(object, name);
}

Value item(Runtime& r, const Value& object, const Value& key) {
  r.defined(object);
  if (auto found = own_item(r, object, key)) return std::move(*found);
  if (key.is_string()) {
    if (auto found = safe_attribute(r, object, key.text())) return std::move(*found);
    return no_such(object, key.text());
  }
  constexpr int64_t kShown = 64;
  return make_undefined(cat(type_name(object), " object has no element ",
                            extent(key).weight > kShown ? "of that key" : r.repr(key)));
}

Value slice(Runtime& r, const Value& object, const Slice& slice) {
  r.defined(object);
  if (slice.step == 0) r.fail("slice step cannot be zero");
  if (object.is_string()) return slice_text(r, object, slice);
  if (object.is(Kind::range)) {
    const Range& range = object.as<Range>();
    const Bounds b = bounds(slice, range.size());
    auto* out = new Range;
    const Value held(Kind::range, out);
    const auto bound = [&](int64_t i, int64_t& to) {
      int64_t distance = 0;
      return __builtin_mul_overflow(i, range.step, &distance) ||
             __builtin_add_overflow(range.start, distance, &to);
    };
    if (bound(b.start, out->start) || bound(b.stop, out->stop) ||
        __builtin_mul_overflow(range.step, b.step, &out->step)) {
      r.fail_unsupported("an integer beyond 64 bits");
    }
    return held;
  }
  if (!object.is(Kind::list) && !object.is(Kind::tuple)) {
    r.fail(cat("'", type_name(object), "' object cannot be sliced"));
  }
  const Values& items = object.as<List>().items;
  const Bounds b = bounds(slice, static_cast<int64_t>(items.size()));
  r.step(b.count);
  Values out;
  out.reserve(static_cast<size_t>(b.count));
  for (int64_t k = 0; k < b.count; ++k)
    out.push_back(items[static_cast<size_t>(b.start + k * b.step)]);
  return object.is(Kind::list) ? r.list(std::move(out)) : r.tuple(std::move(out));
}

}  // namespace tern::jinja
