// SPDX-License-Identifier: Apache-2.0
// config.json's members from a GGUF file's metadata; see gguf_model.h. What a file does not state
// is left to the defaults of the architecture, but for sizes, which must be there: a default is
// the size of another model.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../hub/formats/json.h"
#include "gguf_model.h"
#include "key_names.h"

namespace tern {

namespace {

using hub::Json;

/// Members of a config as they are found; what is not there is left out.
class Members {
 public:
  template <class Value>
  void add(std::string_view name, const Value& value) {
    if constexpr (std::is_same_v<Value, Json>) {
      list_.emplace_back(name, value);
    } else if constexpr (std::is_convertible_v<Value, std::string_view>) {
      list_.emplace_back(name, Json::make(std::string_view(value)));
    } else {
      list_.emplace_back(name, Json::make(value));
    }
  }
  template <class Value>
  void add(std::string_view name, const std::optional<Value>& value) {
    if (value) add(name, *value);
  }
  Json object() { return Json::object(std::move(list_)); }

 private:
  std::vector<Json::NewMember> list_;
};

/// Whether some layer has this tensor: biases and the like, which no key tells.
bool some_layer_has(const hub::GgufFile& file, std::string_view end) {
  for (const hub::GgufTensor& tensor : file.header.tensors) {
    if (tensor.name.starts_with("blk.") && tensor.name.ends_with(end)) return true;
  }
  return false;
}

/// The list of a tensor of factors; unsupported unless it is f32.
Json factors_of(const hub::GgufFile& file, const hub::GgufTensor& tensor) {
  constexpr uint64_t kMost = 1 << 15;  // pairs of the largest head
  if (tensor.type != hub::GgmlType::f32 || tensor.rank != 1 || tensor.dims[0] > kMost) {
    fail(ErrorCode::unsupported,
         cat(file.name, ": '", tensor.name, "' is of type ", to_string(tensor.type), " with ",
             tensor.rank, " dimensions, the first of ", tensor.dims[0],
             "; expected a list of at most ", kMost, " F32"));
  }
  const Bytes bytes = file.bytes(tensor);
  std::vector<Json> out;
  for (size_t at = 0; at + sizeof(float) <= bytes.size(); at += sizeof(float)) {
    float value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    out.push_back(Json::make(static_cast<double>(value)));
  }
  return Json::array(std::move(out));
}

/// The tensors of rotary factors, null where the file has none.
struct RotaryFactors {
  const hub::GgufTensor* all;               // Llama 3's, for all lengths
  const hub::GgufTensor *shorter, *longer;  // below and above the original length
  explicit RotaryFactors(const hub::GgufFile& file)
      : all(find_tensor(file, "rope_freqs.weight")),
        shorter(find_tensor(file, "rope_factors_short.weight")),
        longer(find_tensor(file, "rope_factors_long.weight")) {}
};

/// Frequencies divided by factors. The attention factor of those that have two lists follows from
/// the lengths unless the file gives it.
Json factor_rope(const GgufKeys& keys, const RotaryFactors& factors) {
  Members rope;
  rope.add("rope_type", "longrope");
  if (factors.all) {
    const Json list = factors_of(keys.file(), *factors.all);
    rope.add("short_factor", list);
    rope.add("long_factor", list);
    rope.add("original_max_position_embeddings", keys.required("context_length"));
    rope.add("factor", 1.0);
    rope.add("attention_factor", 1.0);
  } else {
    rope.add("short_factor", factors_of(keys.file(), *factors.shorter));
    rope.add("long_factor", factors_of(keys.file(), *factors.longer));
    rope.add("original_max_position_embeddings",
             keys.integer("rope.scaling.original_context_length", 1));
    rope.add("attention_factor", keys.number("rope.scaling.attn_factor"));
  }
  return rope.object();
}

/// linear and yarn by their keys.
Json scaled_rope(const GgufKeys& keys, std::string_view type, std::optional<double> factor) {
  Members rope;
  rope.add("rope_type", type);
  rope.add("factor", factor);
  rope.add("original_max_position_embeddings",
           keys.integer("rope.scaling.original_context_length", 1));
  rope.add("beta_fast", keys.number("rope.scaling.yarn_beta_fast"));
  rope.add("beta_slow", keys.number("rope.scaling.yarn_beta_slow"));
  return rope.object();
}

/// A file says in one way how its rotary embeddings are scaled. What would be left out is an Error,
/// for the model would run and be another.
void check_rope_scaling(const GgufKeys& keys, std::string_view type, double factor,
                        const RotaryFactors& factors) {
  const bool pair = factors.shorter && factors.longer;
  const auto refuse = [&](ErrorCode code, auto... problem) {
    fail(code, cat(keys.file().name, ": ", problem...));
  };
  const std::string key = cat("'", keys.name("rope.scaling.type"), "'");
  if (type != "none" && type != "linear" && type != "yarn" && type != "longrope") {
    refuse(ErrorCode::unsupported, key, " is '", printable_name(type),
           "'; none, linear, yarn and longrope are supported");
  }
  if (!pair && (factors.shorter || factors.longer || type == "longrope")) {
    refuse(ErrorCode::corrupt, "rope_factors_short.weight and rope_factors_long.weight belong ",
           "together, and to ", key, " longrope; found ",
           factors.shorter  ? "the first alone"
           : factors.longer ? "the second alone"
                            : "neither");
  }
  const bool scales = type != "none" && (type != "longrope" || factor != 1);
  if ((pair || factors.all) && (scales || (pair && factors.all))) {
    refuse(ErrorCode::unsupported, pair ? "rope_factors_long.weight" : "rope_freqs.weight",
           " together with ", scales ? cat(key, " ", type, " by ", factor) : "rope_freqs.weight");
  }
  for (const char* name : {"rope.scaling.attn_factor", "rope.scaling.yarn_attn_factor",
                           "rope.scaling.yarn_ext_factor"}) {
    const bool taken = pair && name == std::string_view("rope.scaling.attn_factor");
    const double value = keys.number(name).value_or(1);
    if (value == 1 || taken) continue;
    refuse(ErrorCode::unsupported, "'", keys.name(name), "' is ", value, "; only 1 is supported");
  }
}

void add_rope_scaling(const GgufKeys& keys, Members& out) {
  const RotaryFactors factors(keys.file());
  // The second is the key of old files.
  const auto given = keys.number("rope.scaling.factor"), old = keys.number("rope.scale_linear");
  const std::optional<double> factor = given ? given : old;
  const bool plain = factor.value_or(1) == 1;
  auto type = keys.text("rope.scaling.type").value_or("linear");
  if (type == "linear" && plain) type = "none";
  check_rope_scaling(keys, type, factor.value_or(1), factors);
  if (factors.all || factors.longer) {
    out.add("rope_scaling", factor_rope(keys, factors));
  } else if (type != "none") {
    out.add("rope_scaling", scaled_rope(keys, type, factor));
  }
}

/// The part of a head that is rotated, as RopeParameters multiplies it out again.
double rotated_part(int64_t dims, int64_t head_dim) {
  const auto whole = static_cast<double>(head_dim);
  const double part = static_cast<double>(dims) / whole;
  return static_cast<int64_t>(part * whole) < dims ? std::nextafter(part, 1.0) : part;
}

void add_heads(const GgufKeys& keys, const GgufArchitecture& architecture, Members& out) {
  const int64_t heads = keys.required("attention.head_count");
  const std::optional<int64_t> rotary = keys.integer("rope.dimension_count", 1);
  std::optional<int64_t> head_dim = keys.integer("attention.key_length", 1);
  const auto value_dim = keys.integer("attention.value_length", 1);
  if (value_dim && head_dim && *value_dim != *head_dim) {
    fail(ErrorCode::unsupported, cat(keys.file().name, ": heads of ", *head_dim,
                                     " features in keys and ", *value_dim, " in values"));
  }
  if (!head_dim && architecture.pairs_neighbours) head_dim = rotary;
  out.add("num_attention_heads", heads);
  out.add("num_key_value_heads", keys.integer("attention.head_count_kv", 1).value_or(heads));
  const int64_t width = head_dim.value_or(keys.required("embedding_length") / heads);
  out.add("head_dim", width);
  if (rotary && *rotary < width) {
    out.add("partial_rotary_factor", rotated_part(*rotary, width));
  }
}

/// The scale of attention scores where it is not that of the head's size: the two models of 27
/// billion parameters, which are known by their layers as no key tells them.
void add_scale(const GgufKeys& keys, std::string_view model_type, Members& out) {
  const std::optional<double> scale = keys.number("attention.scale");
  const int64_t layers = keys.required("block_count");
  const int64_t largest = model_type == "gemma2" ? 46 : 62;
  const int64_t heads = keys.required("attention.head_count");
  if (scale && *scale > 0) {
    out.add("query_pre_attn_scalar", 1 / (*scale * *scale));
  } else if (layers == largest) {
    out.add("query_pre_attn_scalar", keys.required("embedding_length") / heads);
  } else {
    out.add("query_pre_attn_scalar", keys.integer("attention.key_length", 1));
  }
}

/// Every how many layers there is one that sees all keys; or a list of which do not.
void add_pattern(const GgufKeys& keys, Members& out) {
  const auto pattern = keys.find("attention.sliding_window_pattern");
  if (!pattern) return;
  if (pattern->type() != hub::GgufType::array) {
    return out.add("sliding_window_pattern", keys.integer("attention.sliding_window_pattern", 1));
  }
  std::vector<Json> types;
  const auto layers = static_cast<uint64_t>(keys.required("block_count"));
  for (uint64_t i = 0; i < std::min(layers, pattern->size()); ++i) {
    const bool slides = pattern->boolean(i).value_or(pattern->integer(i).value_or(0) != 0);
    types.push_back(Json::make(std::string_view(slides ? "sliding_attention" : "full_attention")));
  }
  out.add("layer_types", Json::array(std::move(types)));
}

void add_gemma(const GgufKeys& keys, std::string_view model_type, Members& out) {
  if (model_type == "gemma") return;
  add_scale(keys, model_type, out);
  add_pattern(keys, out);
  out.add("attn_logit_softcapping", keys.number("attn_logit_softcapping"));
  out.add("final_logit_softcapping", keys.number("final_logit_softcapping"));
  out.add("rope_local_base_freq", keys.number("rope.freq_base_swa"));
}

void add_llama_kin(const GgufKeys& keys, const GgufArchitecture& architecture, Members& out) {
  const hub::GgufFile& file = keys.file();
  out.add("num_hidden_layers", keys.required("block_count", 0));
  out.add("hidden_size", keys.required("embedding_length"));
  out.add("intermediate_size", keys.required("feed_forward_length"));
  out.add("max_position_embeddings", keys.required("context_length"));
  out.add("rms_norm_eps", keys.number("attention.layer_norm_rms_epsilon"));
  add_heads(keys, architecture, out);
  out.add("rope_theta", keys.number("rope.freq_base"));
  add_rope_scaling(keys, out);
  if (const auto window = keys.integer("attention.sliding_window"); window.value_or(0) > 0) {
    out.add("sliding_window", *window);
  }
  if (architecture.adds_one) add_gemma(keys, architecture.model_type, out);
  if (some_layer_has(file, ".attn_q.bias")) out.add("attention_bias", true);
  if (some_layer_has(file, ".ffn_gate.bias")) out.add("mlp_bias", true);
  if (architecture.model_type == "mixtral") {
    out.add("num_local_experts", keys.integer("expert_count", 1));
    out.add("num_experts_per_tok", keys.required("expert_used_count"));
  }
  if (architecture.model_type == "phi3") {
    out.add("original_max_position_embeddings",
            keys.integer("rope.scaling.original_context_length", 1));
  }
}

void add_gpt2(const GgufKeys& keys, Members& out) {
  out.add("n_layer", keys.required("block_count", 0));
  out.add("n_embd", keys.required("embedding_length"));
  out.add("n_positions", keys.required("context_length"));
  out.add("n_head", keys.required("attention.head_count"));
  out.add("n_inner", keys.integer("feed_forward_length", 1));
  out.add("layer_norm_epsilon", keys.number("attention.layer_norm_epsilon"));
}

/// Rows of the embeddings; a list of tokens may be shorter than it.
std::optional<int64_t> vocabulary(const GgufKeys& keys) {
  const hub::GgufTensor* table = find_tensor(keys.file(), "token_embd.weight");
  if (table && table->rank == 2) return static_cast<int64_t>(table->dims[1]);
  if (const auto size = keys.integer("vocab_size", 1)) return size;
  const auto tokens = keys.file().header.metadata.find("tokenizer.ggml.tokens");
  return tokens ? std::optional(static_cast<int64_t>(tokens->size())) : std::nullopt;
}

void add_tokens(const hub::GgufFile& file, Members& out) {
  for (const auto& [name, key] : {std::pair{"bos_token_id", "tokenizer.ggml.bos_token_id"},
                                  std::pair{"eos_token_id", "tokenizer.ggml.eos_token_id"},
                                  std::pair{"pad_token_id", "tokenizer.ggml.padding_token_id"}}) {
    const auto value = file.header.metadata.find(key);
    const auto id = value ? value->integer() : std::nullopt;
    if (id.value_or(-1) >= 0) out.add(name, id);
  }
}

/// The type of a file without blocks: its matrices', whatever norms and biases are in.
std::string_view plain_dtype(const hub::GgufFile& file) {
  std::string_view found = "float32";
  for (const hub::GgufTensor& tensor : file.header.tensors) {
    const auto block = hub::ggml_block(tensor.type);
    if (!block || block->elements > 1) return {};
    if (tensor.type == hub::GgmlType::bf16) found = "bfloat16";
    if (tensor.type == hub::GgmlType::f16 && found == "float32") found = "float16";
  }
  return found;
}

}  // namespace

Config gguf_config(const hub::GgufFile& file) {
  const GgufArchitecture& architecture = gguf_architecture(file);
  const GgufKeys keys(file);
  Members out;
  out.add("model_type", architecture.model_type);
  out.add("architectures", Json::array({Json::make(architecture.model_class)}));
  if (architecture.names == GgufNames::gpt2) {
    add_gpt2(keys, out);
  } else {
    add_llama_kin(keys, architecture, out);
  }
  out.add("vocab_size", vocabulary(keys));
  out.add("tie_word_embeddings", find_tensor(file, "output.weight") == nullptr);
  add_tokens(file, out);
  if (const std::string_view dtype = plain_dtype(file); !dtype.empty()) out.add("dtype", dtype);
  return Config(out.object(), file.name);
}

}  // namespace tern
