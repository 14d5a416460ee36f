// SPDX-License-Identifier: Apache-2.0
// tern embed: one text per line in, one vector per line out, in order. Three things go on at once:
// a thread reads lines ahead, this one encodes a slice of them, another one formats and writes the
// slice before. What is held does not grow with the number of lines.
#include <future>

#include "../models/sentence_transformer.h"
#include "model_options.h"
#include "slices.h"
#include "vectors.h"
#include "verbs.h"

namespace tern::cli {

namespace {

constexpr VerbHelp kHelp = {
    .usage = "tern embed MODEL [FILE] [options]",
    .summary = "Turns texts into vectors: a line in, a vector out, in order.",
    .examples =
        "  echo 'It rained.' | tern embed sentence-transformers/all-MiniLM-L6-v2\n"
        "  tern embed ./all-MiniLM-L6-v2 texts.txt > vectors.jsonl\n"
        "  tern embed ./all-MiniLM-L6-v2 texts.txt --format npy --output vectors.npy\n",
    .notes =
        "A line is a text, an empty one too; a '\\r' at its end is not part of it. Neither\n"
        "--threads nor --batch-size changes a bit of the result.\n",
};

struct EmbedOptions {
  ModelOptions model;
  std::string file = "-", format = "jsonl", output, prompt_name;
  int batch_size = 32;
  bool normalize = false;

  bool parse(const Arguments& arguments) {
    Options options(kHelp);
    model.declare_model(options);
    options.positional("FILE", file, "texts, one per line (default: -, standard input)", false);
    options.choice("--format", "FORM", format, {"jsonl", "npy", "safetensors"});
    options.text("-o,--output", "FILE", output, "write to FILE (npy and safetensors need one)");
    options.text("--prompt-name", "NAME", prompt_name,
                 "a prompt of the model to put before each text");
    options.integer("--batch-size", batch_size, {1, kLargestBatch}, "texts per pass (default: 32)");
    options.flag("--normalize", normalize, "vectors of length 1 even if the model does not");
    model.declare_options(options);
    return options.parse(arguments);
  }
};

/// Writes slices on a thread of its own, one behind the encoder.
class Writing {
 public:
  explicit Writing(VectorWriter& writer) : writer_(writer) {}
  void write(Tensor vectors) {
    wait();
    done_ = std::async(std::launch::async, [this, rows = std::move(vectors)] {
      const auto count = static_cast<size_t>(rows.numel());
      writer_.write({rows.data<const float>(), count}, rows.dim(1));
    });
  }
  void wait() {
    if (done_.valid()) done_.get();
  }

 private:
  VectorWriter& writer_;
  std::future<void> done_;
};

}  // namespace

int embed(const Arguments& arguments) {
  EmbedOptions options;
  if (!options.parse(arguments)) return 0;
  options.model.apply();
  LineSource source(options.file);
  OutputFile output(options.output);
  const auto writer = make_vector_writer(options.format, output);
  const auto encoder = SentenceTransformer::from_repo(options.model.open(), options.model.load());
  const EncodeTextsOptions encode = {.prompt_name = options.prompt_name,
                                     .batch_size = options.batch_size,
                                     .normalize = options.normalize};

  ProgressBar bar("embed", source.total_bytes(), !options.model.quiet && !output.to_terminal());
  Context ctx;
  Writing writing(*writer);
  for_each_slice(source, BlankLines::keep, bar, [&](const Slice& slice) {
    writing.write(encoder.encode(ctx, slice.texts, encode));
  });
  writing.wait();
  writer->finish(encoder.dimension());
  output.commit();
  return 0;
}

}  // namespace tern::cli
