// SPDX-License-Identifier: Apache-2.0
#include "generate_chat.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../models/text/chat_template.h"
#include "../models/text/text_stream.h"
#include "display.h"
#include "lines.h"
#include "output.h"

namespace tern::cli {

namespace {

using hub::Json;

/// Tokens of an answer, where neither the model's files nor the options say how many.
constexpr int64_t kAnswerTokens = 1024;

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // a signal handler sets it

/// While it lives, an interrupt sets `interrupted`; before and after, it ends the program.
class Interrupts {
 public:
  Interrupts() {
    interrupted = false;
    struct sigaction action = {};
    action.sa_handler = [](int) { interrupted = true; };
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGINT, &action, &before_);
  }
  ~Interrupts() { ::sigaction(SIGINT, &before_, nullptr); }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

 private:
  struct sigaction before_ = {};
};

Json message(const char* role, std::string_view content) {
  return Json::object(
      {{"role", Json::make(std::string_view(role))}, {"content", Json::make(content)}});
}

class Chat {
 public:
  Chat(const PromptOptions::Loaded& loaded, const Model& model, const GenerationConfig& config)
      : model_(model),
        config_(config),
        tokenizer_(AutoTokenizer::from_repo(loaded.repo, loaded.gguf_file)),
        assistant_(loaded.assistant),
        output_("-") {
    ctx_.set_cancel(&interrupted);
    config_.num_return_sequences = 1;  // there is one answer to go on from
    if (!config_.max_new_tokens && !config_.max_length) config_.max_new_tokens = kAnswerTokens;
  }

  int run() {
    const bool terminal = ::isatty(STDIN_FILENO) == 1 && output_.to_terminal();
    if (terminal)
      std::fputs("/clear begins anew, ctrl-c ends an answer, ctrl-d the conversation\n", stderr);
    LineSource source("-");
    Lines lines;
    if (terminal) output_.write("> ");
    while (source.take(lines)) {
      for (size_t i = 0; i < lines.size(); ++i) {
        say(lines[i], terminal);
        if (terminal) output_.write("> ");
      }
    }
    if (terminal) output_.write("\n");
    output_.commit();
    return 0;
  }

 private:
  void say(std::string_view line, bool terminal) {
    if (line.find_first_not_of(" \t") == line.npos) return;
    if (line == "/clear") {
      messages_.clear();
      return;
    }
    messages_.push_back(message("user", line));
    try {
      answer();
    } catch (const Error& error) {
      messages_.pop_back();
      if (!terminal) throw;
      std::fputs(cat("tern: ", printable(error.what()), "\n").c_str(), stderr);
    }
  }

  /// The prompt's ids, and room for the answer.
  std::vector<int64_t> prompt(GenerationConfig& config) const {
    std::vector<int64_t> ids =
        tokenizer_.apply_chat_template(Json::array(messages_), {.add_generation_prompt = true})
            .encodings.front()
            .ids;
    const auto length = static_cast<int64_t>(ids.size());
    const int64_t positions = model_.max_length();
    if (positions > 0 && length >= positions) {
      fail(ErrorCode::invalid_argument,
           cat("the conversation has ", length, " tokens, and the model takes ", positions,
               ": /clear begins anew"));
    }
    if (positions > 0 && config.max_new_tokens)
      config.max_new_tokens = std::min(*config.max_new_tokens, positions - length);
    config.seed += messages_.size();  // a turn draws other numbers than the one before
    return ids;
  }

  void answer() {
    GenerationConfig config = config_;
    const std::vector<int64_t> ids = prompt(config);
    TextStream stream(tokenizer_);
    std::string said;
    const auto write = [&](const std::string& text) {
      said += text;
      output_.write(output_.to_terminal() ? terminal_text(text) : text);
    };
    GenerateHooks hooks = {.assistant_model = assistant_, .past_key_values = &past_};
    hooks.tokenizer = tokenizer_;
    hooks.on_token = [&](int64_t, int64_t token) {
      write(stream.push(token));
      return true;
    };
    const Interrupts interrupts;
    try {
      generate(ctx_, model_,
               {{"input_ids", Tensor::from<int64_t>(ids, {1, static_cast<int64_t>(ids.size())})}},
               config, hooks);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::cancelled) throw;
    }
    write(stream.finish());
    output_.write("\n");
    messages_.push_back(message("assistant", said));
  }

  const Model& model_;
  GenerationConfig config_;
  Tokenizer tokenizer_;
  const Model* assistant_;
  OutputFile output_;
  Context ctx_;
  PastKeyValues past_;
  std::vector<Json> messages_;
};

}  // namespace

int conversation(const PromptOptions::Loaded& loaded, const Model& model,
                 const GenerationConfig& config) {
  return Chat(loaded, model, config).run();
}

}  // namespace tern::cli
