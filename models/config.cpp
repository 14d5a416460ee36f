// SPDX-License-Identifier: Apache-2.0
// Config: see config.h. A field of the wrong kind, outside its range or not finite is an Error that
// shows the value as it stands in the file.
#include "config.h"

#include <array>
#include <cmath>
#include <utility>

#include "../engine/base/error.h"
#include "../engine/base/format.h"

namespace tern {

namespace {

constexpr size_t kShownBytes = 120;  // of a value in a message

std::string shown(const hub::Json& value) {
  std::string text = value.dump();
  if (text.size() <= kShownBytes) return text;
  size_t cut = kShownBytes;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0u) == 0x80u) --cut;
  return text.substr(0, cut) + "…";
}

struct ActName {
  std::string_view name;
  Act act;
};
constexpr std::array kActNames = {
    ActName{"gelu", Act::gelu},
    ActName{"gelu_python", Act::gelu},
    ActName{"gelu_new", Act::gelu_tanh},
    ActName{"gelu_pytorch_tanh", Act::gelu_tanh},
    ActName{"gelu_fast", Act::gelu_tanh},
    ActName{"gelu_python_tanh", Act::gelu_tanh},
    ActName{"quick_gelu", Act::quick_gelu},
    ActName{"relu", Act::relu},
    ActName{"tanh", Act::tanh},
    ActName{"silu", Act::silu},
    ActName{"swish", Act::silu},
    ActName{"sigmoid", Act::sigmoid},
    ActName{"linear", Act::none},
};

}  // namespace

/// A field that is there (value), or the name to speak of when none is.
struct Config::Found {
  std::string_view name;
  const hub::Json* value = nullptr;
};

Config::Config(hub::Json json, std::string what)
    : json_(std::make_shared<hub::Json>(std::move(json))), what_(std::move(what)) {
  if (!json_->is_object()) {
    fail(ErrorCode::corrupt, cat(what_, ": expected a JSON object, found ", shown(*json_)));
  }
}

Config Config::with(const hub::Json& overrides) const {
  if (overrides.is_null()) return *this;
  if (!overrides.is_object()) {
    fail(ErrorCode::invalid_argument,
         cat("config overrides: expected a JSON object, found ", shown(overrides)));
  }
  const bool new_labels = overrides.contains("num_labels") && !overrides.contains("id2label") &&
                          overrides["num_labels"].integer() != num_labels();
  std::vector<hub::Json::NewMember> members;
  for (const auto& [name, value] : json_->members()) {
    const bool label_names = name == "id2label" || name == "label2id" || name == "num_labels";
    if (overrides.contains(name) || (new_labels && label_names)) continue;
    members.emplace_back(name, value);
  }
  members.insert(members.end(), overrides.members().begin(), overrides.members().end());
  return Config(hub::Json::object(std::move(members)), what_);
}

Config::Found Config::find(std::initializer_list<std::string_view> names) const {
  for (const std::string_view name : names) {
    const hub::Json& value = (*json_)[name];
    if (!value.is_null()) return {name, &value};
  }
  return {*names.begin(), nullptr};
}

void Config::fail_field(const Found& found, const std::string& expected) const {
  fail(ErrorCode::invalid_argument,
       found.value
           ? cat(what_, ": '", found.name, "' must be ", expected, ", found ", shown(*found.value))
           : cat(what_, ": '", found.name, "' is missing; expected ", expected));
}

int64_t Config::integer(std::initializer_list<std::string_view> names,
                        std::optional<int64_t> fallback, int64_t low, int64_t high) const {
  const Found found = find(names);
  if (!found.value && fallback) return *fallback;
  const auto value = found.value ? found.value->integer() : std::nullopt;
  if (!value || *value < low || *value > high) {
    fail_field(found, cat("an integer in [", low, ", ", high, "]"));
  }
  return *value;
}

double Config::number(std::initializer_list<std::string_view> names, std::optional<double> fallback,
                      double low, double high) const {
  const Found found = find(names);
  if (!found.value && fallback) return *fallback;
  const auto value = found.value ? found.value->number() : std::nullopt;
  if (!value || !std::isfinite(*value) || *value < low || *value > high) {
    fail_field(found, cat("a number in [", low, ", ", high, "]"));
  }
  return *value;
}

bool Config::boolean(std::initializer_list<std::string_view> names, bool fallback) const {
  const Found found = find(names);
  if (!found.value) return fallback;
  const auto value = found.value->boolean();
  if (!value) fail_field(found, "true or false");
  return *value;
}

std::string Config::string(std::initializer_list<std::string_view> names,
                           std::string_view fallback) const {
  const Found found = find(names);
  if (!found.value) return std::string(fallback);
  const auto value = found.value->string();
  if (!value) fail_field(found, "a string");
  return std::string(*value);
}

Act Config::activation(std::initializer_list<std::string_view> names,
                       std::string_view fallback) const {
  const std::string name = string(names, fallback);
  std::string known;
  for (const ActName& entry : kActNames) {
    if (entry.name == name) return entry.act;
    known += known.empty() ? "" : ", ";
    known += entry.name;
  }
  const Found found = find(names);
  fail(ErrorCode::unsupported, cat(what_, ": '", found.name, "' names the activation ",
                                   found.value ? shown(*found.value) : name, "; known: ", known));
}

std::string Config::model_type() const {
  return string({"model_type"}, "");
}

std::vector<std::string> Config::architectures() const {
  std::vector<std::string> names;
  for (const hub::Json& element : (*json_)["architectures"].elements()) {
    if (const auto name = element.string()) names.emplace_back(*name);
  }
  return names;
}

int64_t Config::num_labels() const {
  constexpr int64_t kMost = 10'000'000;
  const hub::Json& labels = (*json_)["id2label"];
  if (labels.is_object() && !labels.members().empty()) {
    return static_cast<int64_t>(labels.members().size());
  }
  return integer({"num_labels", "_num_labels"}, 2, 1, kMost);
}

std::string Config::label(int64_t id) const {
  const auto name = (*json_)["id2label"][cat(id)].string();
  return name ? std::string(*name) : cat("LABEL_", id);
}

std::optional<DType> Config::dtype() const {
  const Found found = find({"dtype", "torch_dtype"});
  const auto name = found.value ? found.value->string() : std::nullopt;
  const auto dtype = name ? dtype_from_string(*name) : std::nullopt;
  return dtype && is_floating(*dtype) ? dtype : std::nullopt;
}

}  // namespace tern
