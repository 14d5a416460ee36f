// SPDX-License-Identifier: Apache-2.0
#include "generate_prompt.h"

#include <charconv>
#include <chrono>

#include "../engine/base/env.h"
#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../models/text/chat_template.h"
#include "../models/text/text_stream.h"
#include "display.h"
#include "generate_chat.h"
#include "json_input.h"
#include "output.h"

namespace tern::cli {

namespace {

using Clock = std::chrono::steady_clock;
using hub::Json;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

std::vector<int64_t> parse_ids(const std::string& text) {
  std::vector<int64_t> ids;
  const char *at = text.data(), *end = at + text.size();
  while (true) {
    int64_t id = 0;
    const auto [next, error] = std::from_chars(at, end, id);
    const bool good = error == std::errc() && id >= 0 && (next == end || *next == ',');
    if (!good) {
      fail(ErrorCode::invalid_argument,
           cat("--ids ", text, ": expected numbers with commas between them"));
    }
    ids.push_back(id);
    if (next == end) return ids;
    at = next + 1;
  }
}

/// A number of the command line as JSON has it.
Json number(const char* option, const std::string& text) {
  try {
    Json value = Json::parse(text, option);
    if (value.number()) return value;
  } catch (const Error&) {
  }
  fail(ErrorCode::invalid_argument, cat(option, ": expected a number, found '", text, "'"));
}

Json list(std::span<const int64_t> ids) {
  std::vector<Json> out;
  for (const int64_t id : ids) out.push_back(Json::make(id));
  return Json::array(std::move(out));
}

/// One answer as it is made: prints it, unless it is to be JSON, and takes the time.
class Answer {
 public:
  Answer(const std::optional<Tokenizer>& tokenizer, OutputFile* output) : output_(output) {
    if (tokenizer) stream_.emplace(*tokenizer);
  }

  void begin() { begin_ = Clock::now(); }
  void token(int64_t id) {
    const auto now = Clock::now();
    if (ids_.empty()) first_ = now;
    last_ = now;
    if (output_) write(stream_ ? stream_->push(id) : cat(ids_.empty() ? "" : ",", id));
    ids_.push_back(id);
  }
  void end() {
    if (output_) write((stream_ ? stream_->finish() : std::string()) + "\n");
  }

  std::span<const int64_t> ids() const { return ids_; }
  Json timings(double load_seconds, size_t prompt) const {
    const double decoding = seconds_between(first_, last_);
    std::vector<Json::NewMember> out;
    out.emplace_back("load", Json::make(load_seconds));
    out.emplace_back("prefill_tokens_per_second",
                     Json::make(static_cast<double>(prompt) / seconds_between(begin_, first_)));
    if (ids_.size() > 1) {
      out.emplace_back("decode_tokens_per_second",
                       Json::make(static_cast<double>(ids_.size() - 1) / decoding));
    }
    return Json::object(std::move(out));
  }

 private:
  void write(const std::string& text) {
    output_->write(output_->to_terminal() ? terminal_text(text) : text);
  }

  OutputFile* output_;
  std::optional<TextStream> stream_;
  std::vector<int64_t> ids_;
  Clock::time_point begin_, first_, last_;
};

/// Several sequences, or those of a beam search: whole, a line each. Padding is not shown.
void write_whole(const NamedTensors& found, size_t prompt, const GenerationConfig& config,
                 const std::optional<Tokenizer>& tokenizer, OutputFile& output) {
  const Tensor& sequences = found["sequences"];
  const auto length = static_cast<size_t>(sequences.dim(1));
  for (int64_t row = 0; row < sequences.dim(0); ++row) {
    const auto* ids = sequences.data<int64_t>() + static_cast<size_t>(row) * length;
    std::vector<int64_t> fresh;
    for (size_t i = prompt; i < length; ++i) {
      fresh.push_back(ids[i]);
      const auto& ends = config.eos_token_id;
      if (std::find(ends.begin(), ends.end(), ids[i]) != ends.end()) break;
    }
    std::string line;
    if (tokenizer) {
      line = tokenizer->decode(fresh, {.skip_special_tokens = true});
    } else {
      for (const int64_t id : fresh) line += cat(line.empty() ? "" : ",", id);
    }
    output.write(line + "\n");
  }
}

}  // namespace

void PromptOptions::declare(Options& options) {
  options.text("--prompt", "TEXT", text, "a prompt; what follows it goes to standard output");
  options.text("--ids", "LIST", ids, "a prompt as token ids; ids go to standard output");
  options.text("--chat", "[FILE]", chat, chatting,
               "messages (JSON; -: standard input) to answer; no FILE: a conversation");
  options.integer("--max-new-tokens", max_new_tokens, {1, 1 << 30},
                  "tokens at most (default: the model's, else 20)");
  options.text("--temperature", "X", temperature,
               "sample; also --top-k N, --top-p X, --seed N; or not: --greedy");
  options.flag("--greedy", greedy, "");
  options.integer("--top-k", top_k, {0, 1 << 30}, "");
  options.text("--top-p", "X", top_p, "");
  options.integer("--seed", seed, {0, INT32_MAX}, "");
  options.repeated("--stop", "TEXT", stop, "end where this text comes");
  options.text("--json-schema", "FILE", json_schema,
               "the answer is JSON that satisfies this; or --grammar FILE (GBNF)");
  options.text("--grammar", "FILE", grammar, "");
  options.flag("--json", json, "the answer as JSON: ids, text, timings");
}

bool PromptOptions::given() const {
  const int count = !text.empty() + !ids.empty() + chatting;
  if (count > 1) fail(ErrorCode::invalid_argument, "give one of --prompt, --ids, --chat");
  return count == 1;
}

Json PromptOptions::over(const Json& set) const {
  std::vector<Json::NewMember> out;
  for (const auto& member : set.members()) out.emplace_back(member);
  const auto add = [&](const char* name, Json value) { out.emplace_back(name, std::move(value)); };
  const bool sample = !temperature.empty() || !top_p.empty() || top_k >= 0 || seed >= 0;
  if (sample && greedy) {
    fail(ErrorCode::invalid_argument, "--greedy goes with no option of sampling");
  }
  if (sample || greedy) add("do_sample", Json::make(sample));
  if (greedy) add("num_beams", Json::make(int64_t{1}));
  if (max_new_tokens > 0) add("max_new_tokens", Json::make(int64_t{max_new_tokens}));
  if (!temperature.empty()) add("temperature", number("--temperature", temperature));
  if (!top_p.empty()) add("top_p", number("--top-p", top_p));
  if (top_k >= 0) add("top_k", Json::make(int64_t{top_k}));
  if (seed >= 0) add("seed", Json::make(int64_t{seed}));
  if (!grammar.empty()) {
    constexpr uint64_t kLargest = uint64_t{16} << 20;
    add("grammar", Json::make(std::string_view(env().read_file(grammar, kLargest))));
  }
  if (!json_schema.empty()) add("json_schema", read_json(json_schema));
  if (!stop.empty()) {
    std::vector<Json> texts;
    for (const std::string& s : stop) texts.push_back(Json::make(std::string_view(s)));
    add("stop_strings", Json::array(std::move(texts)));
  }
  return Json::object(std::move(out));
}

int PromptOptions::run(const Loaded& loaded, const Model& model,
                       const GenerationConfig& config) const {
  if (chatting && chat.empty()) {
    if (json) fail(ErrorCode::unsupported, "--json: one answer; a conversation has many");
    return conversation(loaded, model, config);
  }
  GenerateHooks hooks = {.assistant_model = loaded.assistant};
  if (ids.empty() || config.needs_tokenizer()) {
    hooks.tokenizer = AutoTokenizer::from_repo(loaded.repo, loaded.gguf_file);
  }
  std::vector<int64_t> prompt;
  if (!ids.empty()) {
    prompt = parse_ids(ids);
  } else if (!text.empty()) {
    prompt = hooks.tokenizer->encode(text).ids;
  } else {
    prompt = hooks.tokenizer->apply_chat_template(read_json(chat), {.add_generation_prompt = true})
                 .encodings.front()
                 .ids;
  }
  if (prompt.empty()) fail(ErrorCode::invalid_argument, "the prompt has no tokens");
  const NamedTensors inputs = {
      {"input_ids", Tensor::from<int64_t>(prompt, {1, static_cast<int64_t>(prompt.size())})}};
  Context ctx;
  OutputFile output("-");
  const std::optional<Tokenizer> shown = ids.empty() ? hooks.tokenizer : std::nullopt;
  if (config.num_beams > 1 || config.num_return_sequences > 1) {
    if (json) fail(ErrorCode::unsupported, "--json: one sequence without beams");
    const NamedTensors found = generate(ctx, model, inputs, config, hooks);
    const size_t begin = model.causal()->has_encoder() ? 1 : prompt.size();  // of what is new
    write_whole(found, begin, config, shown, output);
    output.commit();
    return 0;
  }
  Answer answer(shown, json ? nullptr : &output);
  hooks.on_token = [&](int64_t, int64_t token) { return answer.token(token), true; };
  int64_t guessed = 0, right = 0;
  hooks.on_guesses = [&](int64_t all, int64_t good) { guessed += all, right += good; };
  answer.begin();
  generate(ctx, model, inputs, config, hooks);
  answer.end();
  if (json) {
    std::vector<Json::NewMember> out;
    out.emplace_back("input_ids", list(prompt));
    out.emplace_back("output_ids", list(answer.ids()));
    if (shown) {
      const std::string said = shown->decode(answer.ids(), {.skip_special_tokens = true});
      out.emplace_back("text", Json::make(std::string_view(said)));
    }
    const LoadingReport& report = model.loading_report();
    out.emplace_back("dtype", Json::make(to_string(report.dtype)));
    if (!report.quantize.empty()) {
      out.emplace_back("quantize", Json::make(std::string_view(report.quantize)));
    }
    if (guessed > 0) {
      out.emplace_back("guesses", Json::object({{"guessed", Json::make(guessed)},
                                                {"right", Json::make(right)}}));
    }
    out.emplace_back("timings", answer.timings(loaded.seconds, prompt.size()));
    output.write(Json::object(std::move(out)).dump() + "\n");
  }
  output.commit();
  return 0;
}

}  // namespace tern::cli
