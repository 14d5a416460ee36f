// SPDX-License-Identifier: Apache-2.0
// Typed reads of config.json with a default and a range: every value that reaches an architecture
// has been checked. Error invalid_argument names the file, the field, the range and what was found.
// Old spellings (torch_dtype, n_layers, dim, …) are looked up by the architecture as alternatives.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
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
  /// The same with members of `overrides` (an object) laid over it: the --load arguments.
  Config with(const hub::Json& overrides) const;

  /// The first of `names` that is present and not null; else the default.
  int64_t integer(std::initializer_list<std::string_view> names, std::optional<int64_t> fallback,
                  int64_t low, int64_t high) const;
  double number(std::initializer_list<std::string_view> names, std::optional<double> fallback,
                double low, double high) const;
  bool boolean(std::initializer_list<std::string_view> names, bool fallback) const;
  std::string string(std::initializer_list<std::string_view> names, std::string_view fallback) const;
  /// gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, relu, tanh, silu/swish, quick_gelu, sigmoid, linear.
  Act activation(std::initializer_list<std::string_view> names, std::string_view fallback) const;

  std::string model_type() const;
  std::vector<std::string> architectures() const;
  /// num_labels, else the size of id2label, else 2.
  int64_t num_labels() const;
  /// Label of a class id: id2label, else "LABEL_<id>".
  std::string label(int64_t id) const;
  /// "dtype" or "torch_dtype", when present and known.
  std::optional<DType> dtype() const;

  const hub::Json& json() const noexcept { return *json_; }
  const std::string& what() const noexcept { return what_; }

 private:
  const hub::Json* find(std::initializer_list<std::string_view> names) const;
  std::shared_ptr<const hub::Json> json_ = std::make_shared<hub::Json>();
  std::string what_ = "config.json";
};

}  // namespace tern
