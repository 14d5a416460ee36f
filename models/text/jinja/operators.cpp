// SPDX-License-Identifier: Apache-2.0
// Arithmetic, order and membership as Python has them. Integers are of 64 bits: a result beyond
// that is an Error, not a wrong number.
#include <algorithm>
#include <cmath>

#include "../../../engine/base/format.h"
#include "python_text.h"
#include "runtime.h"

namespace tern::jinja {

namespace {

constexpr const char* kSymbols[] = {"+", "-", "*", "/", "//", "%", "**"};

[[noreturn]] void unsupported(Runtime& r, Binary op, const Value& a, const Value& b) {
  r.defined(a);
  r.defined(b);
  if (a.is(Kind::big) || b.is(Kind::big)) r.fail_unsupported("arithmetic beyond 64 bits");
  r.fail(cat("unsupported operand type(s) for ", kSymbols[static_cast<int>(op)], ": '",
             type_name(a), "' and '", type_name(b), "'"));
}

double as_real(const Value& v) noexcept {
  return v.is(Kind::real) ? v.real() : static_cast<double>(v.integer());
}

Value whole(Runtime& r, bool overflow, int64_t value) {
  if (overflow) r.fail_unsupported("an integer beyond 64 bits");
  return Value::of(value);
}

Value power(Runtime& r, int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) r.fail("0.0 cannot be raised to a negative power");
    return Value::of(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  int64_t out = 1;
  bool overflow = false;
  if (base == 0 || base == 1 || base == -1) exponent = exponent == 0 ? 0 : 2 - (exponent & 1);
  for (; exponent > 0 && !overflow; --exponent) overflow = __builtin_mul_overflow(out, base, &out);
  return whole(r, overflow, out);
}

Value integers(Runtime& r, Binary op, int64_t a, int64_t b) {
  int64_t out = 0;
  bool overflow = false;
  switch (op) {
    case Binary::add:
      overflow = __builtin_add_overflow(a, b, &out);
      return whole(r, overflow, out);
    case Binary::subtract:
      overflow = __builtin_sub_overflow(a, b, &out);
      return whole(r, overflow, out);
    case Binary::multiply:
      overflow = __builtin_mul_overflow(a, b, &out);
      return whole(r, overflow, out);
    case Binary::power:
      return power(r, a, b);
    default:
      break;
  }
  if (b == 0)
    r.fail(op == Binary::divide ? "division by zero" : "integer division or modulo by zero");
  if (op == Binary::divide) return Value::of(static_cast<double>(a) / static_cast<double>(b));
  if (b == -1)
    return op == Binary::modulo ? Value::of(int64_t{0}) : integers(r, Binary::subtract, 0, a);
  // Towards minus infinity; the remainder has the sign of b.
  const int64_t quotient = a / b, remainder = a % b;
  const bool adjust = remainder != 0 && (remainder < 0) != (b < 0);
  if (op == Binary::floor_divide) return Value::of(quotient - adjust);
  return Value::of(adjust ? remainder + b : remainder);
}

Value reals(Runtime& r, Binary op, double a, double b) {
  switch (op) {
    case Binary::add:
      return Value::of(a + b);
    case Binary::subtract:
      return Value::of(a - b);
    case Binary::multiply:
      return Value::of(a * b);
    case Binary::power: {
      if (a == 0 && b < 0) r.fail("0.0 cannot be raised to a negative power");
      const double out = std::pow(a, b);
      if (std::isnan(out) && !std::isnan(a) && !std::isnan(b))
        r.fail_unsupported("a complex number");
      if (std::isinf(out) && std::isfinite(a) && std::isfinite(b))
        r.fail("Numerical result out of range");
      return Value::of(out);
    }
    default:
      break;
  }
  if (b == 0)
    r.fail(op == Binary::divide ? "float division by zero" : "float floor division by zero");
  if (op == Binary::divide) return Value::of(a / b);
  double remainder = std::fmod(a, b);
  double quotient = (a - remainder) / b;
  if (remainder != 0) {
    if ((b < 0) != (remainder < 0)) {
      remainder += b;
      quotient -= 1;
    }
  } else {
    remainder = std::copysign(0.0, b);
  }
  if (op == Binary::modulo) return Value::of(remainder);
  if (quotient == 0) return Value::of(std::copysign(0.0, a / b));
  const double floor = std::floor(quotient);
  return Value::of(quotient - floor > 0.5 ? floor + 1 : floor);
}

Value repeat(Runtime& r, const Value& v, int64_t times) {
  const auto count = static_cast<uint64_t>(std::max<int64_t>(times, 0));
  if (v.is_string()) {
    const std::string& text = v.text();
    if (!text.empty() && count > r.limits().bytes / text.size()) r.bytes(r.limits().bytes + 1);
    r.bytes(text.size() * count);
    return make_string(repeated(text, text.empty() ? 0 : count), v.markup());
  }
  const Values& items = v.as<List>().items;
  if (!items.empty() && count > static_cast<uint64_t>(r.limits().steps) / items.size()) {
    r.step(r.limits().steps + 1);
  }
  r.step(static_cast<int64_t>(items.size() * count));
  Values out;
  for (uint64_t i = 0; i < count && !items.empty(); ++i)
    out.insert(out.end(), items.begin(), items.end());
  return v.is(Kind::list) ? r.list(std::move(out)) : r.tuple(std::move(out));
}

bool repeatable(const Value& v) noexcept {
  return v.is_string() || v.is(Kind::list) || v.is(Kind::tuple);
}

Value joined(Runtime& r, const Value& a, const Value& b) {
  if (a.is_string()) {
    const bool markup = a.markup() || b.markup();
    const std::string left = markup && !a.markup() ? escape_html(a.text()) : a.text();
    return r.string(left + (markup && !b.markup() ? escape_html(b.text()) : b.text()), markup);
  }
  Values out = a.as<List>().items;
  const Values& more = b.as<List>().items;
  r.step(static_cast<int64_t>(out.size() + more.size()));
  out.insert(out.end(), more.begin(), more.end());
  return a.is(Kind::list) ? r.list(std::move(out)) : r.tuple(std::move(out));
}

bool less_items(Runtime& r, const Values& a, const Values& b) {
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (!r.equals(a[i], b[i])) return less(r, a[i], b[i]);
  }
  return a.size() < b.size();
}

}  // namespace

Value binary(Runtime& r, Binary op, const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return integers(r, op, a.integer(), b.integer());
  if (op == Binary::modulo && a.is_string()) {
    return r.string(percent_format(r, a, b), a.markup());
  }
  if (a.is_number() && b.is_number() && !a.is(Kind::big) && !b.is(Kind::big)) {
    return reals(r, op, as_real(a), as_real(b));
  }
  if (op == Binary::add && a.kind() == b.kind() && repeatable(a)) return joined(r, a, b);
  if (op == Binary::multiply && repeatable(a) && b.is_integral()) return repeat(r, a, b.integer());
  if (op == Binary::multiply && repeatable(b) && a.is_integral()) return repeat(r, b, a.integer());
  unsupported(r, op, a, b);
}

Value negative(Runtime& r, const Value& a) {
  if (a.is_integral()) return integers(r, Binary::subtract, 0, a.integer());
  if (a.is(Kind::real)) return Value::of(-a.real());
  r.defined(a);
  if (a.is(Kind::big)) r.fail_unsupported("arithmetic beyond 64 bits");
  r.fail(cat("bad operand type for unary -: '", type_name(a), "'"));
}

Value positive(Runtime& r, const Value& a) {
  if (a.is(Kind::boolean)) return Value::of(a.integer());
  if (a.is_number()) return a;
  r.defined(a);
  r.fail(cat("bad operand type for unary +: '", type_name(a), "'"));
}

bool less(Runtime& r, const Value& a, const Value& b) {
  r.step();
  if (a.is_integral() && b.is_integral()) return a.integer() < b.integer();
  if (a.is_number() && b.is_number() && !a.is(Kind::big) && !b.is(Kind::big)) {
    // long double holds every int64 and every double.
    const auto wide = [](const Value& v) {
      return v.is(Kind::real) ? static_cast<long double>(v.real())
                              : static_cast<long double>(v.integer());
    };
    return wide(a) < wide(b);
  }
  if (a.is_string() && b.is_string()) {
    r.bytes(std::min(a.text().size(), b.text().size()));
    return a.text() < b.text();  // the order of UTF-8 is that of code points
  }
  if (a.kind() == b.kind() && (a.is(Kind::list) || a.is(Kind::tuple))) {
    return less_items(r, a.as<List>().items, b.as<List>().items);
  }
  r.defined(a);
  r.defined(b);
  if (a.is(Kind::big) || b.is(Kind::big)) r.fail_unsupported("order beyond 64 bits");
  r.fail(
      cat("'<' not supported between instances of '", type_name(a), "' and '", type_name(b), "'"));
}

bool contains(Runtime& r, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::string:
      if (!item.is_string()) {
        r.fail(cat("'in <string>' requires string as left operand, not ", type_name(item)));
      }
      r.bytes(container.text().size());
      return find_text(container.text(), item.text(), 0) != std::string_view::npos;
    case Kind::dict:
      return r.find(container.as<Dict>(), item) != nullptr;
    case Kind::undefined:
      return false;
    case Kind::view:
      if (container.as<View>().of == View::Of::keys) {
        return r.find(container.as<View>().dict.as<Dict>(), item) != nullptr;
      }
      break;
    case Kind::list:
    case Kind::tuple: {
      const Values& items = container.as<List>().items;
      return std::any_of(items.begin(), items.end(),
                         [&](const Value& v) { return r.equals(v, item); });
    }
    case Kind::range:
    case Kind::iterator:
      break;
    default:
      r.fail(cat("argument of type '", type_name(container), "' is not iterable"));
  }
  for (const Value& v : r.items(container)) {
    if (r.equals(v, item)) return true;
  }
  return false;
}

}  // namespace tern::jinja
