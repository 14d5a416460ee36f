// SPDX-License-Identifier: Apache-2.0
// `tern generate MODEL --chat`: a conversation, line by line.
#pragma once

#include "generate_prompt.h"

namespace tern::cli {

/// Each line of standard input is what the user says; the answers go to standard output as they
/// come. "/clear" begins anew; an interrupt (ctrl-c) ends an answer, which stays as it is. On a
/// terminal an Error ends the turn only. Returns the exit code.
int conversation(const PromptOptions::Loaded& loaded, const Model& model,
                 const GenerationConfig& config);

}  // namespace tern::cli
