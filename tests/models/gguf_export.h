// SPDX-License-Identifier: Apache-2.0
// Checkpoints written as GGUF the way llama.cpp's converter does: its names and keys, neighbours
// as rotary pairs, one added to Gemma's norms, factors of Llama 3 in a tensor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../../hub/formats/gguf_types.h"
#include "../../hub/repo.h"

namespace tern::test {

/// A GGUF file: metadata entries (gguf_bytes.h) and tensors with their bytes.
struct GgufFileBytes {
  struct Item {
    std::string name;
    std::vector<int64_t> shape;  // slowest first
    hub::GgmlType type = hub::GgmlType::f32;
    std::string data;
  };
  std::vector<std::string> entries = {};
  std::vector<Item> items = {};

  Item& item(const std::string& name);
  std::string made() const;
};

/// The checkpoint of a golden folder, in f32, as a file of that general.architecture.
GgufFileBytes export_gguf(const std::string& folder, const std::string& architecture);

/// A repository with that file, "model.gguf", alone.
hub::Repo gguf_repo(const std::string& bytes);

/// Metadata of a float; the sizes that a llama must have, and further entries.
std::string number_entry(const std::string& key, float value);
std::vector<std::string> llama_entries(std::vector<std::string> more = {});

/// f32 rows in blocks of this type: Q8_0 and Q4_0 by rounding. Rows must be whole blocks.
void quantize(GgufFileBytes::Item& item, hub::GgmlType type);
/// The weights of such blocks as f32.
void unpack(const GgufFileBytes::Item& blocks, GgufFileBytes::Item& floats);

}  // namespace tern::test
