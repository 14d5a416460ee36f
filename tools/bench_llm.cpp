// SPDX-License-Identifier: Apache-2.0
// tern bench llm: how fast a language model reads a prompt and writes an answer here.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/context.h"
#include "../models/generate/generate.h"
#include "../models/tern.h"
#include "display.h"
#include "facts.h"
#include "model_options.h"
#include "verbs.h"

namespace tern::cli {

namespace {

using Clock = std::chrono::steady_clock;
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

struct Task {
  bool decode;
  int64_t batch, tokens, prompt;
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

class LlmBench {
 public:
  LlmBench(const Model& model, int runs) : model_(model), runs_(runs) {
    config_.eos_token_id.clear();
    config_.pad_token_id = 0;
    vocabulary_ = model.config().integer({"vocab_size"}, {}, 1, INT32_MAX);
  }

  /// The model has positions for it.
  bool possible(const Task& t) const {
    return model_.max_length() == 0 || t.prompt + t.tokens + 1 <= model_.max_length();
  }

  Measured measure(const Task& t) {
    std::vector<double> rates;
    for (int run = 0; run <= runs_; ++run) {
      const double seconds = once(t);
      if (run > 0) rates.push_back(static_cast<double>(t.batch * t.tokens) / seconds);
    }
    std::sort(rates.begin(), rates.end());
    return {rates.front(), rates[rates.size() / 2], rates.back()};
  }

 private:
  /// Seconds until the first token, or from there to the last.
  double once(const Task& t) {
    std::vector<int64_t> ids(static_cast<size_t>(t.batch * t.prompt));
    for (int64_t& id : ids) {
      random_ = random_ * 6364136223846793005 + 1442695040888963407;
      id = static_cast<int64_t>(random_ >> 33) % vocabulary_;
    }
    config_.max_new_tokens = t.decode ? t.tokens + 1 : 1;
    Clock::time_point first, last;
    int64_t heard = 0;
    GenerateHooks hooks;
    hooks.on_token = [&](int64_t, int64_t) {
      last = Clock::now();
      if (++heard <= t.batch) first = last;
      return true;
    };
    const Clock::time_point begin = Clock::now();
    generate(ctx_, model_, {{"input_ids", Tensor::from<int64_t>(ids, {t.batch, t.prompt})}},
             config_, hooks);
    return std::chrono::duration<double>(t.decode ? last - first : first - begin).count();
  }

  const Model& model_;
  GenerationConfig config_;
  Context ctx_;
  int64_t vocabulary_;
  int runs_;
  uint64_t random_ = 1;
};

std::string right(const std::string& text, size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

std::string rate(double tokens) {
  char text[32];
  std::snprintf(text, sizeof text, tokens < 100 ? "%.1f" : "%.0f", tokens);
  return text;
}

const char* name_of(const Task& t) {
  return t.decode ? "decode" : "prefill";
}

std::string row(const Task& t, const Measured& m) {
  return cat(right(cat(t.batch), 5), "  ", name_of(t), right(cat(t.tokens), t.decode ? 6 : 5),
             right(rate(m.median), 11), "  ", rate(m.slowest), "–", rate(m.fastest), "\n");
}

Json json_row(const Task& t, const Measured& m) {
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
  print_heading(options, *model);
  LlmBench bench(*model, options.runs);
  const std::vector<int64_t> batches =
      options.batch > 0 ? std::vector<int64_t>{options.batch} : std::vector<int64_t>{1, 8};
  for (const int64_t batch : batches) {
    for (const Task& t : {Task{false, batch, 256, 256}, Task{false, batch, 1024, 1024},
                          Task{true, batch, 64, 256}, Task{true, batch, 256, 256}}) {
      if (!bench.possible(t)) {
        if (!options.json)
          print(cat(right(cat(t.batch), 5), "  ", name_of(t),
                    right(cat(t.tokens), t.decode ? 6 : 5), "  the model has ", model->max_length(),
                    " positions\n"));
        continue;
      }
      const Measured m = bench.measure(t);
      print(options.json ? json_row(t, m).dump() + "\n" : row(t, m));
    }
  }
  return 0;
}

}  // namespace tern::cli
