// SPDX-License-Identifier: Apache-2.0
// What constrained generation costs a step: for each tokenizer.json, a JSON text is read token by
// token by the constraint of any JSON, first unseen, then again. A line each: vocabulary; MB of the
// table of its tokens; ms of the first step of a call, its schema included, for the first call,
// which makes the table, and for a second; ms of a step whose state is new, mean and most; of a
// known one. Usage: bench_grammar TOKENIZER.json…
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "../../engine/base/env.h"
#include "../../models/generate/grammar/constraint.h"
#include "../../models/generate/grammar/json_schema.h"
#include "../../models/tern.h"
#include "../../models/text/token_table.h"

namespace {

using namespace tern;

constexpr uint64_t kMostText = uint64_t{1} << 30;
constexpr const char* kText =
    R"({"name": "Ada Lovelace", "born": 1815, "languages": ["English", "French"], "notes": [
  {"title": "Sketch of the Analytical Engine", "pages": [691, 731], "score": -1.25e3},
  {"title": "Note G: \"Bernoulli numbers\"", "done": true, "by": null}]})";

struct Steps {
  double sum = 0, most = 0;
  size_t count = 0;
};

template <class Work>
double milliseconds_of(const Work& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

/// The tokens that spell the text out, each the longest that goes on with it.
std::vector<int64_t> spelled(const Tokenizer& tokenizer) {
  std::vector<std::string> bytes;
  for (int64_t id = 0; id < tokenizer.vocab_size(); ++id)
    bytes.push_back(tokenizer.token_bytes(id));
  std::vector<int64_t> ids;
  for (std::string_view rest = kText; !rest.empty();) {
    std::string_view best;
    int64_t token = 0;
    for (size_t id = 0; id < bytes.size(); ++id) {
      if (bytes[id].size() <= best.size() || !rest.starts_with(bytes[id])) continue;
      best = bytes[id];
      token = static_cast<int64_t>(id);
    }
    if (best.empty()) break;  // a vocabulary that cannot write it
    ids.push_back(token);
    rest.remove_prefix(best.size());
  }
  return ids;
}

/// A step behind each token of the text, which it allows.
Steps read(grammar::Constraint& constraint, const std::vector<int64_t>& ids,
           std::vector<float>& scores) {
  Steps steps;
  for (size_t i = 1; i < ids.size(); ++i) {
    std::fill(scores.begin(), scores.end(), 0.0F);
    const double ms = milliseconds_of([&] { constraint({ids.data(), i}, scores); });
    if (scores[static_cast<size_t>(ids[i])] != 0) std::printf("token %zu is forbidden\n", i);
    steps.sum += ms;
    steps.most = std::max(steps.most, ms);
    ++steps.count;
  }
  return steps;
}

void measure(const char* path) {
  const Tokenizer tokenizer = AutoTokenizer::from_json(env().read_file(path, kMostText), path);
  const std::vector<int64_t> ids = spelled(tokenizer);
  if (ids.size() < 2) {
    std::printf("%s: its tokens do not write the text\n", path);
    return;
  }
  std::vector<float> scores(static_cast<size_t>(tokenizer.vocab_size()));
  std::optional<grammar::Constraint> constraint;
  const auto call = [&] {
    const std::string rules = grammar::of_json_schema(hub::Json::parse("{}", "schema"));
    constraint.emplace(grammar::Grammar::parse(rules, "schema"), tokenizer, std::vector<int64_t>{});
    (*constraint)({}, scores);
  };
  const double first = milliseconds_of(call), second = milliseconds_of(call);
  const Steps fresh = read(*constraint, ids, scores), again = read(*constraint, ids, scores);
  std::printf(
      "%s: %zu steps, %zu tokens, table %.1f MB; call %.1f ms, second %.2f; "
      "a new state %.3f (%.3f), a known one %.3f ms\n",
      path, fresh.count, scores.size(), static_cast<double>(tokenizer.token_table().bytes()) / 1e6,
      first, second, fresh.sum / static_cast<double>(fresh.count), fresh.most,
      again.sum / static_cast<double>(again.count));
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) measure(argv[i]);
}
