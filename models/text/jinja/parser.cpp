// SPDX-License-Identifier: Apache-2.0
// Statements; see parser.h.
#include "parser.h"

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"

namespace tern::jinja {

Parser::Nested::Nested(Parser& parser) : parser_(parser) {
  if (parser.depth_ >= parser.limits_.depth) {
    fail_syntax(parser.current().line, cat("nested deeper than ", parser.limits_.depth));
  }
  ++parser.depth_;
}

const Token& Parser::next() {
  const Token& token = tokens_[at_];
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool Parser::skip_op(std::string_view op) {
  if (!current().is_op(op)) return false;
  next();
  return true;
}

bool Parser::skip_name(std::string_view name) {
  if (!current().is_name(name)) return false;
  next();
  return true;
}

std::string Parser::describe(const Token& token) {
  switch (token.kind) {
    case Token::Kind::data:
      return "template data / text";
    case Token::Kind::block_begin:
      return "begin of statement block";
    case Token::Kind::block_end:
      return "end of statement block";
    case Token::Kind::variable_begin:
      return "begin of print statement";
    case Token::Kind::variable_end:
      return "end of print statement";
    case Token::Kind::string:
      return "string";
    case Token::Kind::number:
      return "number";
    case Token::Kind::end:
      return "end of template";
    default:
      return token.text;
  }
}

void Parser::fail_here(std::string_view expected) const {
  fail_syntax(current().line, cat("expected ", expected, ", got '", describe(current()), "'"));
}

void Parser::expect_op(std::string_view op) {
  if (!skip_op(op)) fail_here(cat("'", op, "'"));
}

void Parser::expect_name(std::string_view name) {
  if (!skip_name(name)) fail_here(cat("'", name, "'"));
}

std::string Parser::expect_identifier() {
  if (current().kind != Token::Kind::name) fail_here("a name");
  return next().text;
}

void Parser::expect(Token::Kind kind) {
  Token token;
  token.kind = kind;
  if (current().kind != kind) fail_here(describe(token));
  next();
}

std::unique_ptr<Stmt> Parser::make(Stmt::Kind kind) const {
  auto out = std::make_unique<Stmt>();
  out->kind = kind;
  out->line = current().line;
  return out;
}

Body Parser::parse() {
  Body out;
  while (current().kind != Token::Kind::end) tag(out);
  return out;
}

/// Text, {{ … }} or {% … %}.
void Parser::tag(Body& out) {
  if (current().kind == Token::Kind::block_begin) {
    next();
    out.push_back(statement());
    expect(Token::Kind::block_end);
    return;
  }
  if (out.empty() || out.back()->kind != Stmt::Kind::output)
    out.push_back(make(Stmt::Kind::output));
  Stmt& output = *out.back();
  if (current().kind == Token::Kind::data) {
    ExprPtr text = make_expr(Expr::Kind::constant, current().line);
    text->constant = make_string(next().text);
    output.exprs.push_back(std::move(text));
    return;
  }
  expect(Token::Kind::variable_begin);
  output.exprs.push_back(tuple(false, true, End::tag, false, false));
  expect(Token::Kind::variable_end);
}

/// The body of a tag opened at line `opened`, up to one of the end tags, whose name is current
/// then.
Body Parser::statements(std::initializer_list<std::string_view> ends, int opened) {
  const Nested nested(*this);
  skip_op(":");
  expect(Token::Kind::block_end);
  Body out;
  while (current().kind != Token::Kind::end) {
    if (current().kind == Token::Kind::block_begin && look().kind == Token::Kind::name &&
        std::find(ends.begin(), ends.end(), look().text) != ends.end()) {
      next();
      return out;
    }
    tag(out);
  }
  fail_syntax(current().line, cat("Unexpected end of template: '", *ends.begin(),
                                  "' is missing for the tag of line ", opened));
}

std::unique_ptr<Stmt> Parser::statement() {
  if (current().kind != Token::Kind::name) fail_here("a tag name");
  const std::string& name = current().text;
  if (name == "for") return for_statement();
  if (name == "if") return if_statement();
  if (name == "set") return set_statement();
  if (name == "macro") return macro_statement();
  if (name == "call") return call_block();
  if (name == "generation") return generation();
  if (name == "filter") return filter_block();
  if (name == "with") return with_statement();
  if (name == "block") return block_statement();
  if (name == "print") return print_statement();
  if (name == "break" || name == "continue") {
    auto out = make(name == "break" ? Stmt::Kind::break_ : Stmt::Kind::continue_);
    next();
    return out;
  }
  for (const std::string_view known : {"include", "import", "from", "extends", "autoescape"}) {
    if (name != known) continue;
    fail(ErrorCode::unsupported,
         cat("chat template, line ", current().line, ": the tag '", name, "' is not supported"));
  }
  fail(ErrorCode::unsupported,
       cat("chat template, line ", current().line, ": Encountered unknown tag '", name, "'"));
}

std::unique_ptr<Stmt> Parser::for_statement() {
  auto out = make(Stmt::Kind::for_);
  next();
  out->targets.push_back(assign_target(End::in, false));
  expect_name("in");
  out->exprs.push_back(tuple(false, false, End::recursive, false, false));
  out->exprs.push_back(skip_name("if") ? expression() : nullptr);
  out->recursive = skip_name("recursive");
  out->body = statements({"endfor", "else"}, out->line);
  if (next().text == "else") {
    out->else_body = statements({"endfor"}, out->line);
    next();
  }
  return out;
}

std::unique_ptr<Stmt> Parser::if_statement() {
  auto out = make(Stmt::Kind::if_);
  next();
  while (true) {
    Branch branch;
    branch.test = tuple(false, false, End::tag, false, false);
    branch.body = statements({"elif", "else", "endif"}, out->line);
    out->branches.push_back(std::move(branch));
    const std::string end = next().text;
    if (end == "elif") continue;
    if (end == "else") {
      Branch last;
      last.body = statements({"endif"}, out->line);
      out->branches.push_back(std::move(last));
      next();
    }
    return out;
  }
}

std::unique_ptr<Stmt> Parser::set_statement() {
  auto out = make(Stmt::Kind::set);
  next();
  out->targets.push_back(assign_target(End::tag, true));
  if (skip_op("=")) {
    out->exprs.push_back(tuple(false, true, End::tag, false, false));
    return out;
  }
  out->kind = Stmt::Kind::set_block;
  out->filters = filter_steps(false);
  out->body = statements({"endset"}, out->line);
  next();
  return out;
}

void Parser::signature(MacroInfo& macro) {
  expect_op("(");
  std::unordered_set<std::string> names;
  while (!current().is_op(")")) {
    if (!macro.parameters.empty()) expect_op(",");
    ExprPtr parameter = make_expr(Expr::Kind::name, current().line);
    parameter->name = expect_identifier();
    name_target(parameter->name);
    if (!names.insert(parameter->name).second) {
      fail_syntax(current().line, cat("duplicate argument '", parameter->name, "'"));
    }
    if (skip_op("=")) {
      macro.defaults.push_back(expression());
    } else if (!macro.defaults.empty()) {
      fail_syntax(current().line, "non-default argument follows default argument");
    }
    macro.parameters.push_back(std::move(parameter));
  }
  expect_op(")");
}

int Parser::watched(std::string_view name) {
  return name == "caller" ? 0 : name == "kwargs" ? 1 : name == "varargs" ? 2 : -1;
}

void Parser::saw_load(const std::string& name) {
  const int i = watched(name);
  if (i < 0) return;
  for (Watch& watch : watches_) watch.loaded[i] |= !watch.stored[i];
}

void Parser::saw_store(const std::string& name) {
  const int i = watched(name);
  if (i < 0) return;
  for (Watch& watch : watches_) watch.stored[i] = true;
}

void Parser::macro_body(MacroInfo& macro, std::string_view end) {
  const int line = current().line;
  watches_.emplace_back();
  macro.body = statements({end}, line);
  const Watch watch = watches_.back();
  watches_.pop_back();
  next();
  const auto declares = [&](std::string_view name) {
    return std::find_if(macro.parameters.begin(), macro.parameters.end(),
                        [&](const ExprPtr& p) { return p->name == name; }) -
           macro.parameters.begin();
  };
  const auto count = static_cast<ptrdiff_t>(macro.parameters.size());
  macro.uses_caller = watch.loaded[0];
  if (const ptrdiff_t i = declares("caller"); macro.uses_caller && i < count) {
    if (i < count - static_cast<ptrdiff_t>(macro.defaults.size())) {
      fail_syntax(line, "the special \"caller\" argument must be omitted or be given a default");
    }
    macro.uses_caller = false;
  }
  macro.uses_kwargs = watch.loaded[1] && declares("kwargs") == count;
  macro.uses_varargs = watch.loaded[2] && declares("varargs") == count;
}

std::unique_ptr<Stmt> Parser::macro_statement() {
  auto out = make(Stmt::Kind::macro);
  next();
  out->macro = std::make_unique<MacroInfo>();
  out->macro->name = expect_identifier();
  name_target(out->macro->name);
  signature(*out->macro);
  macro_body(*out->macro, "endmacro");
  return out;
}

std::unique_ptr<Stmt> Parser::call_block() {
  auto out = make(Stmt::Kind::call_block);
  next();
  out->macro = std::make_unique<MacroInfo>();
  out->macro->name = "caller";
  if (current().is_op("(")) signature(*out->macro);
  out->exprs.push_back(expression());
  const Expr& call = *out->exprs[0];
  if (call.kind != Expr::Kind::postfix || call.steps.back().kind != Step::Kind::call) {
    fail_syntax(out->line, "expected call");
  }
  macro_body(*out->macro, "endcall");
  return out;
}

std::unique_ptr<Stmt> Parser::generation() {
  auto out = make(Stmt::Kind::generation);
  next();
  out->macro = std::make_unique<MacroInfo>();
  out->macro->name = "caller";
  macro_body(*out->macro, "endgeneration");
  return out;
}

std::unique_ptr<Stmt> Parser::filter_block() {
  auto out = make(Stmt::Kind::filter_block);
  next();
  out->filters = filter_steps(true);
  out->body = statements({"endfilter"}, out->line);
  next();
  return out;
}

std::unique_ptr<Stmt> Parser::with_statement() {
  auto out = make(Stmt::Kind::with);
  next();
  while (current().kind != Token::Kind::block_end) {
    if (!out->targets.empty()) expect_op(",");
    out->targets.push_back(assign_target(End::tag, false));
    expect_op("=");
    out->exprs.push_back(expression());
  }
  out->body = statements({"endwith"}, out->line);
  next();
  return out;
}

std::unique_ptr<Stmt> Parser::block_statement() {
  auto out = make(Stmt::Kind::block);
  next();
  out->name = expect_identifier();
  out->scoped = skip_name("scoped");
  skip_name("required");
  if (!blocks_.insert(out->name).second) {
    fail_syntax(out->line, cat("block '", out->name, "' defined twice"));
  }
  out->body = statements({"endblock"}, out->line);
  next();
  skip_name(out->name);
  return out;
}

std::unique_ptr<Stmt> Parser::print_statement() {
  auto out = make(Stmt::Kind::output);
  next();
  while (current().kind != Token::Kind::block_end) {
    if (!out->exprs.empty()) expect_op(",");
    out->exprs.push_back(expression());
  }
  return out;
}

}  // namespace tern::jinja
