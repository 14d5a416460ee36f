// SPDX-License-Identifier: Apache-2.0
// Typed reads of config.json with a default and a range: every value that reaches an architecture
// has been checked. Error invalid_argument names the file, the field, the range and what was found.
// Old spellings (torch_dtype, n_layers, dim, …) are looked up by the architecture as alternatives.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../engine/backend.h"
#include "../hub/formats/json.h"

namespace tern {

class TERN_API Config {
 public:
  Config() = default;
  /// `what` names the file in errors.
  Config(hub::Json json, std::string what);
  /// The same with members of `overrides` (an object or null) laid over it: the --load arguments.
  /// Another number of labels than the file's drops the file's label names, as Transformers does.
  Config with(const hub::Json& overrides) const;

  /// The first of `names` that is present and not null; else the default, if there is one.
  int64_t integer(std::initializer_list<std::string_view> names, std::optional<int64_t> fallback,
                  int64_t low, int64_t high) const;
  double number(std::initializer_list<std::string_view> names, std::optional<double> fallback,
                double low, double high) const;
  bool boolean(std::initializer_list<std::string_view> names, bool fallback) const;
  std::string string(std::initializer_list<std::string_view> names,
                     std::string_view fallback) const;
  /// gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, relu, tanh, silu/swish, quick_gelu, sigmoid,
  /// linear.
  Act activation(std::initializer_list<std::string_view> names, std::string_view fallback) const;

  /// Empty when config.json does not say.
  std::string model_type() const;
  std::vector<std::string> architectures() const;
  /// The size of id2label, else num_labels, else 2.
  int64_t num_labels() const;
  /// Label of a class id: id2label, else "LABEL_<id>".
  std::string label(int64_t id) const;
  /// "dtype" or "torch_dtype", when present and a known floating type.
  std::optional<DType> dtype() const;

  const hub::Json& json() const noexcept { return *json_; }
  const std::string& what() const noexcept { return what_; }

 private:
  struct Found;
  Found find(std::initializer_list<std::string_view> names) const;
  [[noreturn]] void fail_field(const Found& found, const std::string& expected) const;
  std::shared_ptr<const hub::Json> json_ = std::make_shared<hub::Json>();
  std::string what_ = "config.json";
};

}  // namespace tern
