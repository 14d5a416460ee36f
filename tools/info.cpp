// SPDX-License-Identifier: Apache-2.0
// tern info: what a repository holds and what it becomes when loaded: class, parameters, type,
// memory, files, tokenizer, sentence-transformers modules, and the loading report.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

#include "../engine/base/format.h"
#include "../models/auto.h"
#include "../models/text/tokenizer.h"
#include "display.h"
#include "facts.h"
#include "model_options.h"
#include "verbs.h"

namespace tern::cli {

namespace {

using hub::Json;

constexpr VerbHelp kHelp = {
    .usage = "tern info MODEL [options]",
    .summary = "Shows what a model is made of and whether it loads.",
    .examples =
        "  tern info sentence-transformers/all-MiniLM-L6-v2\n"
        "  tern info ./my-model --json\n"
        "  tern info model.Q4_K_M.gguf\n",
};

void add_weights(Checkpoint checkpoint, const Config& config, Facts& facts) {
  const uint64_t bytes = checkpoint.bytes();
  std::map<std::string, int64_t> types;
  for (const auto& entry : checkpoint.entries()) {
    types[std::string(to_string(entry.tensor.dtype()))] += entry.tensor.numel();
  }
  try {
    checkpoint.join_prequantized(config, "");
  } catch (const Error&) {
    // Loading tells what is wrong with it.
  }
  int64_t parameters = 0;
  for (const auto& entry : checkpoint.entries()) {
    const bool counts = is_floating(entry.tensor.dtype()) || entry.stored.prequantized;
    if (counts) parameters += entry.tensor.numel();
  }
  std::vector<std::string> names;
  for (const auto& [type, count] : types) names.push_back(type);
  facts.number("parameters", "parameters", parameters);
  facts.words("stored as", "stored_dtypes", names);
  const std::string& packed = checkpoint.prequantized_as();
  if (!packed.empty()) facts.text("quantised", "quantization", packed);
  facts.size("weights", "weight_bytes", bytes);
}

/// "model.type" of tokenizer.json, else what the vocabulary file beside it says.
std::string tokenizer_kind(const hub::Repo& repo, const std::string& gguf_file) {
  if (!gguf_file.empty()) return "GGUF";
  if (const auto text = repo.read_if_exists("tokenizer.json")) {
    const Json json = Json::parse(*text, "tokenizer.json");
    return std::string(json["model"]["type"].string().value_or("unnamed"));
  }
  for (const auto& [file, kind] :
       {std::pair("vocab.txt", "WordPiece"), std::pair("merges.txt", "BPE"),
        std::pair("spiece.model", "SentencePiece"),
        std::pair("sentencepiece.bpe.model", "SentencePiece"),
        std::pair("tokenizer.model", "SentencePiece")}) {
    if (repo.exists(file)) return cat(kind, " (", file, ")");
  }
  return {};
}

void add_tokenizer(const hub::Repo& repo, const std::string& gguf_file, Facts& facts) {
  const std::string kind = tokenizer_kind(repo, gguf_file);
  if (kind.empty()) return;
  facts.text("tokenizer", "tokenizer", kind);
  const Tokenizer tokenizer = AutoTokenizer::from_repo(repo, gguf_file);
  facts.number("vocabulary", "vocabulary", tokenizer.vocab_size());
  if (tokenizer.model_max_length() > 0) {
    facts.number("longest text", "model_max_length", tokenizer.model_max_length());
  }
}

void add_modules(const hub::Repo& repo, Facts& facts) {
  const auto text = repo.read_if_exists("modules.json");
  if (!text) return;
  std::vector<std::string> names;
  const Json modules = Json::parse(*text, "modules.json");
  for (const Json& module : modules.elements()) {
    const std::string_view type = module["type"].string().value_or("?");
    names.emplace_back(type.substr(type.rfind('.') + 1));
  }
  facts.words("modules", "modules", names);
}

void add_files(const hub::Repo& repo, Facts& facts) {
  std::vector<Json> files;
  for (const std::string& name : repo.list()) {
    const uint64_t bytes = repo.size(name);
    files.push_back(
        Json::object({{"name", json_of(std::string_view(name))}, {"bytes", json_of(bytes)}}));
    facts.note(files.size() == 1 ? "files" : " ", cat(name, "  ", size_text(bytes)));
  }
  facts.hidden("files", Json::array(std::move(files)));
}

/// Loads the class the configuration names, or the bare model where that class is not known.
PretrainedModel load(const hub::Repo& repo, const LoadOptions& options, const Config& config) {
  const std::vector<std::string> classes = config.architectures();
  if (!classes.empty()) {
    try {
      return load_model(classes.front(), repo, options);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unsupported) throw;
    }
  }
  return load_model("AutoModel", repo, options);
}

/// Resident bytes of this process: what /proc says, in pages.
uint64_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (!file) return 0;
  unsigned long total = 0, resident = 0;
  const int read = std::fscanf(file, "%lu %lu", &total, &resident);
  std::fclose(file);
  return read == 2 ? uint64_t{resident} * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

void add_loaded(const PretrainedModel& model, Facts& facts) {
  const LoadingReport& report = model->loading_report();
  facts.text("class", "class", model->class_name());
  facts.text("dtype", "dtype", std::string(to_string(report.dtype)));
  if (!report.quantize.empty()) {
    facts.text("linear layers", "quantize", report.quantize);
    facts.text("activations", "activations", "int8");  // of what is quantised, always
  }
  facts.size("memory", "resident_bytes", resident_bytes());
  if (model->hidden_size() > 0) facts.number("width", "hidden_size", model->hidden_size());
  if (model->max_length() > 0) facts.number("positions", "max_length", model->max_length());
  std::vector<std::string> mismatched;
  for (const auto& mismatch : report.mismatched_keys) mismatched.push_back(mismatch.name);
  facts.hidden("missing_keys", json_of(report.missing_keys));
  facts.hidden("unexpected_keys", json_of(report.unexpected_keys));
  facts.hidden("mismatched_keys", json_of(mismatched));
  facts.note("report", report.clean() ? "every tensor found its place"
                                      : cat(report.missing_keys.size(), " missing, ",
                                            report.unexpected_keys.size(), " unexpected, ",
                                            mismatched.size(), " of another shape"));
}

}  // namespace

int info(const Arguments& arguments) {
  ModelOptions options;
  bool json = false;
  Options table(kHelp);
  options.declare_model(table);
  table.flag("--json", json, "one JSON object");
  options.declare_options(table);
  if (!table.parse(arguments)) return 0;
  options.apply();

  LoadOptions load_options = options.load();
  const hub::Repo repo = options.open(load_options);
  Facts facts;
  facts.text("model", "model", repo.name());
  // What stands in the way of loading is told after everything that can be told.
  std::optional<Error> problem;
  try {
    const Config config = AutoConfig::from_repo(repo, load_options);
    facts.text("architecture", "model_type", config.model_type());
    add_weights(Checkpoint::open(repo, load_options.checkpoint_options(config)), config, facts);
    add_tokenizer(repo, load_options.gguf_file, facts);
    add_modules(repo, facts);
    add_loaded(load(repo, load_options, config), facts);
  } catch (const Error& error) {
    problem = error;
  }
  add_files(repo, facts);
  if (json) {
    facts.print_json();
  } else {
    facts.print();
  }
  if (problem) throw *problem;
  return 0;
}

}  // namespace tern::cli
