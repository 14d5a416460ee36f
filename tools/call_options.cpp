// SPDX-License-Identifier: Apache-2.0
#include "call_options.h"

#include <utility>

#include "../engine/base/bytes.h"
#include "../engine/base/env.h"
#include "../engine/base/format.h"

namespace tern::cli {

namespace {

using hub::Json;

/// The members of key=JSON arguments; `option` names them in errors.
std::vector<Json::NewMember> parse_members(const std::vector<std::string>& arguments,
                                           std::string_view option) {
  std::vector<Json::NewMember> members;
  for (const std::string& argument : arguments) {
    const size_t equals = argument.find('=');
    if (equals == 0 || equals == std::string::npos) {
      fail(ErrorCode::invalid_argument, cat(option, " ", argument, ": expected key=JSON"));
    }
    try {
      members.emplace_back(argument.substr(0, equals),
                           Json::parse(std::string_view(argument).substr(equals + 1), option));
    } catch (const Error& error) {
      fail(ErrorCode::invalid_argument,
           cat(option, " ", argument,
               ": the value is no JSON (a text needs quotes): ", error.what()));
    }
  }
  return members;
}

[[noreturn]] void fail_load(const Json::NewMember& member, std::string_view expected) {
  fail(ErrorCode::invalid_argument, cat("--load ", member.first, ": expected ", expected));
}

std::string load_text(const Json::NewMember& member) {
  const auto text = member.second.string();
  if (!text) fail_load(member, "a string");
  return std::string(*text);
}

bool load_flag(const Json::NewMember& member) {
  const auto value = member.second.boolean();
  if (!value) fail_load(member, "true or false");
  return *value;
}

/// {pattern: replacement}, in the order given.
std::vector<std::pair<std::string, std::string>> load_mapping(const Json::NewMember& member) {
  if (!member.second.is_object()) fail_load(member, "an object of texts");
  std::vector<std::pair<std::string, std::string>> mapping;
  for (const Json::Member& rule : member.second.members()) {
    const auto replacement = rule.second.string();
    if (!replacement) fail_load(member, "an object of texts");
    mapping.emplace_back(rule.first, *replacement);
  }
  return mapping;
}

struct TextOption {
  std::string_view name;
  std::string LoadOptions::*value;
};
constexpr TextOption kTexts[] = {
    {"revision", &LoadOptions::revision},   {"subfolder", &LoadOptions::subfolder},
    {"cache_dir", &LoadOptions::cache_dir}, {"variant", &LoadOptions::variant},
    {"dtype", &LoadOptions::dtype},         {"torch_dtype", &LoadOptions::dtype},
    {"gguf_file", &LoadOptions::gguf_file}, {"offload_folder", &LoadOptions::offload_folder}};

struct FlagOption {
  std::string_view name;
  bool LoadOptions::*value;
};
constexpr FlagOption kFlags[] = {{"ignore_mismatched_sizes", &LoadOptions::ignore_mismatched_sizes},
                                 {"local_files_only", &LoadOptions::local_files_only},
                                 {"force_download", &LoadOptions::force_download},
                                 {"from_tf", &LoadOptions::from_tf},
                                 {"from_flax", &LoadOptions::from_flax}};

/// Whether it is an argument of from_pretrained itself; null leaves the default of each.
bool apply_own(const Json::NewMember& member, LoadOptions& options) {
  const bool given = !member.second.is_null();
  for (const TextOption& text : kTexts) {
    if (text.name != member.first) continue;
    if (given) options.*text.value = load_text(member);
    return true;
  }
  for (const FlagOption& flag : kFlags) {
    if (flag.name != member.first) continue;
    if (given) options.*flag.value = load_flag(member);
    return true;
  }
  if (member.first == "packed_cache") {
    if (given) options.packed_cache = load_flag(member);
  } else if (member.first == "pack_at_load") {
    if (given) options.pack_at_load = load_flag(member);
  } else if (member.first == "use_safetensors") {
    if (given) options.use_safetensors = load_flag(member);
  } else if (member.first == "key_mapping") {
    if (given) options.key_mapping = load_mapping(member);
  } else if (member.first == "device_map") {
    // A text, an index of a device or a table.
    if (given)
      options.device_map = member.second.string() ? load_text(member) : member.second.dump();
  } else if (member.first == "max_memory") {
    if (given) options.max_memory = member.second.dump();
  } else {
    return false;
  }
  return true;
}

Json strings(const std::vector<std::string>& values) {
  std::vector<Json> elements;
  for (const std::string& value : values) elements.push_back(Json::make(std::string_view(value)));
  return Json::array(std::move(elements));
}

}  // namespace

void CallOptions::declare(Options& options) {
  model.declare_model(options);
  options.text("--task", "CLASS", task, "AutoModel, AutoModelForMaskedLM, …, or BertModel, …");
  options.text("--inputs", "FILE", inputs, "safetensors file with the input tensors");
  options.text("--outputs", "FILE", outputs, "safetensors file to write");
  options.repeated("--set", "KEY=JSON", set, "an argument of the call (output_attentions=true)");
  options.repeated("--load", "KEY=JSON", load, "an argument of from_pretrained (num_labels=3)");
  options.text("--report", "FILE", report, "write the loading report as JSON");
  options.text("--device", "DEVICE", device, "cpu (default)");
  model.declare_options(options);
}

void CallOptions::check() const {
  for (const auto& [name, value] :
       {std::pair("--inputs", inputs), std::pair("--outputs", outputs)}) {
    if (value.empty())
      fail(ErrorCode::invalid_argument, cat(name, " is required (--help shows how)"));
  }
  if (device != "cpu") {
    fail(ErrorCode::unsupported, cat("--device ", device, ": this build runs on cpu only"));
  }
}

LoadOptions CallOptions::load_options() const {
  LoadOptions options = model.load();
  std::vector<Json::NewMember> overrides;
  for (Json::NewMember& member : parse_members(load, "--load")) {
    if (!apply_own(member, options)) overrides.push_back(std::move(member));
  }
  if (!overrides.empty()) options.config_overrides = Json::object(std::move(overrides));
  return options;
}

Json CallOptions::arguments() const {
  return Json::object(parse_members(set, "--set"));
}

void CallOptions::write_report(const LoadingReport& loaded) const {
  if (report.empty()) return;
  std::vector<Json> mismatched;
  for (const auto& m : loaded.mismatched_keys)
    mismatched.push_back(strings({m.name, m.found, m.expected}));
  const Json json = Json::object({{"missing_keys", strings(loaded.missing_keys)},
                                  {"unexpected_keys", strings(loaded.unexpected_keys)},
                                  {"mismatched_keys", Json::array(std::move(mismatched))},
                                  {"dtype", Json::make(to_string(loaded.dtype))}});
  const std::string text = json.dump() + "\n";
  env().write_file_atomic(report, as_bytes(text));
}

}  // namespace tern::cli
