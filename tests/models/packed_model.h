// SPDX-License-Identifier: Apache-2.0
// A checkpoint with random weights in a folder, and an Env with a packed cache of its own.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../../engine/base/env.h"
#include "../../engine/base/format.h"
#include "../../hub/formats/safetensors.h"
#include "golden.h"

namespace tern::test {

/// Class and config of small models whose Linears are fused, woven, turned, tied.
inline constexpr std::array<std::pair<const char*, const char*>, 3> kModels = {{
    {"AutoModel", R"({"model_type": "bert", "vocab_size": 99, "hidden_size": 48,
        "intermediate_size": 80, "num_hidden_layers": 2, "num_attention_heads": 4})"},
    {"AutoModelForCausalLM", R"({"model_type": "llama", "vocab_size": 96, "hidden_size": 64,
        "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "tie_word_embeddings": false})"},
    {"AutoModel", R"({"model_type": "gpt2", "vocab_size": 99, "n_embd": 64, "n_layer": 2,
        "n_head": 4, "n_positions": 32})"},
}};

/// A step of files' times: what is written now differs in them from what was written before.
inline void pass_time() {
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

/// The Env in force while it lives, with its cache in a folder of its own. Its clock is ahead, so
/// that files made just now count as settled.
template <class Base>
class WithCache : public Base {
 public:
  static constexpr int64_t kHour = int64_t{3600} * 1'000'000'000;

  WithCache() { set_env(this); }
  ~WithCache() override { set_env(nullptr); }

  const std::string root = golden::scratch_folder("packed-cache");
  std::map<std::string, std::string> variables = {{"TERN_CACHE", root}};
  int64_t clock_offset = kHour;
  /// Called once, at the moment-th call that looks at, reads or reads in a file; false after a load
  /// that had fewer of them.
  std::function<void()> at_moment = {};
  int moment = 0;
  bool reached() const { return moment < 0; }

  std::string folder() const { return root + "/packed"; }
  /// Files of panels, sorted.
  std::vector<std::string> entries() const {
    std::vector<std::string> found;
    if (!std::filesystem::exists(folder())) return found;
    for (const auto& file : std::filesystem::directory_iterator(folder())) {
      if (file.path().extension() == ".safetensors") found.push_back(file.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  /// From now on a file's size and times are what they are.
  void freeze(const std::string& path) { frozen_[path] = Env::stat(path); }

  std::optional<std::string> variable(const char* name) override {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  }
  int64_t wall_time_ns() override { return Base::wall_time_ns() + clock_offset; }
  FileInfo stat(const std::string& path) override {
    pass();
    const auto found = frozen_.find(path);
    return found == frozen_.end() ? Base::stat(path) : found->second;
  }
  bool populate(const std::byte* data, size_t size) noexcept override {
    pass();
    return Base::populate(data, size);
  }
  size_t read_at(int file, const std::string& path, std::span<std::byte> bytes,
                 uint64_t offset) override {
    const size_t got = Base::read_at(file, path, bytes, offset);
    pass();
    return got;
  }

 private:
  void pass() {
    if (at_moment && moment-- == 0) at_moment();
  }
  std::map<std::string, FileInfo> frozen_;
};
using CacheEnv = WithCache<Env>;

class PackedModel {
 public:
  PackedModel(const char* task, const char* config, const char* max_shard_size = "1GB",
              uint64_t seed = 0)
      : task_(task), folder_(golden::scratch_folder(cat("packed-model-", seed)) + "/model") {
    const Config parsed(hub::Json::parse(config, "config"), "config");
    initialise_model(task, parsed, {.seed = seed})
        .save_pretrained(folder_, {.max_shard_size = max_shard_size});
  }

  const std::string& folder() const noexcept { return folder_; }
  std::string weights() const { return folder_ + "/model.safetensors"; }

  PretrainedModel load(const LoadOptions& options, const char* task = nullptr) const {
    return load_pretrained(task ? task : task_, folder_, options);
  }
  /// The first output for some ids.
  Tensor run(const LoadOptions& options, const char* task = nullptr) const {
    const Tensor ids = Tensor::empty(DType::i64, {1, 7});
    for (int64_t i = 0; i < 7; ++i) ids.data<int64_t>()[i] = 3 * i + 1;
    NamedTensors inputs;
    inputs.set("input_ids", ids);
    return load(options, task)(inputs).entries()[0].second;
  }

  /// Writes other values over the matrices of the layers, in place; how many.
  int spoil_matrices() const {
    pass_time();
    std::fstream file(weights(), std::ios::binary | std::ios::in | std::ios::out);
    int count = 0;
    for (const hub::TensorEntry& entry : hub::open_safetensors(weights()).header.tensors) {
      const bool table = entry.name.find("embed") != std::string::npos ||
                         entry.name.find("wte") != std::string::npos ||
                         entry.name.find("wpe") != std::string::npos;
      if (table || entry.shape.size() != 2) continue;
      std::vector<float> values((entry.end - entry.begin) / sizeof(float));
      for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 7) * 0.01F;
      file.seekp(static_cast<std::streamoff>(entry.begin));
      file.write(reinterpret_cast<const char*>(values.data()),
                 static_cast<std::streamsize>(entry.end - entry.begin));
      ++count;
    }
    return count;
  }
  /// A name of the same length in place of another.
  void replace_in_header(const std::string& from, const std::string& to) const {
    std::string bytes = golden::read(weights());
    bytes.replace(bytes.find(from), from.size(), to);
    golden::write(weights(), bytes);
  }

 private:
  const char* task_;
  std::string folder_;
};

}  // namespace tern::test
