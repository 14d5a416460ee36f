// SPDX-License-Identifier: Apache-2.0
// tern search: the lines of a file whose vectors have the largest cosine with a query's. The file
// is read once, slice by slice; only the best lines per query are kept.
#include "../models/sentence_transformer.h"
#include "model_options.h"
#include "ranking.h"
#include "slices.h"
#include "verbs.h"

namespace tern::cli {

namespace {

constexpr VerbHelp kHelp = {
    .usage = "tern search MODEL FILE QUERY… [options]",
    .summary = "Finds the lines of a file nearest in meaning to each query.",
    .examples =
        "  tern search sentence-transformers/all-MiniLM-L6-v2 notes.txt 'Where is the key?'\n"
        "  cut -f2 faq.tsv | tern search ./all-MiniLM-L6-v2 - 'refund' 'lost parcel' --top-k 3\n",
    .notes = "Shown are rank, cosine, line number and text. Blank lines of FILE are passed over.\n",
};

struct SearchOptions {
  ModelOptions model;
  std::string file, prompt_name, query_prompt_name;
  std::vector<std::string> queries;
  int top_k = 5, batch_size = 32;
  bool json = false;

  bool parse(const Arguments& arguments) {
    Options options(kHelp);
    model.declare_model(options);
    options.positional("FILE", file, "texts, one per line (-: standard input)", true);
    options.rest("QUERY", queries, "what to look for");
    constexpr int kMost = 1000000;
    options.integer("-k,--top-k", top_k, {1, kMost}, "lines per query (default: 5)");
    options.flag("--json", json, "one JSON object per query");
    options.text("--prompt-name", "NAME", prompt_name, "a prompt of the model for the lines");
    options.text("--query-prompt-name", "NAME", query_prompt_name, "the same for the queries");
    options.integer("--batch-size", batch_size, {1, kLargestBatch}, "texts per pass (default: 32)");
    model.declare_options(options);
    return options.parse(arguments);
  }

  EncodeTextsOptions encode(const std::string& prompt) const {
    return {.prompt_name = prompt, .batch_size = batch_size, .normalize = true};
  }
};

/// In one fixed order, so that a score never depends on the slice a line came in.
float dot(const Tensor& a, const Tensor& b) {
  const float* x = a.data<const float>();
  const float* y = b.data<const float>();
  double sum = 0;
  for (int64_t i = 0; i < a.numel(); ++i)
    sum += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  return static_cast<float>(sum);
}

class Searcher {
 public:
  Searcher(const SentenceTransformer& encoder, const SearchOptions& options)
      : encoder_(encoder), options_(options) {
    const std::vector<std::string_view> queries(options.queries.begin(), options.queries.end());
    queries_ = encoder.encode(ctx_, queries, options.encode(options.query_prompt_name)).clone();
    rankings_.assign(queries.size(), Ranking(static_cast<size_t>(options.top_k)));
  }

  void add(const Slice& slice) {
    const Tensor vectors =
        encoder_.encode(ctx_, slice.texts, options_.encode(options_.prompt_name));
    for (size_t q = 0; q < rankings_.size(); ++q) {
      const Tensor query = queries_[static_cast<int64_t>(q)];
      for (size_t i = 0; i < slice.texts.size(); ++i) {
        const float cosine = dot(query, vectors[static_cast<int64_t>(i)]);
        rankings_[q].add(cosine, slice.numbers[i], slice.texts[i]);
      }
    }
  }

  std::vector<Hit> take(size_t query) { return rankings_[query].take(); }

 private:
  const SentenceTransformer& encoder_;
  const SearchOptions& options_;
  Context ctx_;
  Tensor queries_;  // [queries, dimension]
  std::vector<Ranking> rankings_;
};

}  // namespace

int search(const Arguments& arguments) {
  SearchOptions options;
  if (!options.parse(arguments)) return 0;
  options.model.apply();
  LineSource source(options.file);
  const auto encoder = SentenceTransformer::from_repo(options.model.open(), options.model.load());
  Searcher searcher(encoder, options);
  {
    ProgressBar bar("search", source.total_bytes(), !options.model.quiet);
    for_each_slice(source, BlankLines::skip, bar, [&](const Slice& slice) { searcher.add(slice); });
  }
  for (size_t q = 0; q < options.queries.size(); ++q) {
    const std::vector<Hit> hits = searcher.take(q);
    if (options.json) {
      print_ranking_json(options.queries[q], hits);
    } else {
      if (q > 0) std::fputc('\n', stdout);
      print_ranking(options.queries[q], hits);
    }
  }
  return 0;
}

}  // namespace tern::cli
