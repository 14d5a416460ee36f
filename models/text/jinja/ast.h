// SPDX-License-Identifier: Apache-2.0
// The syntax tree of a template. Chains (a + b + c, a.b().c|d, a if b if c, elif) are flat lists,
// so that the tree is only as deep as the template nests, which the parser bounds: at most ten
// levels of the tree, one for each level of precedence, for one of Limits::depth. Names are
// resolved before anything runs (scopes.cpp): a Place says in which scope the value lies.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "value.h"

namespace tern::jinja {

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

/// Slot `index` of the scope `hops` outwards; hops kOutside: a variable of the render call.
struct Place {
  static constexpr int kOutside = -1;
  int hops = kOutside;
  int index = 0;
};

/// What a scope's slots hold when it is entered.
struct SlotStart {
  enum class From { nothing, argument, outer, outside } from = From::nothing;
  Place place;  // outer: seen from the enclosing scope; outside: its index
};
struct ScopeInfo {
  std::vector<SlotStart> slots;
};

struct CallArguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr star, star_star;
};

/// One link behind a value: .name [key] [a:b:c] (…) |filter is test.
struct Step {
  enum class Kind { attribute, item, slice, call, filter, test } kind = Kind::attribute;
  int line = 0;
  bool negated = false;  // is not
  std::string name;
  ExprPtr key, stop, stride;  // item: key; slice: the three bounds
  CallArguments arguments;
};

enum class Op : uint8_t {
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
  logical_and,
  logical_or,
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  in,
  not_in,
};

struct Expr {
  enum class Kind {
    constant,
    name,
    attribute_target,  // ns.x on the left of a set
    list,
    tuple,
    dict,  // parts: key, value, key, value, …
    negative,
    positive,
    logical_not,
    arithmetic,  // parts[0] ops[0] parts[1] ops[1] …, from the left
    logical,     // the same with and, or
    compare,     // the same with Python's chaining
    concat,
    conditional,  // parts[0] if parts[1] if parts[2] … [else otherwise], which is the last one's
    postfix,      // parts[0] and steps
  } kind = Kind::constant;
  int line = 0;
  Value constant;
  std::string name;  // name; of a target's namespace
  std::string attribute;
  Place place;
  std::vector<ExprPtr> parts;
  ExprPtr otherwise;
  std::vector<Op> ops;
  std::vector<Step> steps;
};

struct Stmt;
using Body = std::vector<std::unique_ptr<Stmt>>;

/// A macro, or the body of a call block or {% generation %}.
struct MacroInfo {
  std::string name;
  std::vector<ExprPtr> parameters;  // names, as targets
  std::vector<ExprPtr> defaults;    // of the last parameters
  Body body;
  bool uses_caller = false, uses_kwargs = false, uses_varargs = false;
  Place caller, kwargs, varargs;
  ScopeInfo scope;
};

struct Branch {
  ExprPtr test;  // null: else
  Body body;
};

struct Stmt {
  enum class Kind {
    output,
    if_,
    for_,
    set,
    set_block,
    macro,
    call_block,
    generation,
    filter_block,
    with,
    block,
    break_,
    continue_,
  } kind = Kind::output;
  int line = 0;
  std::vector<ExprPtr>
      exprs;  // output; for: iterable, [test]; set: value; with: values; call: call
  std::vector<Branch> branches;
  std::vector<ExprPtr> targets;  // for, set: one; with: several
  Body body, else_body;
  std::vector<Step> filters;  // filter block, set block
  std::unique_ptr<MacroInfo> macro;
  std::string name;  // block
  bool recursive = false, scoped = false;
  Place loop;  // for: the variable "loop"
  ScopeInfo scope, test_scope, else_scope;
};

struct Program {
  Body body;
  ScopeInfo scope;
  std::vector<std::string> outside;  // names that are looked up in the variables and globals
  std::unordered_map<std::string, int> outside_index;
};

}  // namespace tern::jinja
