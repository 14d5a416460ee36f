// SPDX-License-Identifier: Apache-2.0
// Runs a resolved program: statements (statements.cpp), expressions (expressions.cpp), macros and
// loops as values (macros.cpp, loops.cpp). One object per rendering.
#pragma once

#include <memory>

#include "ast.h"
#include "runtime.h"

namespace tern::jinja {

/// A scope while it runs.
struct Frame {
  Frame* outer = nullptr;
  Values slots;
  bool captured = false;  // a macro refers to it: it lives until the end
};

/// Characters of the output, in code points.
struct Span {
  size_t begin = 0, end = 0;
};

class Interpreter;

struct Macro : Callable {
  Interpreter* interpreter = nullptr;
  const MacroInfo* info = nullptr;
  Frame* frame = nullptr;
  bool explicit_caller = false;
  Value call(Runtime& runtime, Arguments&& arguments) override;
};

/// The variable "loop", and the state of the loop.
struct Loop : Object {
  Interpreter* interpreter = nullptr;
  const Stmt* statement = nullptr;
  Frame* outer = nullptr;       // the scope around the loop
  Frame* test_frame = nullptr;  // while the loop runs and has a test
  bool sized = true;            // the iterable has a length
  Values source;
  size_t next = 0;
  int64_t index0 = -1, depth0 = 0, length = -1;
  Value before, current, after;  // missing: none

  /// The next item that passes the test, not yet consumed; missing at the end.
  const Value& peek();
  bool advance();
  int64_t size();
  /// loop.changed(…): whether `now` is something else than at the last call.
  bool changed(const Value& now);
  void forget() { remembered_ = Value(); }

 private:
  Value pull();

  Value remembered_;
};

class Interpreter : public Runtime {
 public:
  using Variables = std::vector<std::pair<std::string, Value>>;

  Interpreter(const Program& program, const Variables& variables, const Limits& limits,
              std::function<Clock()> clock);
  ~Interpreter() override;

  std::string run();
  const std::vector<Span>& spans() const noexcept { return spans_; }

 private:
  friend struct Macro;
  friend struct Loop;
  enum class Flow { normal, break_, continue_ };

  /// One evaluation deeper while it lives.
  class Deeper {
   public:
    explicit Deeper(Interpreter& i);
    ~Deeper() { --interpreter_.nesting_; }

   private:
    Interpreter& interpreter_;
  };
  /// A scope that is entered while it lives.
  class Entered {
   public:
    Entered(Interpreter& i, const ScopeInfo& info, Frame* outer);
    ~Entered();
    Frame& frame() noexcept { return *frame_; }
    /// The scope anew, for the next turn of a loop.
    void again(const ScopeInfo& info);

   private:
    Interpreter& interpreter_;
    Frame* const before_;
    std::unique_ptr<Frame> frame_;
  };
  /// Output goes to a text of its own while it lives.
  class Captured {
   public:
    explicit Captured(Interpreter& i) : interpreter_(i), before_(i.out_) { i.out_ = &text; }
    ~Captured() { interpreter_.out_ = before_; }
    std::string text;

   private:
    Interpreter& interpreter_;
    std::string* const before_;
  };

  // statements.cpp
  Flow exec(const Body& body);
  Flow exec(const Stmt& s);
  Flow exec_block(const Stmt& s, Frame* outer);
  Flow exec_captured(const Stmt& s);
  Flow exec_with(const Stmt& s);
  void exec_generation(const Stmt& s);
  void exec_call(const Stmt& s);
  void output(const Value& v);
  void write(std::string_view text);
  void assign(const Expr& target, const Value& v);

  // loops.cpp
  Flow exec_for(const Stmt& s);
  void run_loop(const Stmt& s, const Value& iterable, Frame* outer, int64_t depth0);
  Value call_loop(const Value& loop, Arguments&& arguments) override;

  // macros.cpp
  Value make_macro(const MacroInfo& info);
  Value call_macro(const Macro& macro, Arguments&& arguments);

  // expressions.cpp
  Value eval(const Expr& e);
  Value eval_name(const Expr& e);
  Value eval_logical(const Expr& e);
  Value eval_compare(const Expr& e);
  Value eval_arithmetic(const Expr& e);
  Value join(Values parts);
  Value eval_concat(const Expr& e);
  Value eval_dict(const Expr& e);
  Value eval_conditional(const Expr& e);
  bool compare(Op op, const Value& a, const Value& b);
  Value apply(const Step& step, const Value& v);
  Value apply_slice(const Step& step, const Value& v);
  Values eval_all(const std::vector<ExprPtr>& parts);
  Arguments eval_arguments(const CallArguments& a);

  Value& slot(const Place& place);
  void start_slots(const ScopeInfo& info, Frame& frame);

  const Program& program_;
  Values outside_;
  Frame* frame_ = nullptr;
  Frame* root_ = nullptr;
  std::vector<std::unique_ptr<Frame>> kept_;
  Values remembering_;  // loops whose changed() was called: what they remember may hold themselves
  std::string result_;
  std::string* out_ = &result_;
  std::vector<Span> spans_;
  size_t counted_bytes_ = 0, counted_chars_ = 0;  // of result_
};

}  // namespace tern::jinja
