// SPDX-License-Identifier: Apache-2.0
// tern forward: runs a model on the tensors of a safetensors file and writes its outputs into
// another, so that a program in any language can compare implementations. Names are those of
// Transformers.
#include "../models/sentence_transformer.h"
#include "call_options.h"
#include "tensor_files.h"
#include "verbs.h"

namespace tern::cli {

namespace {

constexpr VerbHelp kHelp = {
    .usage = "tern forward MODEL --task CLASS --inputs FILE --outputs FILE [options]",
    .summary = "Runs a model once: tensors in, tensors out, both as safetensors files.",
    .examples =
        "  tern forward bert-base-uncased --task AutoModel --inputs in.safetensors \\\n"
        "               --outputs out.safetensors --set output_hidden_states=true\n"
        "  tern forward ./classifier --task BertForSequenceClassification --load num_labels=3 \\\n"
        "               --inputs in.safetensors --outputs out.safetensors --report report.json\n",
    .notes =
        "Inputs are named as the model's arguments (input_ids, attention_mask, …), outputs as\n"
        "Transformers names them; floats are written as F32, integers as I64.\n",
};

}  // namespace

int forward(const Arguments& arguments) {
  CallOptions options{.task = "AutoModel"};
  Options declared(kHelp);
  options.declare(declared);
  if (!declared.parse(arguments)) return 0;
  options.check();
  LoadOptions load = options.load_options();
  const ForwardOptions call = {.arguments = options.arguments()};
  options.model.apply();

  const NamedTensors inputs = read_tensors(options.inputs);
  const hub::Repo repo = options.model.open(load);
  const PretrainedModel model = load_model(options.task, repo, load);
  options.write_report(model->loading_report());

  Context ctx;
  NamedTensors outputs = model(ctx, inputs, call);
  if (SentenceHead::present(repo) && outputs.contains("last_hidden_state")) {
    SentenceHead::from_repo(repo, model->hidden_size()).add_embedding(ctx, inputs, outputs);
  }
  write_tensors(options.outputs, outputs);
  return 0;
}

}  // namespace tern::cli
