// SPDX-License-Identifier: Apache-2.0
#include "prequantized_export.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "../../engine/base/format.h"
#include "../../hub/formats/safetensors.h"

namespace tern::test {

namespace {

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// Words of the values in a stream; of 3 bits as the writers spell it out: ten values, the two low
/// bits of one and its third bit in the next word, …
std::vector<uint32_t> stream(const std::vector<uint32_t>& v, int bits) {
  std::vector<uint32_t> out;
  const size_t each = bits == 3 ? 32 : 32 / static_cast<size_t>(bits);
  for (size_t i = 0; i < v.size(); i += each) {
    uint32_t word = 0, second = 0, third = 0;
    if (bits != 3) {
      for (size_t j = 0; j < each; ++j) word |= v[i + j] << (static_cast<size_t>(bits) * j);
      out.push_back(word);
      continue;
    }
    for (size_t j = 0; j < 10; ++j) {
      word |= v[i + j] << (3 * j);
      second |= v[i + 11 + j] << (3 * j + 1);
      third |= v[i + 22 + j] << (3 * j + 2);
    }
    out.push_back(word | v[i + 10] << 30);
    out.push_back(second | v[i + 10] >> 2 | v[i + 21] << 31);
    out.push_back(third | v[i + 21] >> 1);
  }
  return out;
}

/// Eight neighbours to a word, which has the even ones before the odd ones.
std::vector<uint32_t> woven(const std::vector<uint32_t>& v) {
  std::vector<uint32_t> out(v.size() / 8, 0);
  for (size_t i = 0; i < out.size(); ++i) {
    for (size_t j = 0; j < 8; ++j) {
      out[i] |= v[8 * i + std::array<size_t, 8>{0, 2, 4, 6, 1, 3, 5, 7}[j]] << (4 * j);
    }
  }
  return out;
}

class Writer {
 public:
  Writer(const Packing& packing, PackedModel& model) : p_(packing), model_(model) {}

  /// A normal of f32 values.
  void add_floats(const std::string& name, std::vector<int64_t> shape, float around) {
    int64_t count = 1;
    for (const int64_t n : shape) count *= n;
    std::vector<float> values;
    for (int64_t i = 0; i < count; ++i) {
      values.push_back(around + static_cast<float>(rng_.uniform() - 0.5) * 0.2F);
    }
    model_.floats[name] = model_.packed[name] = {DType::f32, std::move(shape), bytes_of(values)};
  }

  void add_linear(const std::string& base, int64_t out, int64_t in) {
    const int64_t group = p_.group == -1 ? in : p_.group, groups = (in + group - 1) / group;
    const std::vector<int32_t> group_of = groups_of(in, group);
    std::vector<uint32_t> codes, zeros;  // [in][out], [groups][out]
    std::vector<uint16_t> halves;
    std::vector<float> scales;
    const auto bits = static_cast<unsigned>(p_.bits);
    for (int64_t i = 0; i < in * out; ++i) codes.push_back(random(1u << bits));
    for (int64_t i = 0; i < groups * out; ++i) {
      zeros.push_back(p_.symmetric ? 1u << (bits - 1) : random(1u << bits));
      const uint32_t mantissa = random(1024);
      halves.push_back(static_cast<uint16_t>((11 - bits) << 10 | mantissa));
      scales.push_back(std::ldexp(1 + static_cast<float>(mantissa) / 1024, -4 - p_.bits));
    }
    std::vector<float> weights;  // [out][in]
    for (int64_t o = 0; o < out; ++o) {
      for (int64_t i = 0; i < in; ++i) {
        const auto at = static_cast<size_t>(group_of[static_cast<size_t>(i)] * out + o);
        const auto code = static_cast<float>(codes[static_cast<size_t>(i * out + o)]);
        weights.push_back((code - static_cast<float>(zeros[at])) * scales[at]);
      }
    }
    model_.floats[base + ".weight"] = {DType::f32, {out, in}, bytes_of(weights)};
    model_.packed[base + ".scales"] = {DType::f16, {groups, out}, bytes_of(halves)};
    if (p_.awq) {
      model_.packed[base + ".qweight"] = {DType::i32, {in, out / 8}, bytes_of(woven(codes))};
      model_.packed[base + ".qzeros"] = {DType::i32, {groups, out / 8}, bytes_of(woven(zeros))};
      return;
    }
    add_gptq(base, {out, in}, codes, zeros);
    model_.packed[base + ".g_idx"] = {DType::i32, {in}, bytes_of(group_of)};
    // As AutoGPTQ does; the class has none.
    model_.packed[base + ".bias"] = {DType::f16, {out}, std::string(2 * size_t(out), '\0')};
  }

 private:
  uint32_t random(uint32_t below) { return static_cast<uint32_t>(rng_.next() % below); }

  std::vector<int32_t> groups_of(int64_t in, int64_t group) {
    std::vector<int32_t> out;
    for (int64_t i = 0; i < in; ++i) out.push_back(static_cast<int32_t>(i / group));
    for (int64_t i = in; p_.shuffled && i > 1; --i) {
      std::swap(out[static_cast<size_t>(i - 1)], out[static_cast<size_t>(rng_.below(i))]);
    }
    return out;
  }

  void add_gptq(const std::string& base, std::array<int64_t, 2> sizes,
                const std::vector<uint32_t>& codes, const std::vector<uint32_t>& zeros) {
    const auto out = static_cast<size_t>(sizes[0]), in = static_cast<size_t>(sizes[1]);
    const size_t rows = in * static_cast<size_t>(p_.bits) / 32;
    std::vector<uint32_t> qweight(rows * out), qzeros;
    for (size_t o = 0; o < out; ++o) {
      std::vector<uint32_t> column;
      for (size_t i = 0; i < in; ++i) column.push_back(codes[i * out + o]);
      const std::vector<uint32_t> words = stream(column, p_.bits);
      for (size_t r = 0; r < rows; ++r) qweight[r * out + o] = words[r];
    }
    for (size_t g = 0; g < zeros.size(); g += out) {
      const auto begin = zeros.begin() + static_cast<std::ptrdiff_t>(g);
      std::vector<uint32_t> row(begin, begin + static_cast<std::ptrdiff_t>(out));
      if (!p_.v2 && p_.bits == 3) {
        for (uint32_t& zero : row) zero = (zero + 7) % 8;
      }
      for (uint32_t word : stream(row, p_.bits)) {
        // 1 off each, from the whole word.
        if (!p_.v2 && p_.bits == 2) word -= 0x55555555u;
        if (!p_.v2 && p_.bits == 4) word -= 0x11111111u;
        if (!p_.v2 && p_.bits == 8) word -= 0x01010101u;
        qzeros.push_back(word);
      }
    }
    const auto groups = static_cast<int64_t>(zeros.size() / out);
    model_.packed[base + ".qweight"] = {
        DType::i32, {static_cast<int64_t>(rows), sizes[0]}, bytes_of(qweight)};
    model_.packed[base + ".qzeros"] = {
        DType::i32, {groups, sizes[0] * p_.bits / 32}, bytes_of(qzeros)};
  }

  const Packing& p_;
  PackedModel& model_;
  golden::Rng rng_{7};
};

}  // namespace

std::string Packing::config() const {
  std::string out = cat(R"({"quant_method": ")", awq ? "awq" : "gptq", R"(", "bits": )", bits,
                        R"(, "group_size": )", group);
  if (awq) return out + R"(, "version": "gemm", "zero_point": true})";
  out += cat(R"(, "sym": )", symmetric, R"(, "desc_act": )", shuffled);
  return out + (v2 ? R"(, "checkpoint_format": "gptq_v2"})" : "}");
}

PackedModel packed_model(const Packing& packing) {
  PackedModel model;
  model.config = cat(R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"],
      "hidden_size": 128, "intermediate_size": )",
                     packing.intermediate, R"(, "vocab_size": 320,
      "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2,
      "tie_word_embeddings": false, "dtype": "float32")");
  Writer writer(packing, model);
  writer.add_floats("model.embed_tokens.weight", {320, 128}, 0);
  writer.add_floats("lm_head.weight", {320, 128}, 0);
  writer.add_floats("model.norm.weight", {128}, 1);
  const std::string layer = "model.layers.0.";
  writer.add_floats(layer + "input_layernorm.weight", {128}, 1);
  writer.add_floats(layer + "post_attention_layernorm.weight", {128}, 1);
  writer.add_linear(layer + "self_attn.q_proj", 128, 128);
  writer.add_linear(layer + "self_attn.k_proj", 64, 128);
  writer.add_linear(layer + "self_attn.v_proj", 64, 128);
  writer.add_linear(layer + "self_attn.o_proj", 128, 128);
  writer.add_linear(layer + "mlp.gate_proj", packing.intermediate, 128);
  writer.add_linear(layer + "mlp.up_proj", packing.intermediate, 128);
  writer.add_linear(layer + "mlp.down_proj", 128, packing.intermediate);
  return model;
}

PackedModel packed_gpt2(const Packing& packing) {
  PackedModel model;
  model.config = R"({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": 64,
      "vocab_size": 320, "n_positions": 32, "n_layer": 1, "n_head": 4, "dtype": "float32")";
  Writer writer(packing, model);
  const std::string root = "transformer.", layer = root + "h.0.";
  writer.add_floats(root + "wte.weight", {320, 64}, 0);
  writer.add_floats(root + "wpe.weight", {32, 64}, 0);
  for (const std::string& norm : {root + "ln_f", layer + "ln_1", layer + "ln_2"}) {
    writer.add_floats(norm + ".weight", {64}, 1);
    writer.add_floats(norm + ".bias", {64}, 0);
  }
  const std::pair<const char*, std::array<int64_t, 2>> matrices[] = {{"attn.c_attn", {192, 64}},
                                                                     {"attn.c_proj", {64, 64}},
                                                                     {"mlp.c_fc", {256, 64}},
                                                                     {"mlp.c_proj", {64, 256}}};
  for (const auto& [name, sizes] : matrices) {
    writer.add_linear(layer + name, sizes[0], sizes[1]);
    writer.add_floats(layer + name + ".bias", {sizes[0]}, 0);
    PackedItem& item = model.floats[layer + name + ".weight"];
    const std::string rows = item.data;
    const auto out = static_cast<size_t>(sizes[0]), in = static_cast<size_t>(sizes[1]);
    for (size_t i = 0; i < out * in; ++i) {
      std::memcpy(&item.data[4 * (i % in * out + i / in)], &rows[4 * i], 4);
    }
    item.shape = {sizes[1], sizes[0]};
  }
  return model;
}

hub::Repo repo_of(const PackedModel& model, const PackedItems& items,
                  const std::string& quantization) {
  std::vector<hub::TensorSpec> specs;
  std::vector<const std::string*> contents;
  for (const auto& [name, item] : items) {
    specs.push_back({name, item.dtype, item.shape});
    contents.push_back(&item.data);
  }
  const hub::SafetensorsLayout layout = hub::lay_out_safetensors(specs, {}, "model.safetensors");
  std::string file = layout.head;
  for (const size_t i : layout.order) file += *contents[i];
  std::string config = model.config;
  if (!quantization.empty()) config += ", \"quantization_config\": " + quantization;
  return hub::Repo::from_memory({{"config.json", golden::storage_of(config + "}")},
                                 {"model.safetensors", golden::storage_of(file)}});
}

hub::Repo packed_repo(const PackedModel& model, const Packing& packing) {
  return repo_of(model, model.packed, packing.config());
}

}  // namespace tern::test
