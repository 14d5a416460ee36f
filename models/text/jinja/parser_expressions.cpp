// SPDX-License-Identifier: Apache-2.0
// Expressions; see parser.h. The order of precedence is jinja2's, which is not quite Python's: a
// sign binds before **, which goes from the left, and filters bind tighter than any operator.
#include "../../../engine/base/format.h"
#include "parser.h"

namespace tern::jinja {

namespace {

struct Operator {
  std::string_view text;
  Op op;
};
constexpr Operator kSums[] = {{"+", Op::add}, {"-", Op::subtract}};
constexpr Operator kProducts[] = {
    {"*", Op::multiply}, {"/", Op::divide}, {"//", Op::floor_divide}, {"%", Op::modulo}};
constexpr Operator kPowers[] = {{"**", Op::power}};
constexpr Operator kComparisons[] = {{"==", Op::eq}, {"!=", Op::ne}, {"<", Op::lt},
                                     {"<=", Op::le}, {">", Op::gt},  {">=", Op::ge}};

template <size_t N>
const Operator* find_operator(const Operator (&table)[N], const Token& token) {
  if (token.kind != Token::Kind::op) return nullptr;
  const auto* at = std::find_if(std::begin(table), std::end(table),
                                [&](const Operator& o) { return o.text == token.text; });
  return at == std::end(table) ? nullptr : at;
}

}  // namespace

ExprPtr Parser::make_expr(Expr::Kind kind, int line) const {
  auto out = std::make_unique<Expr>();
  out->kind = kind;
  out->line = line;
  return out;
}

ExprPtr Parser::expression(bool conditional) {
  const Nested nested(*this);
  return conditional ? conditional_expression() : logical(true);
}

/// a if b if c else d: the conditions stand in one list, however many they are.
ExprPtr Parser::conditional_expression() {
  ExprPtr value = logical(true);
  if (!current().is_name("if")) return value;
  ExprPtr out = make_expr(Expr::Kind::conditional, value->line);
  out->parts.push_back(std::move(value));
  while (skip_name("if")) {
    if (out->parts.size() > static_cast<size_t>(limits_.depth)) {
      fail_syntax(current().line, "too many conditions in a row");
    }
    out->line = current().line;
    out->parts.push_back(logical(true));
  }
  if (skip_name("else")) out->otherwise = expression();
  return out;
}

ExprPtr Parser::logical(bool is_or) {
  const int line = current().line;
  ExprPtr first = is_or ? logical(false) : negation();
  if (!current().is_name(is_or ? "or" : "and")) return first;
  ExprPtr out = make_expr(Expr::Kind::logical, line);
  out->parts.push_back(std::move(first));
  while (skip_name(is_or ? "or" : "and")) {
    out->ops.push_back(is_or ? Op::logical_or : Op::logical_and);
    out->parts.push_back(is_or ? logical(false) : negation());
  }
  return out;
}

ExprPtr Parser::negation() {
  if (!current().is_name("not")) return comparison();
  const Nested nested(*this);
  ExprPtr out = make_expr(Expr::Kind::logical_not, next().line);
  out->parts.push_back(negation());
  return out;
}

ExprPtr Parser::comparison() {
  const int line = current().line;
  ExprPtr first = arithmetic(0);
  ExprPtr out;
  while (true) {
    Op op = Op::in;
    if (const Operator* found = find_operator(kComparisons, current())) {
      next();
      op = found->op;
    } else if (current().is_name("not") && look().is_name("in")) {
      next();
      next();
      op = Op::not_in;
    } else if (!skip_name("in")) {
      break;
    }
    if (!out) {
      out = make_expr(Expr::Kind::compare, line);
      out->parts.push_back(std::move(first));
    }
    out->ops.push_back(op);
    out->parts.push_back(arithmetic(0));
  }
  return out ? std::move(out) : std::move(first);
}

/// Level 0: + -; 1: * / // %; 2: **. Between 0 and 1 lies ~.
ExprPtr Parser::arithmetic(int level) {
  const int line = current().line;
  const auto operand = [&] {
    return level == 0 ? concatenation() : level == 1 ? arithmetic(2) : unary(true);
  };
  const auto find = [&] {
    return level == 0   ? find_operator(kSums, current())
           : level == 1 ? find_operator(kProducts, current())
                        : find_operator(kPowers, current());
  };
  ExprPtr first = operand();
  const Operator* op = find();
  if (!op) return first;
  ExprPtr out = make_expr(Expr::Kind::arithmetic, line);
  out->parts.push_back(std::move(first));
  for (; op; op = find()) {
    next();
    out->ops.push_back(op->op);
    out->parts.push_back(operand());
  }
  return out;
}

ExprPtr Parser::concatenation() {
  const int line = current().line;
  ExprPtr first = arithmetic(1);
  if (!current().is_op("~")) return first;
  ExprPtr out = make_expr(Expr::Kind::concat, line);
  out->parts.push_back(std::move(first));
  while (skip_op("~")) out->parts.push_back(arithmetic(1));
  return out;
}

ExprPtr Parser::unary(bool with_filters) {
  ExprPtr out;
  if (current().is_op("-") || current().is_op("+")) {
    const Nested nested(*this);
    const Token& sign = next();
    out = make_expr(sign.text == "-" ? Expr::Kind::negative : Expr::Kind::positive, sign.line);
    out->parts.push_back(unary(false));
  } else {
    out = primary(false);
  }
  postfix(out, with_filters);
  return out;
}

ExprPtr Parser::name_or_constant(bool with_namespace) {
  const Token& token = next();
  const std::string& name = token.text;
  ExprPtr out = make_expr(Expr::Kind::constant, token.line);
  if (name == "true" || name == "True" || name == "false" || name == "False") {
    out->constant = Value::of(name == "true" || name == "True");
  } else if (name == "none" || name == "None") {
    out->constant = Value::none();
  } else if (with_namespace && skip_op(".")) {
    out->kind = Expr::Kind::attribute_target;
    out->name = name;
    out->attribute = expect_identifier();
  } else {
    out->kind = Expr::Kind::name;
    out->name = name;
  }
  return out;
}

ExprPtr Parser::primary(bool with_namespace) {
  const Token& token = current();
  switch (token.kind) {
    case Token::Kind::name: {
      ExprPtr out = name_or_constant(with_namespace);
      if (out->kind == Expr::Kind::name) saw_load(out->name);
      return out;
    }
    case Token::Kind::string: {
      ExprPtr out = make_expr(Expr::Kind::constant, token.line);
      std::string text = next().text;
      while (current().kind == Token::Kind::string) text += next().text;
      out->constant = make_string(std::move(text));
      return out;
    }
    case Token::Kind::number: {
      ExprPtr out = make_expr(Expr::Kind::constant, token.line);
      out->constant = next().value;
      return out;
    }
    default:
      break;
  }
  if (token.is_op("[")) return list();
  if (token.is_op("{")) return dict();
  if (!skip_op("(")) fail_syntax(token.line, cat("unexpected '", describe(token), "'"));
  ExprPtr out = tuple(false, true, End::tag, true, false);
  expect_op(")");
  return out;
}

bool Parser::tuple_ends(End end) const {
  if (current().kind == Token::Kind::variable_end || current().kind == Token::Kind::block_end ||
      current().is_op(")")) {
    return true;
  }
  return (end == End::in && current().is_name("in")) ||
         (end == End::recursive && current().is_name("recursive"));
}

/// One expression, or a tuple when there is a comma. `simple`: names and literals only.
ExprPtr Parser::tuple(bool simple, bool conditional, End end, bool parenthesised,
                      bool with_namespace) {
  const int line = current().line;
  std::vector<ExprPtr> parts;
  bool comma = false;
  while (true) {
    if (!parts.empty()) expect_op(",");
    if (tuple_ends(end)) break;
    if (simple) {
      const Nested nested(*this);
      parts.push_back(primary(with_namespace));
    } else {
      parts.push_back(expression(conditional));
    }
    if (!current().is_op(",")) break;
    comma = true;
  }
  if (!comma && !parts.empty()) return std::move(parts[0]);
  if (!comma && !parenthesised) fail_here("an expression");
  ExprPtr out = make_expr(Expr::Kind::tuple, line);
  out->parts = std::move(parts);
  return out;
}

ExprPtr Parser::list() {
  ExprPtr out = make_expr(Expr::Kind::list, next().line);
  while (!current().is_op("]")) {
    if (!out->parts.empty()) expect_op(",");
    if (current().is_op("]")) break;
    out->parts.push_back(expression());
  }
  expect_op("]");
  return out;
}

ExprPtr Parser::dict() {
  ExprPtr out = make_expr(Expr::Kind::dict, next().line);
  while (!current().is_op("}")) {
    if (!out->parts.empty()) expect_op(",");
    if (current().is_op("}")) break;
    out->parts.push_back(expression());
    expect_op(":");
    out->parts.push_back(expression());
  }
  expect_op("}");
  return out;
}

void Parser::name_target(const std::string& name) {
  for (const std::string_view constant : {"true", "false", "none", "True", "False", "None"}) {
    if (name == constant) fail_syntax(current().line, "can't assign to 'const'");
  }
  saw_store(name);
}

void Parser::make_target(Expr& expr) {
  if (expr.kind == Expr::Kind::name) {
    name_target(expr.name);
  } else if (expr.kind == Expr::Kind::tuple) {
    for (const ExprPtr& part : expr.parts) make_target(*part);
  } else if (expr.kind != Expr::Kind::attribute_target) {
    fail_syntax(expr.line, "can't assign to this");
  }
}

ExprPtr Parser::assign_target(End end, bool with_namespace) {
  // A target's names are not loaded.
  const std::vector<Watch> before = watches_;
  ExprPtr out = tuple(true, true, end, false, with_namespace);
  watches_ = before;
  make_target(*out);
  return out;
}

}  // namespace tern::jinja
