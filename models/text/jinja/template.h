// SPDX-License-Identifier: Apache-2.0
// Template: a parsed chat template. Immutable: any number of threads may render it. Parsing and
// rendering need less than 1 MiB of stack for the deepest templates the limits allow; the deepest
// known take half of that.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../../hub/formats/json.h"
#include "interpreter.h"

namespace tern::jinja {

struct Rendered {
  std::string text;
  std::vector<Span> generated;  // of {% generation %}
};

class Template {
 public:
  /// Error corrupt for bad syntax, unsupported for tags, filters and tests that do not exist; both
  /// name the line. `source` may be any bytes.
  static Template parse(std::string_view source, const Limits& limits = {});

  using Variables = std::vector<std::pair<std::string, const hub::Json*>>;
  /// Error invalid_argument for what a template refuses or does wrong with these variables,
  /// corrupt when it exceeds a limit.
  Rendered render(const Variables& variables, std::function<Clock()> clock = {}) const;

 private:
  explicit Template(const Limits& limits) : limits_(limits) {}

  std::shared_ptr<const Program> program_;
  Limits limits_;
};

/// The local time of now.
Clock local_clock();

}  // namespace tern::jinja
