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
        "  tern info ./my-model --json\n",
};

/// One line of the answer: a label for people, a key and a value for programs.
struct Fact {
  std::string label, key;
  Json value;
  std::string text;  // for people
};

std::string size_text(uint64_t bytes) {
  constexpr double kStep = 1000;
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= kStep && unit + 1 < std::size(kUnits); ++unit) value /= kStep;
  char text[64];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

/// "22,713,216"
std::string grouped(int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += cat(out.empty() ? "" : ", ", word);
  return out;
}

Json json_of(std::string_view text) {
  return Json::make(text);
}
Json json_of(int64_t number) {
  return Json::make(number);
}
Json json_of(uint64_t number) {
  return Json::make(static_cast<int64_t>(number));
}
Json json_of(const std::vector<std::string>& words) {
  std::vector<Json> elements;
  for (const std::string& word : words) elements.push_back(json_of(std::string_view(word)));
  return Json::array(std::move(elements));
}

class Facts {
 public:
  void text(std::string label, std::string key, std::string value) {
    Json json = json_of(std::string_view(value));
    facts_.push_back({std::move(label), std::move(key), std::move(json), std::move(value)});
  }
  void number(std::string label, std::string key, int64_t value) {
    facts_.push_back({std::move(label), std::move(key), json_of(value), grouped(value)});
  }
  void size(std::string label, std::string key, uint64_t bytes) {
    facts_.push_back({std::move(label), std::move(key), json_of(bytes), size_text(bytes)});
  }
  void words(std::string label, std::string key, const std::vector<std::string>& values) {
    facts_.push_back({std::move(label), std::move(key), json_of(values), joined(values)});
  }
  /// For programs only, and for people only.
  void hidden(std::string key, Json value) {
    facts_.push_back({"", std::move(key), std::move(value), ""});
  }
  void note(std::string label, std::string text) {
    facts_.push_back({std::move(label), "", Json(), std::move(text)});
  }

  void print() const {
    size_t width = 0;
    for (const Fact& fact : facts_) width = std::max(width, fact.label.size());
    std::string out;
    for (const Fact& fact : facts_) {
      if (fact.label.empty()) continue;
      out += cat(fact.label, std::string(width + 2 - fact.label.size(), ' '), printable(fact.text),
                 "\n");
    }
    std::fputs(out.c_str(), stdout);
  }
  void print_json() const {
    std::vector<Json::Member> members;
    for (const Fact& fact : facts_) {
      if (!fact.key.empty()) members.emplace_back(fact.key, fact.value);
    }
    std::puts(Json::object(std::move(members)).dump().c_str());
  }

 private:
  std::vector<Fact> facts_;
};

void add_weights(const hub::Repo& repo, Facts& facts) {
  const Checkpoint checkpoint = Checkpoint::open(repo);
  int64_t parameters = 0;
  uint64_t bytes = 0;
  std::map<std::string, int64_t> types;
  for (const auto& entry : checkpoint.entries()) {
    if (is_floating(entry.tensor.dtype())) parameters += entry.tensor.numel();
    types[std::string(to_string(entry.tensor.dtype()))] += entry.tensor.numel();
    bytes += entry.tensor.bytes();
  }
  std::vector<std::string> names;
  for (const auto& [type, count] : types) names.push_back(type);
  facts.number("parameters", "parameters", parameters);
  facts.words("stored as", "stored_dtypes", names);
  facts.size("weights", "weight_bytes", bytes);
}

/// "model.type" of tokenizer.json, else what the vocabulary file beside it says.
std::string tokenizer_kind(const hub::Repo& repo) {
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

void add_tokenizer(const hub::Repo& repo, Facts& facts) {
  const std::string kind = tokenizer_kind(repo);
  if (kind.empty()) return;
  facts.text("tokenizer", "tokenizer", kind);
  const Tokenizer tokenizer = AutoTokenizer::from_repo(repo);
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
PretrainedModel load(const hub::Repo& repo, const ModelOptions& options, const Config& config) {
  const std::vector<std::string> classes = config.architectures();
  if (!classes.empty()) {
    try {
      return load_model(classes.front(), repo, options.load());
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unsupported) throw;
    }
  }
  return load_model("AutoModel", repo, options.load());
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
  if (!report.quantize.empty()) facts.text("linear layers", "quantize", report.quantize);
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

  const hub::Repo repo = options.open();
  Facts facts;
  facts.text("model", "model", repo.name());
  // What stands in the way of loading is told after everything that can be told.
  std::optional<Error> problem;
  try {
    const Config config(Json::parse(repo.read("config.json"), "config.json"), "config.json");
    facts.text("architecture", "model_type", config.model_type());
    add_weights(repo, facts);
    add_tokenizer(repo, facts);
    add_modules(repo, facts);
    add_loaded(load(repo, options, config), facts);
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
