// SPDX-License-Identifier: Apache-2.0
// Calls of macros: how arguments meet parameters, defaults, varargs, kwargs and caller.
#include <algorithm>

#include "../../../engine/base/format.h"
#include "interpreter.h"

namespace tern::jinja {

Value Macro::call(Runtime&, Arguments&& arguments) {
  return interpreter->call_macro(*this, std::move(arguments));
}

Value Interpreter::make_macro(const MacroInfo& info) {
  auto* macro = new Macro;
  macro->name = info.name;
  macro->interpreter = this;
  macro->info = &info;
  macro->frame = frame_;
  macro->explicit_caller = std::any_of(info.parameters.begin(), info.parameters.end(),
                                       [](const ExprPtr& p) { return p->name == "caller"; });
  for (Frame* f = frame_; f && !f->captured; f = f->outer) f->captured = true;
  return Value(Kind::callable, macro);
}

namespace {

/// Takes the argument of that name out of `arguments`; missing when there is none.
Value take(Arguments& arguments, std::string_view name) {
  const auto at = std::find_if(arguments.named.begin(), arguments.named.end(),
                               [&](const auto& a) { return a.first == name; });
  if (at == arguments.named.end()) return {};
  Value out = std::move(at->second);
  arguments.named.erase(at);
  return out;
}

void refuse_rest(Runtime& r, const MacroInfo& info, const Arguments& a) {
  if (!info.uses_kwargs && !a.named.empty()) {
    r.fail(cat("macro '", info.name, "' takes no keyword argument '", a.named[0].first, "'"));
  }
  if (!info.uses_varargs && a.positional.size() > info.parameters.size()) {
    r.fail(cat("macro '", info.name, "' takes not more than ", info.parameters.size(),
               " argument(s)"));
  }
}

}  // namespace

Value Interpreter::call_macro(const Macro& macro, Arguments&& arguments) {
  const MacroInfo& info = *macro.info;
  const Nested nested(*this);
  const Deeper deeper(*this);
  const size_t count = info.parameters.size();
  Values values(arguments.positional.begin(),
                arguments.positional.begin() +
                    static_cast<ptrdiff_t>(std::min(count, arguments.positional.size())));
  for (size_t i = values.size(); i < count; ++i) {
    step(static_cast<int64_t>(arguments.named.size()));
    values.push_back(take(arguments, info.parameters[i]->name));
  }
  Value caller;
  if (info.uses_caller) {
    caller = take(arguments, "caller");
    if (caller.is(Kind::missing) || caller.is_none()) caller = make_undefined("No caller defined");
  }
  refuse_rest(*this, info, arguments);

  Entered scope(*this, info.scope, macro.frame);
  if (info.uses_caller) slot(info.caller) = caller;
  if (info.uses_kwargs) {
    Dict rest;
    for (auto& [name, value] : arguments.named) set(rest, string(name), std::move(value));
    slot(info.kwargs) = dict(std::move(rest));
  }
  if (info.uses_varargs) {
    const size_t taken = std::min(count, arguments.positional.size());
    slot(info.varargs) = tuple(Values(arguments.positional.begin() + static_cast<ptrdiff_t>(taken),
                                      arguments.positional.end()));
  }
  const size_t first_default = count - info.defaults.size();
  for (size_t i = 0; i < count; ++i) slot(info.parameters[i]->place) = values[i];
  for (size_t i = 0; i < count; ++i) {
    Value& value = slot(info.parameters[i]->place);
    if (!value.is(Kind::missing)) continue;
    value =
        i >= first_default
            ? eval(*info.defaults[i - first_default])
            : make_undefined(cat("parameter '", info.parameters[i]->name, "' was not provided"));
  }
  Captured captured(*this);
  exec(info.body);
  return string(std::move(captured.text));
}

}  // namespace tern::jinja
