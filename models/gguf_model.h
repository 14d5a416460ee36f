// SPDX-License-Identifier: Apache-2.0
// A model in a GGUF file: the config that its metadata amount to and the names that its tensors
// have in Transformers, with what an export changed in them. As Transformers' gguf_file= reads
// them (integrations/ggml), except that rotary factors (rope_freqs, rope.scaling.…), windows and
// soft caps are read where the file has them, and that Gemma 1 and a Mixtral are known too.
// Called by auto.cpp (config) and gguf_checkpoint.cpp (tensors).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "../hub/formats/gguf.h"
#include "config.h"

namespace tern {

/// How the tensors of a layer are called in Transformers.
enum class GgufNames { llama, gemma2, phi3, gpt2 };

struct GgufArchitecture {
  std::string_view name;  // general.architecture
  std::string_view model_type, model_class;
  GgufNames names;
  /// Rows of q and k stand as pairs of neighbours: (i, i + d/2) of a head became (2i, 2i + 1).
  bool pairs_neighbours = false;
  /// Norms that count from one are stored with the one added.
  bool adds_one = false;
};

/// unsupported names the architecture and those that are known. A llama with experts is a Mixtral.
const GgufArchitecture& gguf_architecture(const hub::GgufFile& file);

/// The metadata of an architecture, "llama.block_count" by "block_count". A value of another kind
/// is Error corrupt that names it.
class GgufKeys {
 public:
  explicit GgufKeys(const hub::GgufFile& file);

  /// `low` at least; corrupt else.
  std::optional<int64_t> integer(std::string_view key, int64_t low = 0) const;
  /// The same, but it must be there.
  int64_t required(std::string_view key, int64_t low = 1) const;
  /// Finite.
  std::optional<double> number(std::string_view key) const;
  std::optional<std::string_view> text(std::string_view key) const;
  /// Of any key, with the architecture in front.
  std::optional<hub::GgufValue> find(std::string_view key) const;
  std::string name(std::string_view key) const;
  const hub::GgufFile& file() const noexcept { return file_; }

 private:
  [[noreturn]] void fail_kind(std::string_view key, std::string_view expected) const;
  const hub::GgufFile& file_;
  std::string prefix_;
};

/// The tensor of that name, or null.
const hub::GgufTensor* find_tensor(const hub::GgufFile& file, std::string_view name);

/// The config that config.json would have. corrupt: a size that is missing or of another kind.
Config gguf_config(const hub::GgufFile& file);

}  // namespace tern
