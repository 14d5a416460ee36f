// SPDX-License-Identifier: Apache-2.0
// Text and tags of a template, with trim_blocks and lstrip_blocks as chat templates have them.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "value.h"

namespace tern::jinja {

struct Token {
  enum class Kind {
    data,
    block_begin,
    block_end,
    variable_begin,
    variable_end,
    name,
    string,
    number,
    op,
    end,
  } kind = Kind::end;
  int line = 1;
  std::string text;  // data, name, string, op
  Value value;       // number

  bool is_op(std::string_view op) const { return kind == Kind::op && text == op; }
  bool is_name(std::string_view name) const { return kind == Kind::name && text == name; }
};

/// The tokens, ended by one of kind end. Error corrupt with the line.
std::deque<Token> tokenize(std::string_view source);

/// Error corrupt: "chat template, line N: …".
[[noreturn]] void fail_syntax(int line, std::string_view message);

}  // namespace tern::jinja
