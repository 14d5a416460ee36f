// SPDX-License-Identifier: Apache-2.0
#include "gguf_export.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <utility>

#include "../../kernels/gemm_block/blocks.h"
#include "../hub/formats/gguf_bytes.h"
#include "golden.h"

namespace tern::test {

namespace {

using hub::Json;

std::string number_bytes(double value) {
  const auto narrow = static_cast<float>(value);
  std::string out(sizeof narrow, '\0');
  std::memcpy(out.data(), &narrow, sizeof narrow);
  return out;
}

std::string floats_bytes(const std::vector<double>& values) {
  std::string out;
  for (const double value : values) out += number_bytes(value);
  return out;
}

/// Transformers' names, part by part in this order, to GGUF's.
constexpr std::pair<const char*, const char*> kLlamaNames[] = {
    {"model.embed_tokens.", "token_embd."},
    {"model.norm.", "output_norm."},
    {"lm_head.", "output."},
    {"model.layers.", "blk."},
    {"self_attn.q_proj.", "attn_q."},
    {"self_attn.k_proj.", "attn_k."},
    {"self_attn.v_proj.", "attn_v."},
    {"self_attn.qkv_proj.", "attn_qkv."},
    {"self_attn.o_proj.", "attn_output."},
    {"self_attn.q_norm.", "attn_q_norm."},
    {"self_attn.k_norm.", "attn_k_norm."},
    {"input_layernorm.", "attn_norm."},
    {"mlp.gate_up_proj.", "ffn_up."},
    {"mlp.gate_proj.", "ffn_gate."},
    {"mlp.up_proj.", "ffn_up."},
    {"mlp.down_proj.", "ffn_down."},
    {"block_sparse_moe.gate.", "ffn_gate_inp."},
};
constexpr std::pair<const char*, const char*> kTwoNorms[] = {
    {"post_attention_layernorm.", "ffn_norm."}};
constexpr std::pair<const char*, const char*> kFourNorms[] = {
    {"post_attention_layernorm.", "post_attention_norm."},
    {"pre_feedforward_layernorm.", "ffn_norm."},
    {"post_feedforward_layernorm.", "post_ffw_norm."}};
constexpr std::pair<const char*, const char*> kGpt2Names[] = {
    {"transformer.wte.", "token_embd."},
    {"transformer.wpe.", "position_embd."},
    {"transformer.ln_f.", "output_norm."},
    {"transformer.h.", "blk."},
    {"attn.c_attn.", "attn_qkv."},
    {"attn.c_proj.", "attn_output."},
    {"ln_1.", "attn_norm."},
    {"ln_2.", "ffn_norm."},
    {"mlp.c_fc.", "ffn_up."},
    {"mlp.c_proj.", "ffn_down."}};

template <size_t n>
void rename(std::string& name, const std::pair<const char*, const char*> (&pairs)[n]) {
  for (const auto& [from, to] : pairs) {
    const size_t at = name.find(from);
    if (at != name.npos) name.replace(at, std::strlen(from), to);
  }
}

class Exporter {
 public:
  Exporter(const std::string& folder, std::string architecture)
      : architecture_(std::move(architecture)),
        tensors_(golden::tensors(folder + "/model.safetensors")),
        config_(Json::parse(golden::read(folder + "/config.json"), "config.json"), "config.json") {}

  GgufFileBytes made() {
    add_text("general.architecture", architecture_, "");
    if (architecture_ == "gpt2") {
      add_gpt2_keys();
    } else {
      add_llama_keys();
      add_rope();
    }
    out_.entries.push_back(entry("tokenizer.ggml.eos_token_id", 4, u32(2)));
    for (const auto& [name, tensor] : tensors_) add_tensor(name, tensor);
    return std::move(out_);
  }

 private:
  void add_text(const std::string& key, const std::string& text, const std::string& prefix) {
    out_.entries.push_back(entry(prefix + key, 8, gguf_string(text)));
  }
  void add_integer(const std::string& key, int64_t value) {
    out_.entries.push_back(entry(architecture_ + "." + key, 4, u32(static_cast<uint64_t>(value))));
  }
  void add_number(const std::string& key, double value) {
    out_.entries.push_back(number_entry(architecture_ + "." + key, static_cast<float>(value)));
  }
  int64_t size(const char* name, int64_t fallback = 0) const {
    return config_.integer({name}, fallback, 0, int64_t{1} << 40);
  }
  int64_t heads() const { return size("num_attention_heads"); }
  int64_t head_dim() const { return size("head_dim", size("hidden_size") / heads()); }

  void add_gpt2_keys() {
    add_integer("block_count", size("n_layer"));
    add_integer("context_length", size("n_positions"));
    add_integer("embedding_length", size("n_embd"));
    add_integer("feed_forward_length", 4 * size("n_embd"));
    add_integer("attention.head_count", size("n_head"));
    add_number("attention.layer_norm_epsilon", config_.number({"layer_norm_epsilon"}, 1e-5, 0, 1));
  }

  void add_llama_keys() {
    add_integer("block_count", size("num_hidden_layers"));
    add_integer("context_length", size("max_position_embeddings"));
    add_integer("embedding_length", size("hidden_size"));
    add_integer("feed_forward_length", size("intermediate_size"));
    add_integer("attention.head_count", heads());
    add_integer("attention.head_count_kv", size("num_key_value_heads", heads()));
    add_integer("attention.key_length", head_dim());
    add_integer("attention.value_length", head_dim());
    add_number("attention.layer_norm_rms_epsilon", config_.number({"rms_norm_eps"}, 1e-6, 0, 1));
    if (size("sliding_window") > 0) add_integer("attention.sliding_window", size("sliding_window"));
    for (const char* cap : {"attn_logit_softcapping", "final_logit_softcapping"}) {
      if (config_.number({cap}, 0, 0, 1e9) > 0) add_number(cap, config_.number({cap}, 0, 0, 1e9));
    }
    if (const double scalar = config_.number({"query_pre_attn_scalar"}, 0, 0, 1e9); scalar > 0) {
      add_number("attention.scale", 1 / std::sqrt(scalar));
    }
    if (size("num_local_experts") > 0) {
      add_integer("expert_count", size("num_local_experts"));
      add_integer("expert_used_count", size("num_experts_per_tok"));
    }
    if (architecture_ == "gemma3") {  // the golden one's third layer sees all keys
      out_.entries.push_back(entry("gemma3.attention.sliding_window_pattern", 9,
                                   array_value(7, 3, std::string("\1\1\0", 3))));
    }
  }

  /// Members of the rotary description, in whichever place it stands.
  Json rope() const {
    for (const char* name : {"rope_scaling", "rope_parameters"}) {
      const Json& found = config_.json()[name];
      if (found["full_attention"].is_object()) return found["full_attention"];
      if (found.is_object()) return found;
    }
    return Json::object({});
  }

  void add_rope() {
    const Json description = rope();
    const double theta =
        description["rope_theta"].number().value_or(config_.number({"rope_theta"}, 1e4, 0, 1e12));
    add_integer("rope.dimension_count", head_dim());
    add_number("rope.freq_base", theta);
    const std::string type(description["rope_type"].string().value_or("default"));
    const auto original = description["original_max_position_embeddings"].integer();
    if (type == "yarn") {
      add_text(architecture_ + ".rope.scaling.type", "yarn", "");
      add_number("rope.scaling.factor", description["factor"].number().value());
      add_integer("rope.scaling.original_context_length", original.value());
    } else if (type == "llama3") {
      add_floats("rope_freqs.weight", llama3_factors(description, theta));
    } else if (type == "longrope") {
      add_integer("rope.scaling.original_context_length", original.value());
      add_floats("rope_factors_long.weight", numbers(description["long_factor"]));
      add_floats("rope_factors_short.weight", numbers(description["short_factor"]));
    }
  }

  static std::vector<double> numbers(const Json& list) {
    std::vector<double> out;
    for (const Json& value : list.elements()) out.push_back(value.number().value());
    return out;
  }

  std::vector<double> llama3_factors(const Json& rope, double theta) const {
    const double factor = rope["factor"].number().value();
    const double low = rope["low_freq_factor"].number().value();
    const double high = rope["high_freq_factor"].number().value();
    const double original = rope["original_max_position_embeddings"].number().value();
    std::vector<double> out;
    for (int64_t i = 0; i < head_dim(); i += 2) {
      const double frequency =
          std::pow(theta, -static_cast<double>(i) / static_cast<double>(head_dim()));
      const double waves = original * frequency / (2 * std::numbers::pi);
      const double smooth = std::clamp((waves - low) / (high - low), 0.0, 1.0);
      out.push_back(1 / ((1 - smooth) / factor + smooth));
    }
    return out;
  }

  void add_floats(const std::string& name, const std::vector<double>& values) {
    out_.items.push_back({name, {static_cast<int64_t>(values.size())}, {}, floats_bytes(values)});
  }

  void add_tensor(std::string name, const Tensor& tensor) {
    if (name == "lm_head.weight" && config_.boolean({"tie_word_embeddings"}, false)) return;
    std::vector<int64_t> shape(tensor.shape().dims().begin(), tensor.shape().dims().end());
    std::vector<float> values(tensor.data<float>(), tensor.data<float>() + tensor.numel());
    const bool pairs = architecture_ == "llama" || architecture_ == "mistral";
    for (const auto& [part, count] :
         {std::pair{"q_proj.", heads()}, std::pair{"k_proj.", size("num_key_value_heads")}}) {
      if (pairs && name.find(part) != name.npos) values = paired(values, shape[0], count);
    }
    if (architecture_.starts_with("gemma") && name.ends_with("norm.weight")) {
      for (float& value : values) value += 1;
    }
    if (architecture_ == "gpt2") {
      if (name.find(".c_") != name.npos && shape.size() == 2) values = transposed(values, shape);
      rename(name, kGpt2Names);
    } else {
      rename(name, kLlamaNames);
      if (architecture_ == "gemma2" || architecture_ == "gemma3") {
        rename(name, kFourNorms);
      } else {
        rename(name, kTwoNorms);
      }
    }
    std::string data(values.size() * sizeof(float), '\0');
    std::memcpy(data.data(), values.data(), data.size());
    if (name.find("experts.") != name.npos) return add_expert(name, shape, data);
    out_.items.push_back({name, shape, {}, data});
  }

  /// "blk.0.block_sparse_moe.experts.1.w2.weight" is part of "blk.0.ffn_down_exps.weight". Names
  /// come in order, so experts do.
  void add_expert(const std::string& name, std::vector<int64_t> shape, const std::string& data) {
    const std::string layer = name.substr(0, name.find(".block"));
    const char matrix = name[name.rfind(".weight") - 1];
    const char* kind = matrix == '1' ? "gate" : matrix == '2' ? "down" : "up";
    const std::string all = layer + ".ffn_" + kind + "_exps.weight";
    const auto it = std::find_if(out_.items.begin(), out_.items.end(),
                                 [&](const auto& item) { return item.name == all; });
    if (it != out_.items.end()) {
      ++it->shape[0];
      it->data += data;
      return;
    }
    shape.insert(shape.begin(), 1);
    out_.items.push_back({all, shape, {}, data});
  }

  /// Row i + j · d/2 of each head goes to row 2i + j.
  static std::vector<float> paired(const std::vector<float>& values, int64_t rows, int64_t heads) {
    const size_t width = values.size() / static_cast<size_t>(rows);
    const auto half = static_cast<size_t>(rows / heads / 2);
    std::vector<float> out(values.size());
    for (size_t h = 0; h < static_cast<size_t>(heads); ++h) {
      for (size_t j = 0; j < 2; ++j) {
        for (size_t i = 0; i < half; ++i) {
          const size_t from = (h * 2 + j) * half + i, to = h * 2 * half + 2 * i + j;
          std::copy_n(&values[from * width], width, &out[to * width]);
        }
      }
    }
    return out;
  }

  static std::vector<float> transposed(const std::vector<float>& values,
                                       std::vector<int64_t>& shape) {
    const auto rows = static_cast<size_t>(shape[0]), columns = static_cast<size_t>(shape[1]);
    std::vector<float> out(values.size());
    for (size_t i = 0; i < rows; ++i) {
      for (size_t j = 0; j < columns; ++j) out[j * rows + i] = values[i * columns + j];
    }
    std::swap(shape[0], shape[1]);
    return out;
  }

  std::string architecture_;
  std::map<std::string, Tensor> tensors_;
  Config config_;
  GgufFileBytes out_;
};

}  // namespace

GgufFileBytes::Item& GgufFileBytes::item(const std::string& name) {
  for (Item& item : items) {
    if (item.name == name) return item;
  }
  fail(ErrorCode::internal, "no tensor " + name);
}

std::string GgufFileBytes::made() const {
  constexpr size_t kAlignment = 32;
  const auto pad = [](std::string& text) {
    text.append((kAlignment - text.size() % kAlignment) % kAlignment, '\0');
  };
  std::string header = "GGUF" + u32(3) + u64(items.size()) + u64(entries.size()), data;
  for (const std::string& e : entries) header += e;
  for (const Item& item : items) {
    header += gguf_string(item.name) + u32(item.shape.size());
    for (size_t i = item.shape.size(); i-- > 0;)
      header += u64(static_cast<uint64_t>(item.shape[i]));
    header += u32(static_cast<uint64_t>(item.type)) + u64(data.size());
    data += item.data;
    pad(data);
  }
  pad(header);
  return header + data;
}

GgufFileBytes export_gguf(const std::string& folder, const std::string& architecture) {
  return Exporter(folder, architecture).made();
}

hub::Repo gguf_repo(const std::string& bytes) {
  return hub::Repo::from_memory({{"model.gguf", golden::storage_of(bytes)}}, "test");
}

std::string number_entry(const std::string& key, float value) {
  return entry(key, 6, number_bytes(value));
}

std::vector<std::string> llama_entries(std::vector<std::string> more) {
  std::vector<std::string> out = {
      entry("general.architecture", 8, gguf_string("llama")),
      entry("llama.block_count", 4, u32(2)),
      entry("llama.context_length", 4, u32(64)),
      entry("llama.embedding_length", 4, u32(32)),
      entry("llama.feed_forward_length", 4, u32(48)),
      entry("llama.attention.head_count", 4, u32(4)),
  };
  for (std::string& e : more) out.push_back(std::move(e));
  return out;
}

void quantize(GgufFileBytes::Item& item, hub::GgmlType type) {
  const auto format =
      type == hub::GgmlType::q8_0 ? kernels::BlockFormat::q8_0 : kernels::BlockFormat::q4_0;
  const int64_t k = item.shape.back();
  const size_t row = kernels::block_row_bytes(format, k), from = static_cast<size_t>(k) * 4;
  std::string out(item.data.size() / from * row, '\0');
  for (size_t i = 0; i * from < item.data.size(); ++i) {
    kernels::quantize_row(format, &item.data[i * from], kernels::Format::f32, k, &out[i * row]);
  }
  item.type = type;
  item.data = std::move(out);
}

void unpack(const GgufFileBytes::Item& blocks, GgufFileBytes::Item& floats) {
  const auto format =
      blocks.type == hub::GgmlType::q8_0 ? kernels::BlockFormat::q8_0 : kernels::BlockFormat::q4_0;
  const int64_t k = blocks.shape.back();
  const size_t row = kernels::block_row_bytes(format, k), width = static_cast<size_t>(k);
  std::vector<float> values(blocks.data.size() / row * width);
  for (size_t i = 0; i * row < blocks.data.size(); ++i) {
    kernels::dequantize_row(format, &blocks.data[i * row], k, &values[i * width]);
  }
  floats.data.resize(values.size() * sizeof(float));
  std::memcpy(floats.data.data(), values.data(), floats.data.size());
}

}  // namespace tern::test
