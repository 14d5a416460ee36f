// SPDX-License-Identifier: Apache-2.0
// Golden folders: a checkpoint in Hub layout with inputs and expected outputs per case
// (golden.json, golden.safetensors), and the measures of how far a result is from them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "../../models/auto.h"

namespace tern::golden {

/// TERN_SHARED_DATA/golden, or an empty string where it is absent.
std::string root();
bool exists(const std::string& path);
std::string read(const std::string& path);
void write(const std::string& path, const std::string& content);
/// The names in a folder, sorted.
std::vector<std::string> files_of(const std::string& folder);
/// An empty folder for this test of this process, which removes it when it ends.
std::string scratch_folder(const std::string& name);

/// All tensors of a safetensors file.
std::map<std::string, Tensor> tensors(const std::string& path);

struct Case {
  std::string name, auto_class;
  std::string call;  // "forward" or "generate"
  hub::Json kwargs, load_kwargs;
  NamedTensors inputs, outputs;
};
std::vector<Case> cases(const std::string& folder);

/// LoadOptions from load_kwargs: arguments of from_pretrained; the rest goes over the config.
LoadOptions load_options(const hub::Json& kwargs);

/// One loading of golden/loading, with what Transformers made of it.
struct Load {
  std::string folder, task;
  hub::Repo repo;
  LoadOptions options;
  hub::Json expected;
};
std::vector<Load> loads();

/// Whether the architecture is there, and has the class.
bool has_class(const std::string& task, const hub::Repo& repo);

/// The rows [batch, length, …] of a language model's output at real tokens, as [tokens, …]: at
/// padding nothing is promised. All of x without a mask or where x has another shape.
Tensor at_real_tokens(const Tensor& x, const Tensor& attention_mask);

/// max |got - expected| / max(1, max |expected|); infinite for another shape or a NaN.
double error(const Tensor& got, const Tensor& expected);
/// ‖got - expected‖ / ‖expected‖
double relative_l2(const Tensor& got, const Tensor& expected);
double median(std::vector<double> values);
bool same_bits(const Tensor& a, const Tensor& b);

/// The bytes as a file of a repository in memory.
StorageRef storage_of(const std::string& bytes);

/// Code and message of the Error that `call` throws; internal when it throws none.
template <class Call>
std::pair<ErrorCode, std::string> error_of(const Call& call) {
  try {
    call();
  } catch (const Error& e) {
    return {e.code(), e.what()};
  }
  return {ErrorCode::internal, "nothing was thrown"};
}

/// splitmix64
struct Rng {
  uint64_t state;
  uint64_t next();
  double uniform();
  int64_t below(int64_t n);
};

}  // namespace tern::golden
