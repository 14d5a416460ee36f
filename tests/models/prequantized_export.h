// SPDX-License-Identifier: Apache-2.0
// A small Llama whose Linear weights are random codes, written as AutoAWQ, AutoGPTQ and GPTQModel
// write them, and the same model with these weights as floats.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "golden.h"

namespace tern::test {

struct Packing {
  bool awq = false;
  int bits = 4;
  int64_t group = 128;  // -1: a row is one
  bool shuffled = false, symmetric = false, v2 = false;
  int64_t intermediate = 256;

  /// quantization_config
  std::string config() const;
};

/// A tensor of a file and its bytes.
struct PackedItem {
  DType dtype;
  std::vector<int64_t> shape;
  std::string data;
};
using PackedItems = std::map<std::string, PackedItem>;

struct PackedModel {
  std::string config;          // config.json without its closing brace
  PackedItems floats, packed;  // the same weights
};

PackedModel packed_model(const Packing& packing);
/// A GPT-2 of one layer of 64 features, whose matrices are [in, out].
PackedModel packed_gpt2(const Packing& packing);

/// A repository of these tensors; `quantization` is quantization_config's value, or nothing.
hub::Repo repo_of(const PackedModel& model, const PackedItems& items,
                  const std::string& quantization);
/// The packed model as its config says.
hub::Repo packed_repo(const PackedModel& model, const Packing& packing);

}  // namespace tern::test
