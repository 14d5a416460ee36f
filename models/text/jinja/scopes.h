// SPDX-License-Identifier: Apache-2.0
// Which variable a name means. jinja2 decides that before a template runs, by where a scope (the
// template, a loop's body, a macro, …) mentions the name first, and templates have come to depend
// on it: a name that a scope sets, but which an inner scope reads before, is undefined there even
// when the caller passed a variable of that name.
#pragma once

#include "ast.h"

namespace tern::jinja {

/// Fills the places and scopes of `program`. Error unsupported for a filter or test that does not
/// exist, unless it stands in an if or a conditional expression, where it matters only when it is
/// reached; Error corrupt for break and continue outside of a loop.
void resolve(Program& program);

}  // namespace tern::jinja
