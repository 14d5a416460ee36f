// SPDX-License-Identifier: Apache-2.0
// Expressions; see interpreter.h.
#include "../../../engine/base/format.h"
#include "builtins.h"
#include "interpreter.h"

namespace tern::jinja {

static_assert(static_cast<int>(Op::power) == static_cast<int>(Binary::power));

Value Interpreter::eval(const Expr& e) {
  const Deeper deeper(*this);
  step();
  line = e.line;
  switch (e.kind) {
    case Expr::Kind::constant:
      return e.constant;
    case Expr::Kind::name:
    case Expr::Kind::attribute_target:
      return eval_name(e);
    case Expr::Kind::list:
      return list(eval_all(e.parts));
    case Expr::Kind::tuple:
      return tuple(eval_all(e.parts));
    case Expr::Kind::dict:
      return eval_dict(e);
    case Expr::Kind::negative:
      return negative(*this, eval(*e.parts[0]));
    case Expr::Kind::positive:
      return positive(*this, eval(*e.parts[0]));
    case Expr::Kind::logical_not:
      return Value::of(!truthy(eval(*e.parts[0])));
    case Expr::Kind::arithmetic:
      return eval_arithmetic(e);
    case Expr::Kind::logical:
      return eval_logical(e);
    case Expr::Kind::compare:
      return eval_compare(e);
    case Expr::Kind::concat:
      return eval_concat(e);
    case Expr::Kind::conditional:
      return eval_conditional(e);
    case Expr::Kind::postfix:
      break;
  }
  Value v = eval(*e.parts[0]);
  for (const Step& s : e.steps) v = apply(s, v);
  return v;
}

Value Interpreter::eval_name(const Expr& e) {
  const Value& v = slot(e.place);
  return v.is(Kind::missing) ? make_undefined(cat("'", e.name, "' is undefined")) : v;
}

Values Interpreter::eval_all(const std::vector<ExprPtr>& parts) {
  Values out;
  out.reserve(parts.size());
  for (const ExprPtr& part : parts) out.push_back(eval(*part));
  return out;
}

Value Interpreter::eval_dict(const Expr& e) {
  Dict out;
  for (size_t i = 0; i < e.parts.size(); i += 2) {
    Value key = eval(*e.parts[i]);
    set(out, std::move(key), eval(*e.parts[i + 1]));
  }
  return dict(std::move(out));
}

Value Interpreter::eval_logical(const Expr& e) {
  Value v = eval(*e.parts[0]);
  for (size_t i = 0; i < e.ops.size(); ++i) {
    if (truthy(v) == (e.ops[i] == Op::logical_or)) return v;
    v = eval(*e.parts[i + 1]);
  }
  return v;
}

bool Interpreter::compare(Op op, const Value& a, const Value& b) {
  switch (op) {
    case Op::eq:
      return equals(a, b);
    case Op::ne:
      return !equals(a, b);
    case Op::lt:
      return less(*this, a, b);
    case Op::gt:
      return less(*this, b, a);
    case Op::le:
      return less_equal(*this, a, b);
    case Op::ge:
      return less_equal(*this, b, a);
    case Op::in:
      return contains(*this, b, a);
    default:
      return !contains(*this, b, a);
  }
}

Value Interpreter::eval_compare(const Expr& e) {
  Value left = eval(*e.parts[0]);
  for (size_t i = 0; i < e.ops.size(); ++i) {
    Value right = eval(*e.parts[i + 1]);
    line = e.line;
    if (!compare(e.ops[i], left, right)) return Value::of(false);
    left = std::move(right);
  }
  return Value::of(true);
}

/// What str() makes of `parts`, in a row: the length is known before the text is made.
Value Interpreter::join(Values parts) {
  size_t size = 0;
  for (Value& part : parts) {
    if (part.is_string()) {
      bytes(part.text().size());
    } else {
      part = string(text(part));
    }
    size += part.text().size();
    if (size > limits().bytes) bytes(size);
  }
  std::string out;
  out.reserve(size);
  for (const Value& part : parts) out += part.text();
  return make_string(std::move(out));
}

Value Interpreter::eval_arithmetic(const Expr& e) {
  Value v = eval(*e.parts[0]);
  const auto plain = [](const Value& text) { return text.is_string() && !text.markup(); };
  // A sum of strings is written in one go: every + alone would copy all that is before it.
  Values sum;
  size_t size = 0;
  for (size_t i = 0; i < e.ops.size(); ++i) {
    Value right = eval(*e.parts[i + 1]);
    line = e.line;
    if (e.ops[i] == Op::add && plain(right) && (!sum.empty() || plain(v))) {
      if (sum.empty()) {
        size = v.text().size();
        sum.push_back(std::move(v));
      }
      size += right.text().size();
      if (size > limits().bytes) bytes(size);
      sum.push_back(std::move(right));
      continue;
    }
    if (!sum.empty()) v = join(std::exchange(sum, {}));
    v = binary(*this, static_cast<Binary>(e.ops[i]), v, right);
  }
  return sum.empty() ? v : join(std::move(sum));
}

Value Interpreter::eval_concat(const Expr& e) {
  return join(eval_all(e.parts));
}

Value Interpreter::eval_conditional(const Expr& e) {
  for (size_t i = e.parts.size() - 1; i > 0; --i) {
    if (truthy(eval(*e.parts[i]))) continue;
    if (i + 1 == e.parts.size() && e.otherwise) return eval(*e.otherwise);
    return make_undefined(cat("the inline if-expression on line ", e.parts[i]->line,
                              " evaluated to false and no else section was defined."));
  }
  return eval(*e.parts[0]);
}

Arguments Interpreter::eval_arguments(const CallArguments& a) {
  Arguments out;
  out.positional = eval_all(a.positional);
  for (const auto& [name, e] : a.named) out.named.emplace_back(name, eval(*e));
  if (a.star) {
    for (Value& v : items(eval(*a.star))) out.positional.push_back(std::move(v));
  }
  if (!a.star_star) return out;
  const Value more = eval(*a.star_star);
  if (!more.is(Kind::dict)) fail("argument after ** must be a mapping");
  for (const auto& [key, value] : more.as<Dict>().items) {
    if (!key.is_string()) fail("keywords must be strings");
    step(static_cast<int64_t>(out.named.size()));
    for (const auto& other : out.named) {
      if (other.first == key.text())
        fail(cat("got multiple values for keyword argument '", key.text(), "'"));
    }
    out.named.emplace_back(key.text(), value);
  }
  return out;
}

Value Interpreter::apply_slice(const Step& s, const Value& v) {
  const auto bound = [&](const ExprPtr& e) -> std::optional<int64_t> {
    if (!e) return std::nullopt;
    const Value value = eval(*e);
    if (value.is_none()) return std::nullopt;
    if (!value.is_integral()) {
      defined(value);
      fail("slice indices must be integers or None");
    }
    // No text or list is that long; the ends of int64 would overflow below.
    return std::clamp<int64_t>(value.integer(), -(int64_t{1} << 60), int64_t{1} << 60);
  };
  Slice range;
  range.start = bound(s.key);
  range.stop = bound(s.stop);
  range.step = bound(s.stride);
  line = s.line;
  return slice(*this, v, range);
}

Value Interpreter::apply(const Step& s, const Value& v) {
  step();
  switch (s.kind) {
    case Step::Kind::attribute:
      line = s.line;
      return attribute(*this, v, s.name);
    case Step::Kind::item: {
      const Value key = eval(*s.key);
      line = s.line;
      return item(*this, v, key);
    }
    case Step::Kind::slice:
      return apply_slice(s, v);
    case Step::Kind::call: {
      Arguments arguments = eval_arguments(s.arguments);
      line = s.line;
      return call(v, std::move(arguments));
    }
    case Step::Kind::filter: {
      const Arguments arguments = eval_arguments(s.arguments);
      line = s.line;
      return filter(s.name, v, arguments);
    }
    case Step::Kind::test: {
      const Arguments arguments = eval_arguments(s.arguments);
      line = s.line;
      return Value::of(test(s.name, v, arguments) != s.negated);
    }
  }
  return v;
}

}  // namespace tern::jinja
