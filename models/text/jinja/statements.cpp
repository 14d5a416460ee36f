// SPDX-License-Identifier: Apache-2.0
// Statements; see interpreter.h.
#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"
#include "interpreter.h"

namespace tern::jinja {

Interpreter::Interpreter(const Program& program, const Variables& variables, const Limits& limits,
                         std::function<Clock()> clock)
    : Runtime(limits, std::move(clock)), program_(program) {
  for (const std::string& name : program.outside) {
    const auto at = std::find_if(variables.begin(), variables.end(),
                                 [&](const auto& v) { return v.first == name; });
    outside_.push_back(at != variables.end() ? at->second : global(name));
  }
}

Interpreter::~Interpreter() {
  // Macros and scopes refer to each other.
  for (const auto& frame : kept_) frame->slots.clear();
  for (const Value& loop : remembering_) loop.as<Loop>().forget();
}

Interpreter::Deeper::Deeper(Interpreter& i) : interpreter_(i) {
  if (i.nesting_ >= kDeepestEvaluation) i.fail_budget("evaluations are nested too deep");
  ++i.nesting_;
}

Interpreter::Entered::Entered(Interpreter& i, const ScopeInfo& info, Frame* outer)
    : interpreter_(i), before_(i.frame_), frame_(std::make_unique<Frame>()) {
  frame_->outer = outer;
  i.start_slots(info, *frame_);
  i.frame_ = frame_.get();
}

Interpreter::Entered::~Entered() {
  interpreter_.frame_ = before_;
  if (frame_->captured) interpreter_.kept_.push_back(std::move(frame_));
}

void Interpreter::Entered::again(const ScopeInfo& info) {
  if (frame_->captured) {
    auto fresh = std::make_unique<Frame>();
    fresh->outer = frame_->outer;
    interpreter_.kept_.push_back(std::move(frame_));
    frame_ = std::move(fresh);
    interpreter_.frame_ = frame_.get();
  }
  interpreter_.start_slots(info, *frame_);
}

void Interpreter::start_slots(const ScopeInfo& info, Frame& frame) {
  step(static_cast<int64_t>(info.slots.size() / 4));
  frame.slots.assign(info.slots.size(), Value());
  Frame* const before = frame_;
  frame_ = frame.outer;
  for (size_t i = 0; i < info.slots.size(); ++i) {
    const SlotStart& start = info.slots[i];
    if (start.from == SlotStart::From::outer || start.from == SlotStart::From::outside) {
      frame.slots[i] = slot(start.place);
    }
  }
  frame_ = before;
}

Value& Interpreter::slot(const Place& place) {
  const auto index = static_cast<size_t>(place.index);
  if (place.hops == Place::kOutside) return outside_[index];
  Frame* frame = frame_;
  for (int hops = place.hops; hops > 0; --hops) frame = frame->outer;
  return frame->slots[index];
}

std::string Interpreter::run() {
  Entered root(*this, program_.scope, nullptr);
  root_ = &root.frame();
  exec(program_.body);
  return std::move(result_);
}

void Interpreter::write(std::string_view text) {
  bytes(text.size());
  if (out_->size() + text.size() > limits().bytes) bytes(limits().bytes + 1);
  out_->append(text);
}

void Interpreter::output(const Value& v) {
  if (v.is_string()) return write(v.text());
  if (!v.is_undefined()) write(text(v));
}

Interpreter::Flow Interpreter::exec(const Body& body) {
  for (const auto& s : body) {
    const Flow flow = exec(*s);
    if (flow != Flow::normal) return flow;
  }
  return Flow::normal;
}

Interpreter::Flow Interpreter::exec(const Stmt& s) {
  const Deeper deeper(*this);
  step();
  line = s.line;
  switch (s.kind) {
    case Stmt::Kind::output:
      for (const ExprPtr& e : s.exprs) output(eval(*e));
      break;
    case Stmt::Kind::if_:
      for (const Branch& b : s.branches) {
        if (!b.test || truthy(eval(*b.test))) return exec(b.body);
      }
      break;
    case Stmt::Kind::for_:
      return exec_for(s);
    case Stmt::Kind::set:
      assign(*s.targets[0], eval(*s.exprs[0]));
      break;
    case Stmt::Kind::macro:
      slot(s.loop) = make_macro(*s.macro);
      break;
    case Stmt::Kind::call_block:
      exec_call(s);
      break;
    case Stmt::Kind::generation:
      exec_generation(s);
      break;
    case Stmt::Kind::set_block:
    case Stmt::Kind::filter_block:
      return exec_captured(s);
    case Stmt::Kind::with:
      return exec_with(s);
    case Stmt::Kind::block: {
      Entered inner(*this, s.scope, s.scoped ? frame_ : root_);
      exec(s.body);
      break;
    }
    case Stmt::Kind::break_:
      return Flow::break_;
    case Stmt::Kind::continue_:
      return Flow::continue_;
  }
  return Flow::normal;
}

Interpreter::Flow Interpreter::exec_captured(const Stmt& s) {
  Value v;
  {
    Entered inner(*this, s.scope, frame_);
    std::string caught;
    {
      Captured captured(*this);
      const Flow flow = exec(s.body);
      // A break leaves the block, and what it has written, behind.
      if (flow != Flow::normal) return flow;
      caught = std::move(captured.text);
    }
    v = string(std::move(caught));
    for (const Step& filter : s.filters) v = apply(filter, v);
  }
  if (s.kind == Stmt::Kind::filter_block) {
    if (!v.is_string()) {
      fail(cat("a filter block must give a string, not ", type_name(v)));
    }
    output(v);
  } else {
    assign(*s.targets[0], v);
  }
  return Flow::normal;
}

Interpreter::Flow Interpreter::exec_with(const Stmt& s) {
  const Values values = eval_all(s.exprs);
  Entered inner(*this, s.scope, frame_);
  for (size_t i = 0; i < values.size(); ++i) assign(*s.targets[i], values[i]);
  return exec(s.body);
}

void Interpreter::exec_call(const Stmt& s) {
  const Expr& call = *s.exprs[0];
  Value callee = eval(*call.parts[0]);
  for (size_t i = 0; i + 1 < call.steps.size(); ++i) callee = apply(call.steps[i], callee);
  Arguments arguments = eval_arguments(call.steps.back().arguments);
  arguments.named.emplace_back("caller", make_macro(*s.macro));
  line = s.line;
  output(this->call(callee, std::move(arguments)));
}

void Interpreter::exec_generation(const Stmt& s) {
  const Value body = make_macro(*s.macro);
  const Value text = call(body, {});
  // Where the text goes when this is not in a macro or another block whose output is caught; inside
  // of those the reference counts from the same place, wrong as that is.
  const std::string_view fresh = std::string_view(result_).substr(counted_bytes_);
  counted_chars_ += text::count_chars(fresh);
  counted_bytes_ = result_.size();
  spans_.push_back({counted_chars_, counted_chars_ + text.as<String>().chars});
  output(text);
}

void Interpreter::assign(const Expr& target, const Value& v) {
  if (target.kind == Expr::Kind::name) {
    slot(target.place) = v;
    return;
  }
  if (target.kind == Expr::Kind::attribute_target) {
    const Value& space = slot(target.place);
    if (!space.is(Kind::space)) fail("cannot assign attribute on non-namespace object");
    if (target.attribute.starts_with('_')) {
      fail(cat(
          "Chat templates cannot store underscore-prefixed attributes on a namespace, but got '",
          target.attribute, "'"));
    }
    int64_t collisions = 1;
    space.as<Space>().attributes.set(make_string(target.attribute), v, collisions);
    step(collisions);
    return;
  }
  const Values parts = items(v);
  if (parts.size() != target.parts.size()) {
    fail(cat(parts.size() < target.parts.size() ? "not enough" : "too many",
             " values to unpack (expected ", target.parts.size(), ")"));
  }
  for (size_t i = 0; i < parts.size(); ++i) assign(*target.parts[i], parts[i]);
}

}  // namespace tern::jinja
