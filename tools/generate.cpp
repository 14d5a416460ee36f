// SPDX-License-Identifier: Apache-2.0
// tern generate: continues prompts with a causal language model, or answers them with an
// encoder–decoder. Tensors in and out as the contracts have it, so that another program can
// compare; or a prompt of the command line (see generate_prompt.h).
#include "../models/generate/generate.h"

#include <chrono>
#include <optional>

#include "../engine/base/error.h"
#include "call_options.h"
#include "generate_prompt.h"
#include "tensor_files.h"
#include "verbs.h"

namespace tern::cli {

namespace {

constexpr VerbHelp kHelp = {
    .usage = "tern generate MODEL --prompt TEXT [options]    (or --chat, --ids, --inputs)",
    .summary =
        "Continues a prompt, or answers it with an encoder-decoder, as generation_config.json and "
        "--set say.",
    .examples =
        "  tern generate ./llama --chat messages.json --temperature 0.7 --seed 7 --stop User:\n",
    .notes =
        "--set: as Transformers' generate. Files: input_ids, attention_mask, …; sequences, scores, "
        "logits.\n",
};

/// The class that generates, when none is named.
std::string generating_task(const hub::Repo& repo, const LoadOptions& load) {
  const bool two_halves = AutoConfig::from_repo(repo, load).boolean({"is_encoder_decoder"}, false);
  return two_halves ? "AutoModelForSeq2SeqLM" : "AutoModelForCausalLM";
}

/// As MODEL is loaded, but for what names a place in its repository.
PretrainedModel load_assistant(const std::string& name, ModelOptions options) {
  options.model = name;
  options.revision = "main";
  options.subfolder.clear();
  LoadOptions load = options.load();
  const hub::Repo repo = options.open(load);
  return load_model(generating_task(repo, load), repo, load);
}

}  // namespace

int generate_verb(const Arguments& arguments) {
  CallOptions options;
  PromptOptions prompt;
  Options declared(kHelp);
  prompt.declare(declared);
  std::string assistant;
  declared.text("--assistant-model", "MODEL", assistant,
                "a smaller model, whose guesses MODEL checks: the same answer, sooner");
  options.declare(declared);
  if (!declared.parse(arguments)) return 0;
  const bool given = prompt.given();
  if (!given) {
    options.check();
  } else if (!options.inputs.empty() || !options.outputs.empty()) {
    fail(ErrorCode::invalid_argument,
         "give one of --prompt, --ids, --chat, and --inputs with --outputs");
  }
  LoadOptions load = options.load_options();
  const hub::Json call = prompt.over(options.arguments());
  options.model.apply();
  const auto begin = std::chrono::steady_clock::now();
  const hub::Repo repo = options.model.open(load);
  if (options.task.empty()) options.task = generating_task(repo, load);
  const PretrainedModel model = load_model(options.task, repo, load);
  std::optional<PretrainedModel> helper;
  if (!assistant.empty()) helper = load_assistant(assistant, options.model);
  const std::chrono::duration<double> loading = std::chrono::steady_clock::now() - begin;
  options.write_report(model->loading_report());
  const GenerationConfig config = GenerationConfig::from_repo(repo, model->config()).with(call);
  GenerateHooks hooks = {.assistant_model = helper ? &**helper : nullptr};
  if (given) {
    return prompt.run({repo, load.gguf_file, loading.count(), hooks.assistant_model}, *model,
                      config);
  }
  Context ctx;
  if (config.needs_tokenizer()) {
    hooks.tokenizer = AutoTokenizer::from_repo(repo, load.gguf_file);
  }
  write_tensors(options.outputs,
                generate(ctx, *model, read_tensors(options.inputs), config, hooks));
  return 0;
}

}  // namespace tern::cli
