// SPDX-License-Identifier: Apache-2.0
// tern tokenize: texts to ids and back, as JSON lines (the contract by which tokenizers are
// compared) or as plain numbers. Answers are written as soon as the input pauses, so it serves as a
// coprocess.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "../engine/base/env.h"
#include "../engine/base/format.h"
#include "../engine/base/storage.h"
#include "../models/text/jsonl.h"
#include "../models/text/tokenizer.h"
#include "lines.h"
#include "output.h"
#include "verbs.h"

namespace tern::cli {

namespace {

constexpr VerbHelp kHelp = {
    .usage = "tern tokenize --tokenizer DIR|tokenizer.json|model.gguf [FILE] [options]",
    .summary = "Turns texts into token ids, one line each.",
    .examples =
        "  echo 'It rained.' | tern tokenize --tokenizer bert-base-uncased\n"
        "  echo '101 2009 28270 1012 102' | tern tokenize --tokenizer bert-base-uncased --decode\n"
        "  echo '{\"text\":\"It rained.\"}' | tern tokenize --tokenizer ./tokenizer.json --jsonl\n",
    .notes =
        "With --jsonl a line is {\"text\":…[,\"pair\":…][,\"add_special_tokens\":false]} or\n"
        "{\"batch\":[[\"a\"],[\"a\",\"b\"],…][,\"truncation\":{…}][,\"padding\":{…}]}; a line that "
        "is\n"
        "refused is answered by {\"error\":…}.\n",
};

struct TokenizeArguments {
  std::string tokenizer, file = "-", bench;
  bool jsonl = false, decode = false, plain = false;

  bool parse(const Arguments& arguments) {
    Options options(kHelp);
    options.positional("FILE", file, "lines to read (default: -, standard input)", false);
    options.text("--tokenizer", "DIR", tokenizer, "folder, tokenizer.json, .gguf file or org/name");
    options.flag("--jsonl", jsonl, "requests and answers as JSON lines");
    options.flag("--decode", decode, "ids to text (with --jsonl: the decoded text in each answer)");
    options.flag("--no-special-tokens", plain, "leave out [CLS], </s>, …");
    options.text("--bench", "FILE", bench, "measure the speed on the lines of FILE, one thread");
    if (!options.parse(arguments)) return false;
    if (tokenizer.empty()) {
      fail(ErrorCode::invalid_argument,
           "--tokenizer is required ('tern tokenize --help' shows how)");
    }
    return true;
  }
};

Tokenizer open_tokenizer(const std::string& path) {
  const FileInfo file = env().stat(path);
  if (!file.exists || file.directory || path.ends_with(".gguf")) {
    return AutoTokenizer::from_pretrained(path);
  }
  constexpr uint64_t kLargest = uint64_t{512} << 20;
  if (file.special || file.size > kLargest) {
    return AutoTokenizer::from_json(env().read_file(path, kLargest), path);
  }
  const StorageRef bytes = map_storage(path);
  return AutoTokenizer::from_json({reinterpret_cast<const char*>(bytes->data()), bytes->size()},
                                  path);
}

std::string ids_line(const Tokenizer& tokenizer, std::string_view text, bool special_tokens) {
  std::vector<int64_t> ids;
  tokenizer.encode_ids(text, {.add_special_tokens = special_tokens}, ids);
  std::string out;
  for (const int64_t id : ids) out += cat(out.empty() ? "" : " ", id);
  return out;
}

std::string decoded_line(const Tokenizer& tokenizer, std::string_view line, bool special_tokens) {
  std::vector<int64_t> ids;
  const char* at = line.data();
  const char* const end = at + line.size();
  while (true) {
    at = std::find_if(at, end, [](char c) { return c != ' ' && c != ',' && c != '\t'; });
    if (at == end) break;
    int64_t id = 0;
    const auto [next, error] = std::from_chars(at, end, id);
    if (error != std::errc()) {
      fail(ErrorCode::invalid_argument, cat("--decode: '", line, "' is no list of ids"));
    }
    ids.push_back(id);
    at = next;
  }
  return tokenizer.decode(ids, {.skip_special_tokens = !special_tokens});
}

int bench(const Tokenizer& tokenizer, const std::string& path) {
  LineSource source(path);
  Lines lines;
  std::string bytes;
  std::vector<std::pair<size_t, size_t>> documents;  // begin, length
  while (source.take(lines)) {
    for (size_t i = 0; i < lines.size(); ++i) {
      documents.emplace_back(bytes.size(), lines[i].size());
      bytes += lines[i];
    }
  }
  if (bytes.empty()) fail(ErrorCode::invalid_argument, cat(path, ": no text to measure with"));

  using Clock = std::chrono::steady_clock;
  constexpr int kPasses = 5;
  constexpr auto kEnough = std::chrono::seconds(10);
  double best = 0;
  size_t tokens = 0;
  std::vector<int64_t> ids;
  const Clock::time_point begin = Clock::now();
  for (int pass = 0; pass < kPasses && (pass == 0 || Clock::now() - begin < kEnough); ++pass) {
    tokens = 0;
    const Clock::time_point start = Clock::now();
    for (const auto& [at, length] : documents) {
      ids.clear();
      tokenizer.encode_ids(std::string_view(bytes).substr(at, length), {}, ids);
      tokens += ids.size();
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = pass == 0 ? seconds : std::min(best, seconds);
  }
  best = std::max(best, 1e-9);
  std::printf(
      "{\"mb_per_s\":%.2f,\"tokens_per_s\":%.0f,\"documents\":%zu,\"bytes\":%zu,\"tokens\":%zu}\n",
      static_cast<double>(bytes.size()) / 1e6 / best, static_cast<double>(tokens) / best,
      documents.size(), bytes.size(), tokens);
  return 0;
}

}  // namespace

int tokenize(const Arguments& arguments) {
  TokenizeArguments options;
  if (!options.parse(arguments)) return 0;
  const Tokenizer tokenizer = open_tokenizer(options.tokenizer);
  if (!options.bench.empty()) return bench(tokenizer, options.bench);

  LineSource source(options.file);
  OutputFile output("");
  Lines lines;
  std::string answers;
  while (source.take(lines)) {
    answers.clear();
    for (size_t i = 0; i < lines.size(); ++i) {
      if (options.jsonl) {
        answers += text::answer_jsonl(tokenizer, lines[i], options.decode);
      } else if (options.decode) {
        answers += decoded_line(tokenizer, lines[i], !options.plain);
      } else {
        answers += ids_line(tokenizer, lines[i], !options.plain);
      }
      answers += '\n';
    }
    output.write(answers);
  }
  return 0;
}

}  // namespace tern::cli
