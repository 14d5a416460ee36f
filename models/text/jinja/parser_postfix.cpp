// SPDX-License-Identifier: Apache-2.0
// What stands behind a value: .name [key] (…) |filter is test; see parser.h.
#include "../../../engine/base/format.h"
#include "parser.h"

namespace tern::jinja {

void Parser::postfix(ExprPtr& expr, bool with_filters) {
  std::vector<Step> steps;
  while (true) {
    if (current().is_op(".") || current().is_op("[")) {
      steps.push_back(subscript());
    } else if (current().is_op("(")) {
      steps.push_back(call_step());
    } else {
      break;
    }
  }
  while (with_filters) {
    if (current().is_op("|")) {
      for (Step& step : filter_steps(false)) steps.push_back(std::move(step));
    } else if (current().is_name("is")) {
      steps.push_back(test_step());
    } else if (current().is_op("(")) {
      steps.push_back(call_step());
    } else {
      break;
    }
  }
  if (steps.empty()) return;
  ExprPtr out = make_expr(Expr::Kind::postfix, expr->line);
  out->parts.push_back(std::move(expr));
  out->steps = std::move(steps);
  expr = std::move(out);
}

Step Parser::subscript() {
  Step step;
  step.line = current().line;
  if (next().text == ".") {
    const Token& token = next();
    if (token.kind == Token::Kind::name) {
      step.kind = Step::Kind::attribute;
      step.name = token.text;
      return step;
    }
    if (token.kind != Token::Kind::number || !token.value.is_integral()) {
      fail_syntax(token.line, "expected name or number");
    }
    step.kind = Step::Kind::item;
    step.key = make_expr(Expr::Kind::constant, token.line);
    step.key->constant = token.value;
    return step;
  }
  step.kind = Step::Kind::item;
  const auto bound = [&]() -> ExprPtr {
    return current().is_op(":") || current().is_op("]") ? nullptr : expression();
  };
  step.key = bound();
  if (skip_op(":")) {
    step.kind = Step::Kind::slice;
    step.stop = bound();
    if (skip_op(":")) step.stride = bound();
  } else if (current().is_op(",")) {
    ExprPtr key = make_expr(Expr::Kind::tuple, step.line);
    key->parts.push_back(std::move(step.key));
    while (skip_op(",")) key->parts.push_back(expression());
    step.key = std::move(key);
  }
  if (step.kind == Step::Kind::item && !step.key) {
    step.key = make_expr(Expr::Kind::tuple, step.line);
  }
  expect_op("]");
  return step;
}

Step Parser::call_step() {
  Step step;
  step.kind = Step::Kind::call;
  step.line = current().line;
  step.arguments = call_arguments();
  return step;
}

CallArguments Parser::call_arguments() {
  CallArguments out;
  const int line = current().line;
  const auto ensure = [&](bool valid) {
    if (!valid) fail_syntax(line, "invalid syntax for function call expression");
  };
  expect_op("(");
  std::unordered_set<std::string> names;
  for (bool first = true; !current().is_op(")"); first = false) {
    if (!first) {
      expect_op(",");
      if (current().is_op(")")) break;
    }
    if (skip_op("*")) {
      ensure(!out.star && !out.star_star);
      out.star = expression();
    } else if (skip_op("**")) {
      ensure(!out.star_star);
      out.star_star = expression();
    } else if (current().kind == Token::Kind::name && look().is_op("=")) {
      ensure(!out.star_star);
      std::string name = next().text;
      next();
      if (!names.insert(name).second) {
        fail_syntax(line, cat("keyword argument repeated: ", name));
      }
      out.named.emplace_back(std::move(name), expression());
    } else {
      ensure(!out.star && !out.star_star && out.named.empty());
      out.positional.push_back(expression());
    }
  }
  expect_op(")");
  return out;
}

/// |name(…)|name… ; in a filter block the first name stands alone.
std::vector<Step> Parser::filter_steps(bool begins_with_name) {
  std::vector<Step> out;
  while (begins_with_name || current().is_op("|")) {
    if (!begins_with_name) next();
    begins_with_name = false;
    Step step;
    step.kind = Step::Kind::filter;
    step.line = current().line;
    step.name = expect_identifier();
    while (skip_op(".")) step.name += '.' + expect_identifier();
    if (current().is_op("(")) step.arguments = call_arguments();
    out.push_back(std::move(step));
  }
  return out;
}

Step Parser::test_step() {
  Step step;
  step.kind = Step::Kind::test;
  step.line = next().line;
  step.negated = skip_name("not");
  step.name = expect_identifier();
  while (skip_op(".")) step.name += '.' + expect_identifier();
  const Token& token = current();
  if (token.is_op("(")) {
    step.arguments = call_arguments();
    return step;
  }
  const bool argument = token.kind == Token::Kind::name || token.kind == Token::Kind::string ||
                        token.kind == Token::Kind::number || token.is_op("[") || token.is_op("{");
  if (!argument || token.is_name("else") || token.is_name("or") || token.is_name("and"))
    return step;
  if (token.is_name("is")) fail_syntax(token.line, "You cannot chain multiple tests with is");
  const Nested nested(*this);
  ExprPtr only = primary(false);
  postfix(only, false);
  step.arguments.positional.push_back(std::move(only));
  return step;
}

}  // namespace tern::jinja
