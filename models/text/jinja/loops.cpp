// SPDX-License-Identifier: Apache-2.0
// {% for %}: items are tested one by one as they are needed, as jinja2 does, so that a test may
// depend on what the body did.
#include "../../../engine/base/format.h"
#include "interpreter.h"

namespace tern::jinja {

Value Loop::pull() {
  Interpreter& i = *interpreter;
  while (next < source.size()) {
    const Value item = source[next++];
    i.step();
    if (!test_frame) return item;
    Frame* const running = i.frame_;
    i.frame_ = test_frame;
    i.assign(*statement->targets[0], item);
    const bool passes = truthy(i.eval(*statement->exprs[1]));
    i.frame_ = running;
    if (passes) return item;
  }
  return {};
}

const Value& Loop::peek() {
  if (after.is(Kind::missing)) after = pull();
  return after;
}

bool Loop::advance() {
  Value item = std::move(after);
  after = Value();
  if (item.is(Kind::missing)) item = pull();
  if (item.is(Kind::missing)) return false;
  ++index0;
  before = std::move(current);
  current = std::move(item);
  return true;
}

int64_t Loop::size() {
  if (length >= 0) return length;
  if (sized && !test_frame) return length = static_cast<int64_t>(source.size());
  Values rest;
  for (Value item = pull(); !item.is(Kind::missing); item = pull()) rest.push_back(std::move(item));
  length = static_cast<int64_t>(rest.size()) + index0 + 1 + (after.is(Kind::missing) ? 0 : 1);
  source = std::move(rest);
  next = 0;
  test_frame = nullptr;
  return length;
}

bool Loop::changed(const Value& now) {
  if (remembered_.is(Kind::missing)) {
    interpreter->remembering_.emplace_back(Kind::loop, this);
  } else if (interpreter->equals(remembered_, now)) {
    return false;
  }
  remembered_ = now;
  return true;
}

Interpreter::Flow Interpreter::exec_for(const Stmt& s) {
  const Value iterable = eval(*s.exprs[0]);
  if (!s.recursive) {
    run_loop(s, iterable, frame_, 0);
    return Flow::normal;
  }
  std::string text;
  {
    Captured captured(*this);
    run_loop(s, iterable, frame_, 0);
    text = std::move(captured.text);
  }
  write(text);
  return Flow::normal;
}

void Interpreter::run_loop(const Stmt& s, const Value& iterable, Frame* outer, int64_t depth0) {
  line = s.line;
  auto* state = new Loop;
  const Value loop(Kind::loop, state);
  state->interpreter = this;
  state->statement = &s;
  state->outer = outer;
  state->depth0 = depth0;
  state->sized = !iterable.is(Kind::iterator);
  state->source = items(iterable);
  Frame test_frame;
  test_frame.outer = outer;
  if (s.exprs[1]) {
    start_slots(s.test_scope, test_frame);
    state->test_frame = &test_frame;
  }
  // Whatever happens, a loop object that is kept must not look into scopes that are gone.
  struct End {
    Loop& loop;
    ~End() {
      loop.source.clear();
      loop.next = 0;
      loop.test_frame = nullptr;
      loop.outer = nullptr;
    }
  } const end{*state};

  bool completed = false;
  {
    Entered body(*this, s.scope, outer);
    for (bool first = true; state->advance(); first = false) {
      step();
      if (!first) body.again(s.scope);
      slot(s.loop) = loop;
      assign(*s.targets[0], state->current);
      const Flow flow = exec(s.body);
      if (flow == Flow::break_) break;
      // As in the reference, turns that end by continue do not count for the else.
      if (flow == Flow::normal) completed = true;
    }
  }
  if (completed || s.else_body.empty()) return;
  Entered otherwise(*this, s.else_scope, outer);
  exec(s.else_body);
}

Value Interpreter::call_loop(const Value& loop, Arguments&& arguments) {
  const Parameters p(*this, "loop()", arguments, {"iterable"}, 1);
  const Loop& state = loop.as<Loop>();
  if (!state.statement->recursive) {
    fail("The loop must have the 'recursive' marker to be called recursively.");
  }
  if (!state.outer) fail("a loop was called that has ended");
  const Nested nested(*this);
  Captured captured(*this);
  run_loop(*state.statement, *p[0], state.outer, state.depth0 + 1);
  return string(std::move(captured.text));
}

namespace {

Value cycle(Runtime& r, const Value& self, const Arguments& a) {
  if (a.positional.empty()) r.fail("no items for cycling given");
  const auto size = static_cast<int64_t>(a.positional.size());
  const int64_t index = std::max<int64_t>(self.as<Loop>().index0, 0);
  return a.positional[static_cast<size_t>(index % size)];
}

Value changed(Runtime& r, const Value& self, const Arguments& a) {
  return Value::of(self.as<Loop>().changed(r.tuple(a.positional)));
}

}  // namespace

std::optional<Value> loop_attribute(Runtime&, const Value& v, const std::string& name) {
  Loop& loop = v.as<Loop>();
  if (name == "index0") return Value::of(loop.index0);
  if (name == "index") return Value::of(loop.index0 + 1);
  if (name == "first") return Value::of(loop.index0 == 0);
  if (name == "last") return Value::of(loop.peek().is(Kind::missing));
  if (name == "length") return Value::of(loop.size());
  if (name == "revindex0") return Value::of(loop.size() - loop.index0 - 1);
  if (name == "revindex") return Value::of(loop.size() - loop.index0);
  if (name == "depth0") return Value::of(loop.depth0);
  if (name == "depth") return Value::of(loop.depth0 + 1);
  if (name == "previtem") {
    return loop.index0 == 0 ? make_undefined("there is no previous item") : loop.before;
  }
  if (name == "nextitem") {
    const Value& next = loop.peek();
    return next.is(Kind::missing) ? make_undefined("there is no next item") : next;
  }
  if (name == "cycle") return make_function(name, cycle, v);
  if (name == "changed") return make_function(name, changed, v);
  return std::nullopt;
}

}  // namespace tern::jinja
