// SPDX-License-Identifier: Apache-2.0
// Where memory ends while a model, a tokenizer or a config is loaded or saved, that is one Error,
// which names it. Called by everything that has from_pretrained, from_repo or save_pretrained.
#pragma once

#include <new>
#include <stdexcept>
#include <string_view>

#include "../engine/base/error.h"

namespace tern {

/// Names `what` (a repository, a folder) and says what to do. Where there is not even memory for
/// that text, it throws one without the name.
Error out_of_memory(std::string_view what);
/// The same with what asked for the memory, as far as there is memory to say so.
Error with_cause(const Error& ended, const Error& cause) noexcept;

/// Gives what `call` gives. When memory ends in it: the Error above. Others pass.
template <class Call>
auto within_memory(std::string_view what, Call call) {
  const Error ended = out_of_memory(what);  // later there may be no memory to make it from
  try {
    return call();
  } catch (const std::bad_alloc&) {
    throw ended;
  } catch (const std::length_error&) {  // of more elements than there are addresses
    throw ended;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::out_of_memory) throw;
    throw with_cause(ended, error);
  }
}

}  // namespace tern
