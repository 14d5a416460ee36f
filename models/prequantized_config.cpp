// SPDX-License-Identifier: Apache-2.0
// quantization_config of config.json, as AutoAWQ, AutoGPTQ, GPTQModel and Transformers write it.
#include <algorithm>
#include <initializer_list>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "key_names.h"
#include "prequantized_weight.h"

namespace tern {

namespace {

using hub::Json;

class Fields {
 public:
  Fields(const Json& json, const std::string& repo) : json_(json), repo_(repo) {}

  /// The first of these that is there.
  int64_t integer(std::initializer_list<const char*> names, int64_t fallback,
                  std::initializer_list<int64_t> allowed, const char* expected) const {
    const auto [name, value] = find(names);
    if (value->is_null()) return fallback;
    const int64_t number = value->integer().value_or(0);
    const bool any = allowed.size() == 0 && (number > 0 || number == -1) && number <= INT32_MAX;
    const bool one = std::find(allowed.begin(), allowed.end(), number) != allowed.end();
    if (!any && !one) refuse(name, expected);
    return number;
  }

  /// In small letters.
  std::string word(std::initializer_list<const char*> names, const char* fallback,
                   std::initializer_list<std::string_view> allowed, const char* expected) const {
    const auto [name, value] = find(names);
    std::string word(value->is_null() ? fallback : value->string().value_or(""));
    for (char& c : word) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (std::find(allowed.begin(), allowed.end(), word) == allowed.end()) refuse(name, expected);
    return word;
  }

  [[noreturn]] void refuse(const char* name, const char* expected) const {
    fail(ErrorCode::unsupported,
         cat(repo_, ": quantization_config has ", name, " ", printable_name(json_[name].dump()),
             "; expected ", expected, ": load the unquantised model, or one quantised so"));
  }

 private:
  std::pair<const char*, const Json*> find(std::initializer_list<const char*> names) const {
    for (const char* name : names) {
      if (!json_[name].is_null()) return {name, &json_[name]};
    }
    return {*names.begin(), &json_[*names.begin()]};
  }

  const Json& json_;
  const std::string& repo_;
};

PrequantizedFormat awq_format(const Fields& fields) {
  PrequantizedFormat format = {.awq = true};
  fields.word({"version", "checkpoint_format", "format"}, "gemm", {"gemm"}, "gemm");
  format.bits = static_cast<int>(fields.integer({"bits", "w_bit"}, 4, {4}, "4"));
  return format;
}

PrequantizedFormat gptq_format(const Fields& fields, const Json& json) {
  PrequantizedFormat format;
  format.less_one = fields.word({"checkpoint_format", "format"}, "gptq", {"gptq", "gptq_v2"},
                                "gptq or gptq_v2") == "gptq";
  format.bits = static_cast<int>(fields.integer({"bits"}, 0, {2, 3, 4, 8}, "2, 3, 4 or 8"));
  if (format.bits == 0) fields.refuse("bits", "2, 3, 4 or 8");
  fields.word({"pack_dtype"}, "int32", {"int32"}, "int32");
  if (json["is_marlin_format"].boolean().value_or(false))
    fields.refuse("is_marlin_format", "false");
  for (const auto& [pattern, rules] : json["dynamic"].members()) {
    // "-:…" leaves modules as they are; others give some modules bits and groups of their own.
    if (!pattern.starts_with("-:")) fields.refuse("dynamic", "one format for all modules");
  }
  return format;
}

bool is_plain(const Checkpoint::Entry& entry) {
  const DType dtype = entry.tensor.dtype();
  return is_floating(dtype) && bits(dtype) >= 16;
}

}  // namespace

std::string PrequantizedFormat::text() const {
  return cat(awq ? "awq" : "gptq", ", ", bits, " bits, ",
             group == 0 ? std::string("a row is one group") : cat("groups of ", group));
}

std::optional<PrequantizedFormat> prequantized_format(const Config& config,
                                                      const Checkpoint& checkpoint,
                                                      const std::string& repo) {
  const Json& json = config.json()["quantization_config"];
  if (json.is_null()) return std::nullopt;
  const std::string_view method = json["quant_method"].string().value_or("");
  if (method != "awq" && method != "gptq") {
    const auto& entries = checkpoint.entries();
    if (std::all_of(entries.begin(), entries.end(), is_plain)) return std::nullopt;
    fail(ErrorCode::unsupported,
         cat(repo, ": the weights are quantised by '", printable_name(method),
             "' (quant_method of quantization_config); expected awq or gptq: load the unquantised "
             "model, or a GGUF file of it"));
  }
  const Fields fields(json, repo);
  PrequantizedFormat format = method == "awq" ? awq_format(fields) : gptq_format(fields, json);
  const int64_t group =
      fields.integer({"group_size", "q_group_size"}, 128, {}, "-1 or more than 0");
  format.group = group == -1 ? 0 : group;
  return format;
}

}  // namespace tern
