// SPDX-License-Identifier: Apache-2.0
// Values of a template, as Python has them: a Value is a scalar or a counted reference to an
// object. Lists, tuples and dicts never change once made (the sandbox forbids it), so sharing is
// safe, and only namespaces and what a loop's changed() remembers could form cycles: the Runtime
// owns those and empties them at the end. Counts are atomic because a parsed template's constants
// are used by several threads. Values may hang from one another in long chains (a bound method of a
// list of a bound method …): they are destroyed one after the other, not one within the other.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tern::jinja {

class Runtime;

enum class Kind : uint8_t {
  missing,    // a variable that has not been set; never seen by a template
  undefined,  // jinja2's Undefined, with the reason
  none,
  boolean,
  integer,
  big,  // an integer beyond 64 bits: printed and compared, not calculated with
  real,
  string,
  list,
  tuple,
  dict,
  range,
  view,      // dict.keys(), .values(), .items()
  iterator,  // a generator: read once
  space,     // namespace()
  callable,  // functions, methods, macros
  loop,
  cycler,
  joiner,
};

struct Object {
  /// Shares of this; once there are none, the next object to be destroyed.
  mutable std::atomic<uintptr_t> uses{0};
  Object() = default;
  // A copy has its own count.
  Object(const Object&) noexcept {}
  Object& operator=(const Object&) noexcept { return *this; }
  virtual ~Object() = default;
};

class Value {
 public:
  Value() noexcept : kind_(Kind::missing), integer_(0) {}
  static Value none() noexcept { return Value(Kind::none, int64_t{0}); }
  static Value of(bool value) noexcept { return Value(Kind::boolean, int64_t{value}); }
  static Value of(int64_t value) noexcept { return Value(Kind::integer, value); }
  static Value of(double value) noexcept {
    Value out;
    out.kind_ = Kind::real;
    out.real_ = value;
    return out;
  }
  /// Takes a share of `object`, which is of the class that belongs to `kind`.
  Value(Kind kind, Object* object) noexcept : kind_(kind), object_(object) { hold(); }

  Value(const Value& other) noexcept : kind_(other.kind_), bits_(other.bits_) { hold(); }
  Value(Value&& other) noexcept : kind_(other.kind_), bits_(other.bits_) {
    other.kind_ = Kind::missing;
  }
  Value& operator=(const Value& other) noexcept {
    Value copy(other);
    swap(copy);
    return *this;
  }
  Value& operator=(Value&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Value() { drop(); }
  void swap(Value& other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(bits_, other.bits_);
  }

  Kind kind() const noexcept { return kind_; }
  bool is(Kind kind) const noexcept { return kind_ == kind; }
  bool is_string() const noexcept { return kind_ == Kind::string; }
  bool is_undefined() const noexcept { return kind_ == Kind::undefined; }
  bool is_none() const noexcept { return kind_ == Kind::none; }
  /// bool or int: Python's bool is an int.
  bool is_integral() const noexcept { return kind_ == Kind::boolean || kind_ == Kind::integer; }
  bool is_number() const noexcept {
    return is_integral() || kind_ == Kind::real || kind_ == Kind::big;
  }

  bool boolean() const noexcept { return integer_ != 0; }
  int64_t integer() const noexcept { return integer_; }
  double real() const noexcept { return real_; }
  Object* object() const noexcept { return object_; }
  template <class T>
  T& as() const noexcept {
    return static_cast<T&>(*object_);
  }
  /// The text of a string or a big integer.
  const std::string& text() const noexcept;
  /// An escaped string (Markup): what is joined to it is escaped.
  bool markup() const noexcept;

 private:
  Value(Kind kind, int64_t payload) noexcept : kind_(kind), integer_(payload) {}
  bool counted() const noexcept {
    return kind_ == Kind::undefined || (kind_ >= Kind::big && kind_ != Kind::real);
  }
  void hold() const noexcept {
    if (counted() && object_) object_->uses.fetch_add(1, std::memory_order_relaxed);
  }
  void drop() noexcept {
    if (!counted() || !object_) return;
    if (object_->uses.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(kind_, object_);
  }
  static void destroy(Kind kind, Object* object) noexcept;

  Kind kind_;
  union {
    int64_t integer_;
    double real_;
    Object* object_;
    uint64_t bits_;
  };
};

using Values = std::vector<Value>;

/// Why a value is undefined; using it is an error of that text.
struct Undefined : Object {
  std::string reason;
};

struct String : Object {
  std::string text;  // valid UTF-8
  size_t chars = 0;
  bool markup = false;
};

/// So much text weighs, and costs, as much as one value.
inline constexpr size_t kBytesPerStep = 64;

/// How far a value reaches: `height` is its nesting, so that walking it cannot exhaust the stack;
/// `weight` the number of its parts (and every 64 bytes of text), counted as often as they appear,
/// which is what a walk costs.
struct Extent {
  int height = 0;
  int64_t weight = 1;

  void add(const Extent& part) noexcept;
};

/// Lists and tuples.
struct List : Object {
  Values items;
  Extent extent{1, 1};
  bool group = false;  // a tuple of groupby, with attributes grouper and list
};

struct Dict : Object {
  std::vector<std::pair<Value, Value>> items;  // in order of insertion
  Extent extent{1, 1};

  /// Adds to `collisions` what this costs more than a look-up should: a template that chooses its
  /// keys chooses which of them collide.
  const Value* find(const Value& key, int64_t& collisions) const;
  const Value* find(std::string_view key, int64_t& collisions) const;
  /// The same; what collided is part of the extent, too, for comparing dicts meets it again.
  void set(Value key, Value value, int64_t& collisions);

 private:
  struct Slot {
    uint32_t hash = 0, item = 0;  // items[item - 1]; 0: free
  };
  /// By open addressing, once there are many items; a power of two, at most half full.
  std::vector<Slot> slots_;

  template <class Same>
  size_t position(uint32_t hash, const Same& same, int64_t& collisions) const;
  size_t position(const Value& key, int64_t& collisions) const;
  void insert(Slot slot, int64_t& collisions);
  void index_last(int64_t& collisions);
};

struct Range : Object {
  int64_t start = 0, stop = 0, step = 1;
  int64_t size() const noexcept;
  /// 0 <= i < size().
  int64_t at(int64_t i) const noexcept {
    // The product alone may not fit.
    return static_cast<int64_t>(static_cast<uint64_t>(start) +
                                static_cast<uint64_t>(i) * static_cast<uint64_t>(step));
  }
};

struct View : Object {
  enum class Of { keys, values, items } of = Of::keys;
  Value dict;
};

struct Iterator : Object {
  Values items;
  Extent extent{1, 1};
  size_t next = 0;
  std::string name;  // "generator"
};

struct Space : Object {
  Dict attributes;
};

struct Arguments {
  Values positional;
  std::vector<std::pair<std::string, Value>> named;
};

struct Callable : Object {
  std::string name;
  virtual Value call(Runtime& runtime, Arguments&& arguments) = 0;
};

struct Cycler : Object {
  Values items;
  size_t at = 0;
};

struct Joiner : Callable {
  std::string separator;
  bool used = false;
  Value call(Runtime& runtime, Arguments&& arguments) override;
};

// Makers that neither charge a budget nor check a limit (see Runtime for those that do).
Value make_string(std::string text, bool markup = false);
Value make_undefined(std::string reason);
Value make_big(std::string digits);

bool truthy(const Value& v);
/// Python's ==. The recursion is bounded by the height of values.
bool equal(const Value& a, const Value& b);
/// Python's `is`; strings and numbers are the same when they are equal.
bool identical(const Value& a, const Value& b);
/// False for lists, dicts and what holds them.
bool hashable(const Value& v);
/// "str", "list", …
std::string_view type_name(const Value& v);
/// {0, 1} for scalars, but for long texts.
Extent extent(const Value& v) noexcept;

}  // namespace tern::jinja
