// SPDX-License-Identifier: Apache-2.0
// A language model's speed on request, one per line of standard input, so that a script can
// interleave it with a peer's. Says "ready" when the model stands, then answers:
//   prefill BATCH TOKENS         seconds to the first token of each row, random prompts
//   decode BATCH TOKENS PROMPT   seconds of so many tokens of each row behind its first one
//   peak                         resident memory at most, MB
// Usage: bench_generate MODEL [auto|float32|bfloat16|int8|int4] [threads]
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

#include "../../engine/base/error.h"
#include "../../models/tern.h"
#include "../../tools/llm_timing.h"

namespace {

tern::PretrainedModel load(const std::string& path, const std::string& type) {
  tern::LoadOptions options;
  (type.starts_with("int") ? options.quantize : options.dtype) = type;
  options.pack_at_load = true;
  return tern::AutoModelForCausalLM::from_pretrained(path, options);
}

void serve(tern::Context& ctx, const tern::Model& model) {
  tern::cli::LlmTiming timing(ctx, model);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb;
    tern::cli::LlmTask t{};
    words >> verb;
    if (verb == "peak") {
      rusage usage{};
      ::getrusage(RUSAGE_SELF, &usage);
      std::printf("%.1f\n", static_cast<double>(usage.ru_maxrss) / 1024);
    } else {
      t.decode = verb == "decode";
      words >> t.batch >> t.tokens;
      t.prompt = t.tokens;
      if (t.decode) words >> t.prompt;
      std::printf("%.9f\n", timing.seconds(t));
    }
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr,
                 "usage: bench_generate MODEL [auto|float32|bfloat16|int8|int4] [threads]\n");
    return 2;
  }
  try {
    tern::ThreadPool pool(argc > 3 ? std::atoi(argv[3]) : 1);
    tern::Context ctx({.pool = &pool});
    const tern::PretrainedModel model = load(argv[1], argc > 2 ? argv[2] : "auto");
    std::puts("ready");
    std::fflush(stdout);
    serve(ctx, *model);
  } catch (const tern::Error& error) {
    std::fprintf(stderr, "bench_generate: %s\n", error.what());
    return tern::exit_code(error.code());
  }
  return 0;
}
