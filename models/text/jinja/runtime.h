// SPDX-License-Identifier: Apache-2.0
// Runtime: one rendering of a template: its budget, the line it is at, and the makers of values
// that keep to the budget. Filters, tests, methods and operators are functions of a Runtime.
#pragma once

#include <ctime>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "budget.h"
#include "value.h"

namespace tern::jinja {

/// Local time for strftime_now.
struct Clock {
  std::tm time{};
  int microseconds = 0;
};

class Runtime {
 public:
  explicit Runtime(const Limits& limits, std::function<Clock()> clock)
      : limits_(limits), clock_(std::move(clock)), left_(limits.steps) {}
  virtual ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  int line = 0;

  /// Error invalid_argument, with the line.
  [[noreturn]] void fail(std::string_view message) const;
  /// Error unsupported, with the line.
  [[noreturn]] void fail_unsupported(std::string_view construct) const;
  /// Error corrupt, with the line: a budget is used up.
  [[noreturn]] void fail_budget(std::string_view message) const;

  void step(int64_t n = 1) {
    left_ -= n;
    if (left_ < 0) fail_steps();
  }
  /// Before a string of `n` bytes is made, or as many are gone through.
  void bytes(size_t n);
  int64_t steps_left() const noexcept { return left_; }
  const Limits& limits() const noexcept { return limits_; }
  Clock now() const { return clock_(); }

  Value string(std::string text, bool markup = false);
  Value list(Values items) { return sequence(Kind::list, std::move(items)); }
  Value tuple(Values items) { return sequence(Kind::tuple, std::move(items)); }
  Value iterator(Values items, std::string_view name = "generator");
  Value dict(Dict&& dict);
  /// Dict::set with its checks: unhashable keys, cost.
  void set(Dict& dict, Value key, Value value);
  const Value* find(const Dict& dict, const Value& key);
  const Value* find(const Dict& dict, std::string_view key);
  /// Fails for what cannot be a key, and pays for its hash.
  void check_key(const Value& key);
  Value space(Dict&& attributes);

  bool equals(const Value& a, const Value& b);
  /// What Python's iter() goes through; fails for what is not iterable.
  Values items(const Value& v);
  /// len(); nullopt when there is none.
  std::optional<int64_t> size(const Value& v);
  /// str() and repr(), within the budget.
  std::string text(const Value& v);
  std::string repr(const Value& v);
  /// soft_str: a string as it is, with its markup.
  Value soft_text(const Value& v) { return v.is_string() ? v : string(text(v)); }
  /// Fails with the reason when `v` is undefined.
  void defined(const Value& v) const;

  Value call(const Value& callable, Arguments&& arguments);
  Value filter(std::string_view name, const Value& value, const Arguments& arguments);
  bool test(std::string_view name, const Value& value, const Arguments& arguments);

  /// Calls nested in one another, bounded by Limits::depth.
  class Nested {
   public:
    explicit Nested(Runtime& runtime);
    ~Nested() { --runtime_.calls_; }

   private:
    Runtime& runtime_;
  };

 protected:
  /// Calls a loop object.
  virtual Value call_loop(const Value& loop, Arguments&& arguments) = 0;
  int nesting_ = 0;  // evaluations within evaluations

 private:
  Value sequence(Kind kind, Values items);
  void check(const Extent& extent) const;
  [[noreturn]] void fail_steps() const;

  const Limits limits_;
  const std::function<Clock()> clock_;
  int64_t left_;
  int calls_ = 0;
  std::vector<Value> spaces_;  // every namespace, to break cycles at the end
};

/// The arguments of a call bound to parameter names, as Python binds them. Parameters without an
/// argument are null.
class Parameters {
 public:
  Parameters(Runtime& runtime, std::string_view what, const Arguments& arguments,
             std::initializer_list<std::string_view> names, size_t required = 0);

  const Value* operator[](size_t i) const { return values_[i]; }
  bool truth(size_t i, bool fallback) const { return values_[i] ? truthy(*values_[i]) : fallback; }
  /// An int; fails for anything else.
  int64_t integer(size_t i, int64_t fallback) const;
  std::string text(size_t i, std::string_view fallback) const;
  /// Present and not None.
  bool given(size_t i) const { return values_[i] && !values_[i]->is_none(); }

 private:
  Runtime& runtime_;
  std::string what_;
  std::vector<const Value*> values_;
};

// operators.cpp
enum class Binary { add, subtract, multiply, divide, floor_divide, modulo, power };
Value binary(Runtime& r, Binary op, const Value& a, const Value& b);
Value negative(Runtime& r, const Value& a);
Value positive(Runtime& r, const Value& a);
/// Python's < over numbers, strings, lists and tuples.
bool less(Runtime& r, const Value& a, const Value& b);
bool contains(Runtime& r, const Value& container, const Value& item);

// attributes.cpp: the sandboxed environment's getattr and getitem
Value attribute(Runtime& r, const Value& object, const std::string& name);
/// Attributes only, as the filter attr looks.
Value plain_attribute(Runtime& r, const Value& object, const std::string& name);
Value item(Runtime& r, const Value& object, const Value& key);
struct Slice {
  std::optional<int64_t> start, stop, step;
};
Value slice(Runtime& r, const Value& object, const Slice& slice);
/// The attributes of a loop; nullopt when it has none of that name.
std::optional<Value> loop_attribute(Runtime& r, const Value& loop, const std::string& name);

// methods_text.cpp, methods.cpp: nullopt when an object of that kind has no such attribute
std::optional<Value> text_method(Runtime& r, const Value& object, const std::string& name);
std::optional<Value> method(Runtime& r, const Value& object, const std::string& name);

// percent_format.cpp, brace_format.cpp
/// A format with markup escapes what it takes in.
std::string percent_format(Runtime& r, const Value& format, const Value& arguments);
std::string brace_format(Runtime& r, std::string_view format, const Arguments& arguments);

// to_json.cpp
struct JsonStyle {
  bool ensure_ascii = false;
  std::optional<std::string> indent;
  std::string item_separator = ", ", key_separator = ": ";
  bool sort_keys = false;
};
std::string to_json(Runtime& r, const Value& value, const JsonStyle& style);

// globals.cpp
/// range, dict, namespace, … ; missing when there is no global of that name.
Value global(std::string_view name);

/// A function of C++ as a value.
using Function = Value (*)(Runtime& r, const Value& self, const Arguments& arguments);
Value make_function(std::string_view name, Function function, Value self = Value::none());

}  // namespace tern::jinja
