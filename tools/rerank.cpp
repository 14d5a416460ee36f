// SPDX-License-Identifier: Apache-2.0
// tern rerank: a cross-encoder reads the query together with each line of a file, and the lines are
// sorted by its score, as sentence-transformers' CrossEncoder does: with one label the sigmoid of
// its logit, unless the configuration names another function; with several labels the logit of one.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "../engine/base/format.h"
#include "../engine/nn.h"
#include "../models/auto.h"
#include "../models/text/tokenizer.h"
#include "model_options.h"
#include "ranking.h"
#include "slices.h"
#include "verbs.h"

namespace tern::cli {

namespace {

constexpr VerbHelp kHelp = {
    .usage = "tern rerank MODEL QUERY FILE [options]",
    .summary = "Sorts the lines of a file by how well they answer a query, with a cross-encoder.",
    .examples =
        "  tern rerank cross-encoder/ms-marco-MiniLM-L-6-v2 'Where is the key?' candidates.txt\n"
        "  grep -i key notes.txt | tern rerank ./reranker 'Where is the key?' - --top-k 3 --json\n",
    .notes = "Shown are rank, score, line number and text. Blank lines of FILE are passed over.\n",
};

struct RerankOptions {
  ModelOptions model;
  std::string query, file;
  int top_k = 0, batch_size = 32, label = -1;
  bool json = false;

  bool parse(const Arguments& arguments) {
    Options options(kHelp);
    model.declare_model(options);
    options.positional("QUERY", query, "the question", true);
    options.positional("FILE", file, "texts, one per line (-: standard input)", true);
    constexpr int kMost = 1000000;
    options.integer("-k,--top-k", top_k, {1, kMost}, "show the best N only (default: all)");
    options.integer("--label", label, {0, kMost},
                    "of several labels, the one to sort by (default: the last)");
    options.flag("--json", json, "one JSON object");
    options.integer("--batch-size", batch_size, {1, kLargestBatch}, "pairs per pass (default: 32)");
    model.declare_options(options);
    return options.parse(arguments);
  }
};

/// "torch.nn.modules.activation.Sigmoid" of config.json, in its newer or older place; "" if
/// neither.
std::string activation_name(const hub::Json& config) {
  auto name = config["sentence_transformers"]["activation_fn"].string();
  if (!name) name = config["sbert_ce_default_activation_function"].string();
  return std::string(name.value_or(""));
}

class Reranker {
 public:
  explicit Reranker(const RerankOptions& options)
      : options_(options), ranking_(static_cast<size_t>(options.top_k)) {
    const hub::Repo repo = options.model.open();
    model_ = AutoModelForSequenceClassification::from_repo(repo, options.model.load());
    tokenizer_ = AutoTokenizer::from_repo(repo);
    labels_ = model_->config().num_labels();
    label_ = options.label < 0 ? labels_ - 1 : options.label;
    if (label_ >= labels_) {
      fail(ErrorCode::invalid_argument,
           cat("--label ", label_, ": the model has ", labels_, " labels, counted from 0"));
    }
    const std::string activation = activation_name(model_->config().json());
    sigmoid_ = activation.empty() ? labels_ == 1 : activation.ends_with("Sigmoid");
    if (!activation.empty() && !sigmoid_ && !activation.ends_with("Identity")) {
      fail(ErrorCode::unsupported, cat(model_->config().what(), ": activation_fn '", activation,
                                       "': only Identity and Sigmoid are known"));
    }
    const int64_t of_model = model_->max_length(), of_tokenizer = tokenizer_.model_max_length();
    max_length_ = of_model > 0 && of_tokenizer > 0 ? std::min(of_model, of_tokenizer)
                                                   : std::max(of_model, of_tokenizer);
  }

  /// Pairs of about the same length are run together, since a batch is padded to its longest.
  void add(const Slice& slice) {
    const std::vector<std::string_view>& texts = slice.texts;
    std::vector<size_t> order(texts.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return texts[a].size() < texts[b].size(); });
    const auto batch = static_cast<size_t>(options_.batch_size);
    for (size_t begin = 0; begin < order.size(); begin += batch) {
      const auto members = std::span(order).subspan(begin, std::min(batch, order.size() - begin));
      const Tensor logits = run(texts, members);
      for (size_t i = 0; i < members.size(); ++i) {
        const size_t at = members[i];
        const std::span row(logits[static_cast<int64_t>(i)].data<const float>(),
                            static_cast<size_t>(labels_));
        ranking_.add(score(row), slice.numbers[at], texts[at],
                     labels_ > 1 ? row : row.subspan(0, 0));
      }
    }
  }

  std::vector<Hit> take() { return ranking_.take(); }

 private:
  /// Logits [members, labels].
  Tensor run(std::span<const std::string_view> texts, std::span<const size_t> members) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const size_t member : members) pairs.emplace_back(options_.query, texts[member]);
    const NamedTensors inputs =
        tokenizer_(std::span<const std::pair<std::string, std::string>>(pairs),
                   {.padding = true, .truncation = max_length_ > 0, .max_length = max_length_});
    return to_f32(model_(ctx_, inputs)["logits"]);
  }

  float score(std::span<const float> logits) const {
    const float logit = logits[static_cast<size_t>(label_)];
    return sigmoid_ ? 1.0f / (1.0f + std::exp(-logit)) : logit;
  }

  const RerankOptions& options_;
  Context ctx_;
  PretrainedModel model_;
  Tokenizer tokenizer_;
  int64_t labels_ = 1, label_ = 0, max_length_ = 0;
  bool sigmoid_ = false;
  Ranking ranking_;
};

}  // namespace

int rerank(const Arguments& arguments) {
  RerankOptions options;
  if (!options.parse(arguments)) return 0;
  options.model.apply();
  LineSource source(options.file);
  Reranker reranker(options);
  {
    ProgressBar bar("rerank", source.total_bytes(), !options.model.quiet);
    for_each_slice(source, BlankLines::skip, bar, [&](const Slice& slice) { reranker.add(slice); });
  }
  const std::vector<Hit> hits = reranker.take();
  if (options.json) {
    print_ranking_json(options.query, hits);
  } else {
    print_ranking(options.query, hits);
  }
  return 0;
}

}  // namespace tern::cli
