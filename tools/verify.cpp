// SPDX-License-Identifier: Apache-2.0
// tern verify: whether a model's files are what they should be: their hashes, the index of their
// shards, their values, and the names that its class expects.
#include <algorithm>
#include <map>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "../models/auto.h"
#include "display.h"
#include "facts.h"
#include "model_options.h"
#include "verbs.h"
#include "verify_files.h"
#include "verify_tensors.h"

namespace tern::cli {

namespace {

using hub::Json;

constexpr VerbHelp kHelp = {
    .usage = "tern verify MODEL [options]",
    .summary =
        "Checks a model's files: hashes (those of the hub's cache), the index of shards, values "
        "that\nare no numbers, and the tensors that its classes miss or do not know.",
    .examples =
        "  tern verify sentence-transformers/all-MiniLM-L6-v2\n"
        "  tern verify ./my-model --class BertForMaskedLM --json\n",
    .notes =
        "The exit code is 4 when something is wrong; when only a class cannot be loaded,\n"
        "that of the error. Tensors that a class has no use for are named, but not wrong.\n",
};

constexpr size_t kMostShown = 20;  // of a kind, for people

/// The findings, and whether one of them is wrong.
class Verdict {
 public:
  explicit Verdict(const std::string& model) { facts_.text("model", "model", model); }

  void add_files(const std::vector<VerifiedFile>& files) {
    std::vector<Json> list;
    std::map<std::string_view, size_t> states;
    for (const VerifiedFile& file : files) {
      const std::string_view state = !file.problem.empty()   ? "wrong"
                                     : file.expected.empty() ? "unknown"
                                                             : "right";
      ++states[state];
      list.push_back(Json::object({{"name", json_of(std::string_view(file.name))},
                                   {"bytes", json_of(file.bytes)},
                                   {"hash", json_of(std::string_view(file.hash))},
                                   {"state", json_of(state)}}));
      if (!file.problem.empty()) note_wrong(cat(file.name, ": ", file.problem));
    }
    facts_.hidden("files", Json::array(std::move(list)));
    facts_.note("files",
                cat(files.size(), ": ", states["right"], " have the hash that the hub gave, ",
                    states["wrong"], " are wrong, of ", states["unknown"], " nothing tells"));
  }

  void add_index(const std::vector<std::string>& problems) {
    facts_.hidden("index_problems", json_of(problems));
    for (const std::string& problem : problems) note_wrong(problem);
  }

  void add_tensors(const TensorSummary& summary) {
    std::vector<Json::NewMember> types;
    for (const auto& [name, type] : summary.types) {
      types.emplace_back(name, Json::object({{"tensors", json_of(type.tensors)},
                                             {"values", json_of(type.values)},
                                             {"bytes", json_of(type.bytes)}}));
      facts_.note(types.size() == 1 ? "tensors" : " ",
                  cat(grouped(type.tensors), " of ", name, ": ", grouped(type.values), " values, ",
                      size_text(type.bytes)));
    }
    facts_.hidden("dtypes", Json::object(std::move(types)));
    if (!summary.largest.empty()) facts_.text("largest", "largest", summary.largest);
    std::vector<Json::NewMember> faulty;
    for (const TensorSummary::Faulty& tensor : summary.not_finite) {
      faulty.emplace_back(tensor.name, json_of(tensor.count));
      note_wrong(cat(tensor.name, ": ", grouped(tensor.count), " values are infinite or NaN"));
    }
    facts_.note("values", faulty.empty()
                              ? "all are finite"
                              : cat("some of ", faulty.size(), " tensors are not finite"));
    facts_.hidden("not_finite", Json::object(std::move(faulty)));
  }

  void add_class(const std::string& name, const LoadingReport& report) {
    std::vector<std::string> mismatched;
    for (const auto& m : report.mismatched_keys) {
      mismatched.push_back(m.name);
      note_wrong(
          cat(name, ": ", m.name, " is ", m.found, " in the file, ", m.expected, " by the config"));
    }
    for (const std::string& key : report.missing_keys) note_wrong(cat(name, ": no ", key));
    facts_.note(name, report.clean() ? "every tensor found its place"
                                     : cat(report.missing_keys.size(), " missing, ",
                                           report.unexpected_keys.size(), " unexpected, ",
                                           mismatched.size(), " of another shape"));
    show(" ", "unexpected: ", report.unexpected_keys);
    classes_.emplace_back(name, Json::object({{"missing_keys", json_of(report.missing_keys)},
                                              {"unexpected_keys", json_of(report.unexpected_keys)},
                                              {"mismatched_keys", json_of(mismatched)}}));
  }

  /// What kept the rest from being looked at: the files, or, when nothing else is wrong with them,
  /// what was asked for.
  void add_failure(const Error& error) {
    const ErrorCode code = error.code();
    const bool of_the_files = code == ErrorCode::corrupt || code == ErrorCode::not_found ||
                              code == ErrorCode::io || code == ErrorCode::denied;
    if (wrong_.empty() && !of_the_files) code_ = exit_code(code);
    note_wrong(error.what());
  }

  int print(bool json) {
    facts_.hidden("classes", Json::object(std::move(classes_)));
    facts_.hidden("problems", json_of(wrong_));
    facts_.hidden("ok", Json::make(wrong_.empty()));
    show("wrong", "", wrong_);
    if (wrong_.empty()) facts_.note("result", "all is as it should be");
    if (json) {
      facts_.print_json();
    } else {
      facts_.print();
    }
    return wrong_.empty() ? 0 : code_;
  }

 private:
  void note_wrong(std::string line) { wrong_.push_back(std::move(line)); }
  void show(std::string_view label, std::string_view before,
            const std::vector<std::string>& lines) {
    for (size_t i = 0; i < std::min(lines.size(), kMostShown); ++i) {
      facts_.note(std::string(i == 0 ? label : " "), cat(before, lines[i]));
    }
    if (lines.size() <= kMostShown) return;
    facts_.note(" ", cat("… and ", lines.size() - kMostShown, " more (--json has all)"));
  }

  Facts facts_;
  std::vector<Json::NewMember> classes_;
  std::vector<std::string> wrong_;
  int code_ = exit_code(ErrorCode::corrupt);
};

void look_at_tensors(const hub::Repo& repo, LoadOptions load, std::vector<std::string> classes,
                     Verdict& verdict) {
  load.ignore_mismatched_sizes = true;
  const Config config = AutoConfig::from_repo(repo, load);
  verdict.add_tensors(summarise(Checkpoint::open(repo, load.checkpoint_options(config))));
  if (classes.empty()) classes = config.architectures();
  if (classes.empty()) classes = {"AutoModel"};
  for (const std::string& name : classes) {
    const PretrainedModel model = load_model(name, repo, load);
    verdict.add_class(model->class_name(), model->loading_report());
  }
}

}  // namespace

int verify(const Arguments& arguments) {
  ModelOptions options;
  std::vector<std::string> classes;
  bool json = false;
  Options table(kHelp);
  options.declare_model(table);
  table.repeated("--class", "NAME", classes,
                 "a class or Auto class (default: the config's architectures)");
  table.flag("--json", json, "one JSON object");
  options.declare_options(table);
  if (!table.parse(arguments)) return 0;
  options.apply();
  set_log_callback({});  // the report of a class is part of the answer

  LoadOptions load = options.load();
  const hub::Repo repo = options.open(load);
  Verdict verdict(repo.name());
  try {
    verdict.add_files(verify_files(repo));
    verdict.add_index(index_problems(repo));
    look_at_tensors(repo, std::move(load), std::move(classes), verdict);
  } catch (const Error& error) {
    verdict.add_failure(error);
  }
  return verdict.print(json);
}

}  // namespace tern::cli
