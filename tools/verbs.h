// SPDX-License-Identifier: Apache-2.0
// The verbs of the program, each in a file of its name. A verb takes the arguments after its name,
// writes data to standard output only, and returns the exit code; what goes wrong is an Error.
#pragma once

#include "options.h"

namespace tern::cli {

int embed(const Arguments& arguments);
int search(const Arguments& arguments);
int rerank(const Arguments& arguments);
int tokenize(const Arguments& arguments);
int chat_template(const Arguments& arguments);
int forward(const Arguments& arguments);
int generate_verb(const Arguments& arguments);
int info(const Arguments& arguments);
int pull(const Arguments& arguments);
int cache(const Arguments& arguments);
int verify(const Arguments& arguments);
int bench(const Arguments& arguments);
int bench_llm(const Arguments& arguments);  // tern bench llm

}  // namespace tern::cli
