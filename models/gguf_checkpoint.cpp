// SPDX-License-Identifier: Apache-2.0
// The tensors of a GGUF file under Transformers' names: "blk.3.attn_q.weight" is
// "model.layers.3.self_attn.q_proj.weight". What an export changed in a tensor is noted, to be
// undone when it is taken (stored_tensor.h); tensors that the config is made of are left out, and
// those that no table knows keep their names, so that the report shows them.
#include <algorithm>
#include <span>
#include <vector>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "gguf_model.h"
#include "stored_tensor.h"
#include "weights.h"

namespace tern {

namespace {

/// A name's part behind "blk.N." and before ".weight", in Transformers.
struct Leaf {
  std::string_view gguf, transformers;
};

constexpr Leaf kLlamaLeaves[] = {
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_qkv", "self_attn.qkv_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
    {"ffn_gate_inp", "block_sparse_moe.gate"},
};
// Those that differ, looked for before Llama's.
constexpr Leaf kGemma2Leaves[] = {{"post_attention_norm", "post_attention_layernorm"},
                                  {"ffn_norm", "pre_feedforward_layernorm"},
                                  {"post_ffw_norm", "post_feedforward_layernorm"}};
constexpr Leaf kPhi3Leaves[] = {{"ffn_up", "mlp.gate_up_proj"}};
constexpr Leaf kGpt2Leaves[] = {{"attn_norm", "ln_1"},          {"attn_qkv", "attn.c_attn"},
                                {"attn_output", "attn.c_proj"}, {"ffn_norm", "ln_2"},
                                {"ffn_up", "mlp.c_fc"},         {"ffn_down", "mlp.c_proj"}};
/// Experts of a Mixtral: one tensor for all ("ffn_gate_exps"), or one for each ("ffn_gate.3").
constexpr Leaf kExpertLeaves[] = {{"ffn_gate", "w1"}, {"ffn_down", "w2"}, {"ffn_up", "w3"}};

constexpr int64_t kMostExperts = 4096;  // as an architecture takes

constexpr Leaf kLlamaRoot[] = {
    {"token_embd", "model.embed_tokens"}, {"output_norm", "model.norm"}, {"output", "lm_head"}};
constexpr Leaf kGpt2Root[] = {{"token_embd", "transformer.wte"},
                              {"position_embd", "transformer.wpe"},
                              {"output_norm", "transformer.ln_f"},
                              {"output", "lm_head"}};

std::string_view find_leaf(std::span<const Leaf> leaves, std::string_view name) {
  for (const Leaf& leaf : leaves) {
    if (leaf.gguf == name) return leaf.transformers;
  }
  return {};
}

/// "blk.3.ffn_gate.2.weight" → layer "3", leaf "ffn_gate.2", end ".weight".
struct NameParts {
  std::string_view layer, leaf, end;

  explicit NameParts(std::string_view name) {
    const size_t dot = name.rfind('.');
    if (dot == name.npos) return;
    end = name.substr(dot);
    leaf = name.substr(0, dot);
    if (!leaf.starts_with("blk.")) return;
    leaf.remove_prefix(4);
    layer = leaf.substr(0, leaf.find('.'));
    leaf.remove_prefix(std::min(leaf.size(), layer.size() + 1));
  }
};

class Reader {
 public:
  explicit Reader(const hub::GgufFile& file)
      : file_(file), keys_(file), architecture_(gguf_architecture(file)) {}

  std::vector<Checkpoint::Entry> entries() const {
    std::vector<Checkpoint::Entry> out;
    for (const hub::GgufTensor& tensor : file_.header.tensors) {
      if (!is_of_config(tensor.name)) add(tensor, out);
    }
    return out;
  }

 private:
  bool is_of_config(std::string_view name) const {
    const bool factors = name == "rope_freqs.weight" || name == "rope_factors_short.weight" ||
                         name == "rope_factors_long.weight";
    return (factors && architecture_.names != GgufNames::gpt2) ||
           name.ends_with(".attn_rot_embd.weight");
  }

  void add(const hub::GgufTensor& stored, std::vector<Checkpoint::Entry>& out) const {
    const NameParts parts(stored.name);
    const Tensor tensor = view(stored);
    if (add_experts(parts, tensor, out)) return;
    Checkpoint::Entry entry = {name_of(stored.name, parts), tensor, {}};
    const std::string_view leaf = parts.layer.empty() ? "" : parts.leaf;
    if (architecture_.pairs_neighbours && (leaf == "attn_q" || leaf == "attn_k")) {
      entry.stored.paired_heads = heads_of(leaf);
    }
    entry.stored.plus_one = architecture_.adds_one && parts.leaf.ends_with("_norm");
    if (architecture_.names == GgufNames::gpt2 && !leaf.empty() && tensor.shape().rank() == 2) {
      entry.tensor = turned(tensor);  // [in, out] in Transformers
    }
    out.push_back(std::move(entry));
  }

  Tensor view(const hub::GgufTensor& stored) const {
    file_.bytes(stored);  // unsupported unless the type is one to compute with
    const DType dtype = hub::ggml_block(stored.type)->dtype.value();
    const std::vector<int64_t> dims = stored.shape();
    return Tensor(file_.storage, dtype, Shape(std::span<const int64_t>(dims)), stored.begin);
  }

  std::string name_of(std::string_view name, const NameParts& parts) const {
    const bool gpt2 = architecture_.names == GgufNames::gpt2;
    if (parts.layer.empty()) {
      const auto found =
          gpt2 ? find_leaf(kGpt2Root, parts.leaf) : find_leaf(kLlamaRoot, parts.leaf);
      return found.empty() ? std::string(name) : cat(found, parts.end);
    }
    std::string_view found;
    if (gpt2) {
      found = find_leaf(kGpt2Leaves, parts.leaf);
    } else {
      if (architecture_.names == GgufNames::gemma2) found = find_leaf(kGemma2Leaves, parts.leaf);
      if (architecture_.names == GgufNames::phi3) found = find_leaf(kPhi3Leaves, parts.leaf);
      if (found.empty()) found = find_leaf(kLlamaLeaves, parts.leaf);
    }
    if (found.empty()) return std::string(name);
    return cat(gpt2 ? "transformer.h." : "model.layers.", parts.layer, ".", found, parts.end);
  }

  /// Whether the tensor was one of experts.
  bool add_experts(const NameParts& parts, const Tensor& tensor,
                   std::vector<Checkpoint::Entry>& out) const {
    if (architecture_.model_type != "mixtral" || parts.layer.empty()) return false;
    const auto add = [&](auto expert, std::string_view matrix, const Tensor& weights) {
      out.push_back({cat("model.layers.", parts.layer, ".block_sparse_moe.experts.", expert, ".",
                         matrix, parts.end),
                     weights,
                     {}});
    };
    for (const Leaf& leaf : kExpertLeaves) {
      if (!parts.leaf.starts_with(leaf.gguf)) continue;
      const std::string_view rest = parts.leaf.substr(leaf.gguf.size());
      if (rest.starts_with('.')) return add(rest.substr(1), leaf.transformers, tensor), true;
      if (rest != "_exps" || tensor.shape().rank() != 3 || tensor.numel() == 0) continue;
      if (tensor.dim(0) != keys_.integer("expert_count") || tensor.dim(0) > kMostExperts) continue;
      for (int64_t i = 0; i < tensor.dim(0); ++i) add(i, leaf.transformers, tensor[i]);
      return true;
    }
    return false;
  }

  int64_t heads_of(std::string_view leaf) const {
    const int64_t heads = keys_.required("attention.head_count");
    return leaf == "attn_q" ? heads : keys_.integer("attention.head_count_kv", 1).value_or(heads);
  }

  const hub::GgufFile& file_;
  GgufKeys keys_;
  const GgufArchitecture& architecture_;
};

}  // namespace

Checkpoint Checkpoint::from_gguf(const hub::GgufFile& opened, const std::string& file) {
  if (!opened.storage->populate(opened.storage->data(), opened.storage->size())) {
    fail(ErrorCode::io, cat(opened.name, ": the file cannot be read"));
  }
  Checkpoint out;
  out.entries_ = Reader(opened).entries();
  for (const Entry& entry : out.entries_) out.bytes_ += entry.tensor.bytes();
  out.files_.push_back(file);
  return out;
}

}  // namespace tern
