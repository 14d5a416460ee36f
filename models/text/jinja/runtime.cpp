// SPDX-License-Identifier: Apache-2.0
// Budgets, makers, iteration and calls; see runtime.h.
#include "runtime.h"

#include <algorithm>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"

namespace tern::jinja {

namespace {

struct NativeFunction : Callable {
  Function function = nullptr;
  Value self;
  Value call(Runtime& runtime, Arguments&& arguments) override {
    return function(runtime, self, arguments);
  }
};

}  // namespace

Value make_function(std::string_view name, Function function, Value self) {
  auto* f = new NativeFunction;
  f->name = name;
  f->function = function;
  f->self = std::move(self);
  return Value(Kind::callable, f);
}

Runtime::~Runtime() {
  for (const Value& space : spaces_) space.as<Space>().attributes = Dict();
}

void Runtime::fail(std::string_view message) const {
  tern::fail(ErrorCode::invalid_argument, cat("chat template, line ", line, ": ", message));
}

void Runtime::fail_unsupported(std::string_view construct) const {
  tern::fail(ErrorCode::unsupported,
             cat("chat template, line ", line, ": ", construct, " is not supported"));
}

void Runtime::fail_budget(std::string_view message) const {
  tern::fail(ErrorCode::corrupt, cat("chat template, line ", line, ": ", message));
}

void Runtime::fail_steps() const {
  fail_budget(cat("it takes more than ", limits_.steps, " steps"));
}

void Runtime::bytes(size_t n) {
  if (n > limits_.bytes) {
    fail_budget(cat("a text would be longer than ", limits_.bytes, " bytes"));
  }
  step(static_cast<int64_t>(n / kBytesPerStep));
}

void Runtime::check(const Extent& extent) const {
  if (extent.height > kDeepestValue) {
    fail_budget(cat("a value is nested deeper than ", kDeepestValue));
  }
  if (extent.weight > kHeaviestValue) {
    fail_budget(cat("a value has more than ", kHeaviestValue, " parts"));
  }
}

Value Runtime::string(std::string text, bool markup) {
  bytes(text.size());
  return make_string(std::move(text), markup);
}

Value Runtime::sequence(Kind kind, Values items) {
  step(static_cast<int64_t>(items.size() / 4));
  auto* list = new List;
  const Value out(kind, list);
  for (const Value& item : items) list->extent.add(extent(item));
  check(list->extent);
  list->items = std::move(items);
  return out;
}

Value Runtime::iterator(Values items, std::string_view name) {
  step(static_cast<int64_t>(items.size() / 4));
  auto* iterator = new Iterator;
  const Value out(Kind::iterator, iterator);
  for (const Value& item : items) iterator->extent.add(extent(item));
  check(iterator->extent);
  iterator->items = std::move(items);
  iterator->name = name;
  return out;
}

Value Runtime::dict(Dict&& dict) {
  check(dict.extent);
  step(static_cast<int64_t>(dict.items.size() / 4));
  return Value(Kind::dict, new Dict(std::move(dict)));
}

void Runtime::check_key(const Value& key) {
  step(extent(key).weight);
  if (!hashable(key)) fail(cat("unhashable type: '", type_name(key), "'"));
}

void Runtime::set(Dict& dict, Value key, Value value) {
  check_key(key);
  int64_t collisions = 0;
  dict.set(std::move(key), std::move(value), collisions);
  step(collisions);
  check(dict.extent);
}

const Value* Runtime::find(const Dict& dict, const Value& key) {
  check_key(key);
  int64_t collisions = 0;
  const Value* const out = dict.find(key, collisions);
  step(collisions);
  return out;
}

const Value* Runtime::find(const Dict& dict, std::string_view key) {
  int64_t collisions = 0;
  const Value* const out = dict.find(key, collisions);
  step(collisions + static_cast<int64_t>(key.size() / kBytesPerStep));
  return out;
}

Value Runtime::space(Dict&& attributes) {
  auto* space = new Space;
  space->attributes = std::move(attributes);
  spaces_.emplace_back(Kind::space, space);
  step(4);
  return spaces_.back();
}

namespace {

/// Both are gone through together, as far as they are equal.
bool of_one_size(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  if (a.is(Kind::dict)) return a.as<Dict>().items.size() == b.as<Dict>().items.size();
  return (a.is(Kind::list) || a.is(Kind::tuple)) &&
         a.as<List>().items.size() == b.as<List>().items.size();
}

}  // namespace

bool Runtime::equals(const Value& a, const Value& b) {
  // Keys that collide in one of two dicts make it the heavier one.
  const int64_t x = extent(a).weight, y = extent(b).weight;
  step(of_one_size(a, b) ? std::max(x, y) : std::min(x, y));
  return equal(a, b);
}

Values Runtime::items(const Value& v) {
  Values out;
  switch (v.kind()) {
    case Kind::missing:
    case Kind::undefined:
      break;
    case Kind::list:
    case Kind::tuple:
      out = v.as<List>().items;
      break;
    case Kind::dict:
      for (const auto& item : v.as<Dict>().items) out.push_back(item.first);
      break;
    case Kind::view: {
      const View& view = v.as<View>();
      for (const auto& [key, value] : view.dict.as<Dict>().items) {
        if (view.of == View::Of::items) {
          step();
          out.push_back(tuple({key, value}));
        } else {
          out.push_back(view.of == View::Of::keys ? key : value);
        }
      }
      break;
    }
    case Kind::range: {
      const Range& range = v.as<Range>();
      step(range.size());
      for (int64_t i = 0; i < range.size(); ++i) out.push_back(Value::of(range.at(i)));
      return out;
    }
    case Kind::string: {
      const String& string = v.as<String>();
      step(static_cast<int64_t>(string.chars));
      for (size_t i = 0; i < string.text.size();) {
        const size_t length = text::utf8_length(string.text[i]);
        out.push_back(make_string(string.text.substr(i, length)));
        i += length;
      }
      return out;
    }
    case Kind::iterator: {
      Iterator& iterator = v.as<Iterator>();
      out.assign(iterator.items.begin() + static_cast<ptrdiff_t>(iterator.next),
                 iterator.items.end());
      iterator.next = iterator.items.size();
      break;
    }
    default:
      fail(cat("'", type_name(v), "' object is not iterable"));
  }
  step(static_cast<int64_t>(out.size()));
  return out;
}

std::optional<int64_t> Runtime::size(const Value& v) {
  switch (v.kind()) {
    case Kind::missing:
    case Kind::undefined:
      return 0;
    case Kind::string:
      return static_cast<int64_t>(v.as<String>().chars);
    case Kind::list:
    case Kind::tuple:
      return static_cast<int64_t>(v.as<List>().items.size());
    case Kind::dict:
      return static_cast<int64_t>(v.as<Dict>().items.size());
    case Kind::view:
      return static_cast<int64_t>(v.as<View>().dict.as<Dict>().items.size());
    case Kind::range:
      return v.as<Range>().size();
    case Kind::loop:
      return loop_attribute(*this, v, "length")->integer();
    default:
      return std::nullopt;
  }
}

void Runtime::defined(const Value& v) const {
  if (v.is_undefined()) fail(v.as<Undefined>().reason);
}

Value Runtime::call(const Value& callable, Arguments&& arguments) {
  step();
  if (callable.is(Kind::callable) || callable.is(Kind::joiner)) {
    return callable.as<Callable>().call(*this, std::move(arguments));
  }
  if (callable.is(Kind::loop)) return call_loop(callable, std::move(arguments));
  defined(callable);
  fail(cat("'", type_name(callable), "' object is not callable"));
}

Runtime::Nested::Nested(Runtime& runtime) : runtime_(runtime) {
  if (runtime.calls_ >= runtime.limits_.depth) {
    runtime.fail_budget(cat("calls are nested deeper than ", runtime.limits_.depth));
  }
  ++runtime.calls_;
}

Parameters::Parameters(Runtime& runtime, std::string_view what, const Arguments& arguments,
                       std::initializer_list<std::string_view> names, size_t required)
    : runtime_(runtime), what_(what), values_(names.size(), nullptr) {
  if (arguments.positional.size() > names.size()) {
    runtime.fail(cat(what, " takes at most ", names.size(), " argument(s) but ",
                     arguments.positional.size(), " were given"));
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto* at = std::find(names.begin(), names.end(), name);
    if (at == names.end()) {
      runtime.fail(cat(what, " got an unexpected keyword argument '", name, "'"));
    }
    const Value*& slot = values_[static_cast<size_t>(at - names.begin())];
    if (slot) runtime.fail(cat(what, " got multiple values for argument '", name, "'"));
    slot = &value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (!values_[i]) runtime.fail(cat(what, " is missing argument '", names.begin()[i], "'"));
  }
}

int64_t Parameters::integer(size_t i, int64_t fallback) const {
  if (!values_[i]) return fallback;
  runtime_.defined(*values_[i]);
  if (!values_[i]->is_integral()) {
    runtime_.fail(cat(what_, " expects an integer, not '", type_name(*values_[i]), "'"));
  }
  return values_[i]->integer();
}

std::string Parameters::text(size_t i, std::string_view fallback) const {
  if (!values_[i]) return std::string(fallback);
  if (!values_[i]->is_string()) {
    runtime_.defined(*values_[i]);
    runtime_.fail(cat(what_, " expects a string, not '", type_name(*values_[i]), "'"));
  }
  return values_[i]->text();
}

}  // namespace tern::jinja
