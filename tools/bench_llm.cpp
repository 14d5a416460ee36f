// SPDX-License-Identifier: Apache-2.0
// tern bench llm: how fast a language model reads a prompt and writes an answer here.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../models/tern.h"
#include "display.h"
#include "facts.h"
#include "llm_timing.h"
#include "model_options.h"
#include "verbs.h"

namespace tern::cli {

namespace {

using hub::Json;

constexpr VerbHelp kHelp = {
    .usage = "tern bench llm MODEL [options]",
    .summary =
        "Measures reading a prompt (prefill) and writing an answer (decode), tokens per second.",
    .examples =
        "  tern bench llm SmolLM2-135M-Instruct.Q4_1.gguf\n"
        "  tern bench llm ./llama --quantize int8 --threads 2 --batch 1 --json >llm.jsonl\n",
    .notes =
        "The prompt is random tokens; decode follows a prompt of 256. Median of the runs, the "
        "spread\n"
        "is from the slowest to the fastest; one run before them is not counted.\n",
};

struct Measured {
  double slowest = 0, median = 0, fastest = 0;  // tokens per second
};

struct LlmArguments {
  ModelOptions model = {};
  int runs = 5, batch = 0;
  bool json = false;

  bool parse(const Arguments& arguments) {
    Options options(kHelp);
    model.declare_model(options);
    options.integer("--batch", batch, {1, 1024}, "sequences at a time (default: 1, then 8)");
    options.integer("--runs", runs, {1, 1000}, "measurements of each row (default: 5)");
    options.flag("--json", json, "one JSON object per line: the model first, then the rows");
    model.declare_options(options);
    return options.parse(arguments);
  }
};

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

Measured measure(LlmTiming& timing, const LlmTask& t, int runs) {
  std::vector<double> rates;
  for (int run = 0; run <= runs; ++run) {
    const double seconds = timing.seconds(t);
    if (run > 0) rates.push_back(static_cast<double>(t.batch * t.tokens) / seconds);
  }
  std::sort(rates.begin(), rates.end());
  return {rates.front(), rates[rates.size() / 2], rates.back()};
}

std::string right(const std::string& text, size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

std::string rate(double tokens) {
  char text[32];
  std::snprintf(text, sizeof text, tokens < 100 ? "%.1f" : "%.0f", tokens);
  return text;
}

const char* name_of(const LlmTask& t) {
  return t.decode ? "decode" : "prefill";
}

std::string row(const LlmTask& t, const Measured& m) {
  return cat(right(cat(t.batch), 5), "  ", name_of(t), right(cat(t.tokens), t.decode ? 6 : 5),
             right(rate(m.median), 11), "  ", rate(m.slowest), "–", rate(m.fastest), "\n");
}

Json json_row(const LlmTask& t, const Measured& m) {
  return Json::object({{"task", json_of(name_of(t))},
                       {"batch", json_of(t.batch)},
                       {"tokens", json_of(t.tokens)},
                       {"prompt", json_of(t.prompt)},
                       {"tokens_per_second", Json::make(m.median)},
                       {"slowest", Json::make(m.slowest)},
                       {"fastest", Json::make(m.fastest)}});
}

void print_heading(const LlmArguments& arguments, const Model& model) {
  const LoadingReport& report = model.loading_report();
  if (arguments.json) {
    print(Json::object({{"model", json_of(arguments.model.model)},
                        {"class", json_of(model.class_name())},
                        {"dtype", json_of(to_string(report.dtype))},
                        {"quantize", json_of(report.quantize)},
                        {"program", json_of(build_info())}})
              .dump() +
          "\n");
    return;
  }
  print(cat(printable(arguments.model.model), ": ", model.class_name(), ", ",
            to_string(report.dtype), report.quantize.empty() ? "" : ", weights in ",
            report.quantize, "\n", build_info(), "\n\nbatch  task   tokens   tokens/s  spread\n"));
}

}  // namespace

int bench_llm(const Arguments& arguments) {
  LlmArguments options;
  if (!options.parse(arguments)) return 0;
  options.model.apply();
  LoadOptions load = options.model.load();
  const hub::Repo repo = options.model.open(load);
  const PretrainedModel model = load_model("AutoModelForCausalLM", repo, load);
  model->causal();  // before a heading: an encoder that is no decoder is refused
  print_heading(options, *model);
  Context ctx;
  LlmTiming timing(ctx, *model);
  const std::vector<int64_t> batches =
      options.batch > 0 ? std::vector<int64_t>{options.batch} : std::vector<int64_t>{1, 8};
  for (const int64_t batch : batches) {
    for (const LlmTask& t : {LlmTask{false, batch, 256, 256}, LlmTask{false, batch, 1024, 1024},
                             LlmTask{true, batch, 64, 256}, LlmTask{true, batch, 256, 256}}) {
      if (!timing.possible(t)) {
        if (!options.json)
          print(cat(right(cat(t.batch), 5), "  ", name_of(t),
                    right(cat(t.tokens), t.decode ? 6 : 5), "  the model has ", model->max_length(),
                    " positions\n"));
        continue;
      }
      const Measured m = measure(timing, t, options.runs);
      print(options.json ? json_row(t, m).dump() + "\n" : row(t, m));
    }
  }
  return 0;
}

}  // namespace tern::cli
