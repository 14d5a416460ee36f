// SPDX-License-Identifier: Apache-2.0
// Tokens to a syntax tree: parser_expressions.cpp and parser.cpp (statements). It recurses as
// deep as the template nests, which Limits::depth bounds.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "ast.h"
#include "budget.h"
#include "lexer.h"

namespace tern::jinja {

class Parser {
 public:
  Parser(std::string_view source, const Limits& limits)
      : tokens_(tokenize(source)), limits_(limits) {}

  Body parse();

 private:
  /// One level deeper while it lives.
  class Nested {
   public:
    explicit Nested(Parser& parser);
    ~Nested() { --parser_.depth_; }

   private:
    Parser& parser_;
  };
  /// How caller, kwargs and varargs are used in a macro's body: only what is read before it is
  /// set there becomes an argument.
  struct Watch {
    bool stored[3] = {}, loaded[3] = {};
  };
  static int watched(std::string_view name);

  const Token& current() const { return tokens_[at_]; }
  const Token& look() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  const Token& next();
  bool skip_op(std::string_view op);
  bool skip_name(std::string_view name);
  void expect_op(std::string_view op);
  void expect_name(std::string_view name);
  std::string expect_identifier();
  void expect(Token::Kind kind);
  [[noreturn]] void fail_here(std::string_view expected) const;
  static std::string describe(const Token& token);

  // Statements.
  Body statements(std::initializer_list<std::string_view> ends, int opened);
  void tag(Body& out);
  std::unique_ptr<Stmt> statement();
  std::unique_ptr<Stmt> for_statement();
  std::unique_ptr<Stmt> if_statement();
  std::unique_ptr<Stmt> set_statement();
  std::unique_ptr<Stmt> macro_statement();
  std::unique_ptr<Stmt> call_block();
  std::unique_ptr<Stmt> generation();
  std::unique_ptr<Stmt> filter_block();
  std::unique_ptr<Stmt> with_statement();
  std::unique_ptr<Stmt> block_statement();
  std::unique_ptr<Stmt> print_statement();
  void signature(MacroInfo& macro);
  void macro_body(MacroInfo& macro, std::string_view end);
  std::unique_ptr<Stmt> make(Stmt::Kind kind) const;
  /// The end tag's name is current; takes it.
  void end_tag();

  // Expressions.
  ExprPtr expression(bool conditional = true);
  ExprPtr conditional_expression();
  ExprPtr logical(bool is_or);
  ExprPtr negation();
  ExprPtr comparison();
  ExprPtr arithmetic(int level);
  ExprPtr concatenation();
  ExprPtr unary(bool with_filters);
  ExprPtr primary(bool with_namespace);
  ExprPtr name_or_constant(bool with_namespace);
  enum class End { tag, in, recursive };
  ExprPtr tuple(bool simple, bool conditional, End end, bool parenthesised, bool with_namespace);
  bool tuple_ends(End end) const;
  ExprPtr list();
  ExprPtr dict();
  /// .name [key] (…), then |filter, is test, (…).
  void postfix(ExprPtr& expr, bool with_filters);
  Step subscript();
  Step call_step();
  Step test_step();
  std::vector<Step> filter_steps(bool begins_with_name);
  CallArguments call_arguments();
  ExprPtr assign_target(End end, bool with_namespace);
  /// Turns a tuple or name into a target; fails for what cannot be assigned to.
  void make_target(Expr& expr);
  void name_target(const std::string& name);
  ExprPtr make_expr(Expr::Kind kind, int line) const;

  void saw_load(const std::string& name);
  void saw_store(const std::string& name);

  std::deque<Token> tokens_;
  const Limits& limits_;
  size_t at_ = 0;
  int depth_ = 0;
  std::vector<Watch> watches_;  // of the open macro bodies
  std::unordered_set<std::string> blocks_;
};

}  // namespace tern::jinja
