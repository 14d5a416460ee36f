// SPDX-License-Identifier: Apache-2.0
// See scopes.h. Each scope is gone through twice: to see what it mentions, then to give places.
#include "scopes.h"

#include <algorithm>
#include <unordered_map>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "builtins.h"
#include "lexer.h"

namespace tern::jinja {

namespace {

class Scope {
 public:
  Scope(Scope* outer, ScopeInfo& info, Program& program)
      : outer_(outer), info_(info), program_(program) {}

  /// An argument, loop variable, …: set from outside when the scope is entered.
  void declare(const std::string& name) {
    Mention& m = mention(name);
    m.argument = m.stored = true;
  }
  void store(const std::string& name, bool branch) {
    Mention& m = mention(name);
    if (!m.seen) m.set_first = !branch;
    m.seen = m.stored = true;
  }
  void load(const std::string& name) { mention(name).seen = true; }

  /// All has been mentioned: every name gets its place.
  void close() {
    for (const std::string& name : order_) {
      Mention& m = mentions_.find(name)->second;
      Place outer;
      const bool known = outer_ && outer_->find(name, outer);
      if (!m.stored) {
        // Found through the outer scope, or else given by the caller.
        m.placed = !known;
        if (!known) m.place = Place{Place::kOutside, outside(name)};
        continue;
      }
      SlotStart start;
      if (m.argument) {
        start.from = SlotStart::From::argument;
      } else if (known) {
        start = {SlotStart::From::outer, outer};
      } else if (!m.set_first) {
        start = {SlotStart::From::outside, {Place::kOutside, outside(name)}};
      }
      m.placed = true;
      m.place = Place{0, static_cast<int>(info_.slots.size())};
      info_.slots.push_back(start);
    }
  }

  bool find(const std::string& name, Place& out) const {
    int hops = 0;
    for (const Scope* scope = this; scope; scope = scope->outer_, ++hops) {
      const auto at = scope->mentions_.find(name);
      if (at == scope->mentions_.end() || !at->second.placed) continue;
      out = at->second.place;
      if (out.hops != Place::kOutside) out.hops += hops;
      return true;
    }
    return false;
  }

 private:
  struct Mention {
    bool seen = false, stored = false, argument = false, set_first = false, placed = false;
    Place place;
  };

  Mention& mention(const std::string& name) {
    const auto [at, fresh] = mentions_.try_emplace(name);
    if (fresh) order_.push_back(name);
    return at->second;
  }

  int outside(const std::string& name) {
    const auto size = static_cast<int>(program_.outside.size());
    const auto [at, fresh] = program_.outside_index.try_emplace(name, size);
    if (fresh) program_.outside.push_back(name);
    return at->second;
  }

  Scope* const outer_;
  ScopeInfo& info_;
  Program& program_;
  std::unordered_map<std::string, Mention> mentions_;
  std::vector<std::string> order_;
};

/// Calls `visit(name expression)` for every name that an expression reads.
template <class Visit>
void each_name(const Expr& e, const Visit& visit);

template <class Visit>
void each_name(const ExprPtr& e, const Visit& visit) {
  if (e) each_name(*e, visit);
}

template <class Visit>
void each_name(const CallArguments& a, const Visit& visit) {
  for (const ExprPtr& e : a.positional) each_name(e, visit);
  for (const auto& [name, e] : a.named) each_name(e, visit);
  each_name(a.star, visit);
  each_name(a.star_star, visit);
}

template <class Visit>
void each_name(const std::vector<Step>& steps, const Visit& visit) {
  for (const Step& step : steps) {
    each_name(step.key, visit);
    each_name(step.stop, visit);
    each_name(step.stride, visit);
    each_name(step.arguments, visit);
  }
}

template <class Visit>
void each_name(const Expr& e, const Visit& visit) {
  if (e.kind == Expr::Kind::name || e.kind == Expr::Kind::attribute_target) visit(e);
  for (const ExprPtr& part : e.parts) each_name(part, visit);
  each_name(e.otherwise, visit);
  each_name(e.steps, visit);
}

class Resolver {
 public:
  explicit Resolver(Program& program) : program_(program) {}

  void run() {
    Scope root(nullptr, program_.scope, program_);
    root_ = &root;
    enter(root, program_.body);
    root.close();
    resolve_body(root, program_.body, {});
  }

 private:
  /// Where a statement stands: in a loop; in an if, where unknown filters are let pass.
  struct Context {
    bool loop = false, soft = false;
  };

  // First pass: mentions.

  void load(Scope& scope, const ExprPtr& e) {
    each_name(e, [&](const Expr& name) { scope.load(name.name); });
  }

  void store(Scope& scope, const Expr& target, bool branch) {
    if (target.kind == Expr::Kind::attribute_target) scope.load(target.name);
    if (target.kind == Expr::Kind::name) scope.store(target.name, branch);
    for (const ExprPtr& part : target.parts) store(scope, *part, branch);
  }

  void declare(Scope& scope, const Expr& target) {
    if (target.kind == Expr::Kind::name) scope.declare(target.name);
    for (const ExprPtr& part : target.parts) declare(scope, *part);
  }

  void enter(Scope& scope, const Body& body, bool branch = false) {
    for (const auto& s : body) {
      switch (s->kind) {
        case Stmt::Kind::for_:
          load(scope, s->exprs[0]);
          break;
        case Stmt::Kind::if_:
          for (const Branch& b : s->branches) {
            load(scope, b.test);
            enter(scope, b.body, true);
          }
          break;
        case Stmt::Kind::macro:
          scope.store(s->macro->name, branch);
          break;
        case Stmt::Kind::block:
        case Stmt::Kind::generation:
        case Stmt::Kind::break_:
        case Stmt::Kind::continue_:
          break;
        case Stmt::Kind::filter_block:
          each_name(s->filters, [&](const Expr& name) { scope.load(name.name); });
          break;
        default:
          for (const ExprPtr& e : s->exprs) load(scope, e);
          if (s->kind == Stmt::Kind::set || s->kind == Stmt::Kind::set_block) {
            store(scope, *s->targets[0], branch);
          }
      }
    }
  }

  // Second pass: places.

  void place(const Scope& scope, const std::string& name, Place& out) { scope.find(name, out); }

  void check_names(const std::vector<Step>& steps, bool soft) {
    for (const Step& step : steps) {
      const bool filter = step.kind == Step::Kind::filter;
      if (soft || (!filter && step.kind != Step::Kind::test)) continue;
      if (filter ? has_filter(step.name) : has_test(step.name)) continue;
      fail(ErrorCode::unsupported, cat("chat template, line ", step.line, ": No ",
                                       filter ? "filter" : "test", " named '", step.name, "'"));
    }
  }

  void resolve_arguments(const Scope& scope, const CallArguments& a, bool soft) {
    for (const ExprPtr& e : a.positional) resolve_expr(scope, e, soft);
    for (const auto& [name, e] : a.named) resolve_expr(scope, e, soft);
    resolve_expr(scope, a.star, soft);
    resolve_expr(scope, a.star_star, soft);
  }

  void resolve_steps(const Scope& scope, const std::vector<Step>& steps, bool soft) {
    check_names(steps, soft);
    for (const Step& step : steps) {
      resolve_expr(scope, step.key, soft);
      resolve_expr(scope, step.stop, soft);
      resolve_expr(scope, step.stride, soft);
      resolve_arguments(scope, step.arguments, soft);
    }
  }

  void resolve_expr(const Scope& scope, const ExprPtr& e, bool soft) {
    if (!e) return;
    if (e->kind == Expr::Kind::name || e->kind == Expr::Kind::attribute_target) {
      place(scope, e->name, e->place);
    }
    const bool inner = soft || e->kind == Expr::Kind::conditional;
    for (const ExprPtr& part : e->parts) resolve_expr(scope, part, inner);
    resolve_expr(scope, e->otherwise, inner);
    resolve_steps(scope, e->steps, soft);
  }

  void resolve_body(Scope& scope, const Body& body, Context context) {
    for (const auto& s : body) resolve_stmt(scope, *s, context);
  }

  void resolve_stmt(Scope& scope, Stmt& s, Context context) {
    switch (s.kind) {
      case Stmt::Kind::if_: {
        const Context inner{context.loop, true};
        for (const Branch& b : s.branches) {
          resolve_expr(scope, b.test, true);
          resolve_body(scope, b.body, inner);
        }
        return;
      }
      case Stmt::Kind::for_:
        return resolve_for(scope, s, context);
      case Stmt::Kind::macro:
        place(scope, s.macro->name, s.loop);
        return resolve_macro(scope, *s.macro);
      case Stmt::Kind::generation:
        return resolve_macro(scope, *s.macro);
      case Stmt::Kind::call_block:
        resolve_expr(scope, s.exprs[0], context.soft);
        return resolve_macro(scope, *s.macro);
      case Stmt::Kind::block: {
        Scope inner(s.scoped ? &scope : root_, s.scope, program_);
        enter(inner, s.body);
        inner.close();
        return resolve_body(inner, s.body, {});
      }
      case Stmt::Kind::break_:
      case Stmt::Kind::continue_:
        if (!context.loop) fail_syntax(s.line, "break and continue belong into a loop");
        return;
      case Stmt::Kind::filter_block:
      case Stmt::Kind::set_block:
        return resolve_captured(scope, s, context);
      case Stmt::Kind::with:
        return resolve_with(scope, s, context);
      default:
        for (const ExprPtr& e : s.exprs) resolve_expr(scope, e, context.soft);
        for (const ExprPtr& e : s.targets) resolve_expr(scope, e, context.soft);
    }
  }

  static void refuse_loop_target(const Expr& target) {
    if (target.kind == Expr::Kind::name && target.name == "loop") {
      fail_syntax(target.line, "Can't assign to special loop variable in for-loop target");
    }
    for (const ExprPtr& part : target.parts) refuse_loop_target(*part);
  }

  void resolve_for(Scope& scope, Stmt& s, Context context) {
    refuse_loop_target(*s.targets[0]);
    resolve_expr(scope, s.exprs[0], context.soft);
    Scope body(&scope, s.scope, program_);
    body.declare("loop");
    declare(body, *s.targets[0]);
    enter(body, s.body);
    body.close();
    place(body, "loop", s.loop);
    resolve_expr(body, s.targets[0], false);
    if (s.exprs[1]) {
      // The unnamed slot stands where the body has "loop", so that the targets have one place.
      Scope test(&scope, s.test_scope, program_);
      test.declare("");
      declare(test, *s.targets[0]);
      load(test, s.exprs[1]);
      test.close();
      resolve_expr(test, s.exprs[1], false);
    }
    resolve_body(body, s.body, {true, false});
    Scope otherwise(&scope, s.else_scope, program_);
    enter(otherwise, s.else_body);
    otherwise.close();
    resolve_body(otherwise, s.else_body, {context.loop && !s.recursive, false});
  }

  void resolve_macro(Scope& scope, MacroInfo& m) {
    Scope inner(&scope, m.scope, program_);
    for (const ExprPtr& p : m.parameters) inner.declare(p->name);
    if (m.uses_caller) inner.declare("caller");
    if (m.uses_kwargs) inner.declare("kwargs");
    if (m.uses_varargs) inner.declare("varargs");
    for (const ExprPtr& d : m.defaults) load(inner, d);
    enter(inner, m.body);
    inner.close();
    for (const ExprPtr& p : m.parameters) resolve_expr(inner, p, false);
    for (const ExprPtr& d : m.defaults) resolve_expr(inner, d, false);
    if (m.uses_caller) place(inner, "caller", m.caller);
    if (m.uses_kwargs) place(inner, "kwargs", m.kwargs);
    if (m.uses_varargs) place(inner, "varargs", m.varargs);
    resolve_body(inner, m.body, {});
  }

  /// A filter block or {% set x %}…{% endset %}: a scope whose output is caught.
  void resolve_captured(Scope& scope, Stmt& s, Context context) {
    Scope inner(&scope, s.scope, program_);
    enter(inner, s.body);
    each_name(s.filters, [&](const Expr& name) { inner.load(name.name); });
    inner.close();
    resolve_steps(inner, s.filters, false);
    resolve_body(inner, s.body, {context.loop, false});
    for (const ExprPtr& target : s.targets) resolve_expr(scope, target, false);
  }

  void resolve_with(Scope& scope, Stmt& s, Context context) {
    for (const ExprPtr& e : s.exprs) resolve_expr(scope, e, context.soft);
    Scope inner(&scope, s.scope, program_);
    for (const ExprPtr& target : s.targets) declare(inner, *target);
    enter(inner, s.body);
    inner.close();
    for (const ExprPtr& target : s.targets) resolve_expr(inner, target, false);
    resolve_body(inner, s.body, {context.loop, false});
  }

  Program& program_;
  Scope* root_ = nullptr;
};

}  // namespace

void resolve(Program& program) {
  Resolver(program).run();
}

}  // namespace tern::jinja
