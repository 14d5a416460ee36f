// SPDX-License-Identifier: Apache-2.0
// SentenceHead: pooling and what follows it, as modules.json lists them. Several pooling modes are
// concatenated in the order of sentence-transformers: cls, max, mean, mean_sqrt_len, weightedmean,
// lasttoken.
#include <algorithm>
#include <optional>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "blocks/layers.h"
#include "blocks/text_inputs.h"
#include "key_names.h"
#include "out_of_memory.h"
#include "sentence_modules.h"
#include "sentence_transformer.h"

namespace tern {

namespace {

constexpr int64_t kWidest = 1 << 20;

struct PoolingName {
  const char* flag;  // of 1_Pooling/config.json
  const char* name;  // the newer pooling_mode
  Pooling mode;
};
constexpr PoolingName kPoolings[] = {
    {"pooling_mode_cls_token", "cls", Pooling::cls},
    {"pooling_mode_max_tokens", "max", Pooling::max},
    {"pooling_mode_mean_tokens", "mean", Pooling::mean},
    {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", Pooling::mean_sqrt_len},
    {"pooling_mode_weightedmean_tokens", "weightedmean", Pooling::weighted_mean},
    {"pooling_mode_lasttoken", "lasttoken", Pooling::last},
};

/// A step from vectors to vectors: Dense or LayerNorm or Normalize (neither is set).
struct VectorModule {
  Linear dense;
  Act act = Act::none;
  std::optional<LayerNorm> norm;

  Tensor operator()(Context& ctx, const Tensor& x) const {
    if (dense) return dense(ctx, x, {.act = act});
    return norm ? (*norm)(ctx, x) : normalize(ctx, x);
  }
};

std::vector<Pooling> read_pooling_names(const Config& c) {
  const hub::Json& value = c.json()["pooling_mode"];
  const auto names = value.is_array() ? value.elements() : std::span(&value, 1);
  std::vector<Pooling> modes;
  for (const hub::Json& element : names) {
    const auto name = element.string();
    const auto* known = std::find_if(std::begin(kPoolings), std::end(kPoolings),
                                     [&](const PoolingName& p) { return name == p.name; });
    if (known == std::end(kPoolings)) {
      fail(ErrorCode::unsupported,
           cat(c.what(), ": unknown pooling_mode ", element.dump(),
               "; known: cls, max, mean, mean_sqrt_len_tokens, weightedmean, lasttoken"));
    }
    modes.push_back(known->mode);
  }
  return modes;
}

std::vector<Pooling> read_pooling(const Config& c) {
  if (!c.json()["pooling_mode"].is_null()) return read_pooling_names(c);
  std::vector<Pooling> modes;
  for (const PoolingName& pooling : kPoolings) {
    const bool mean_by_default = pooling.mode == Pooling::mean;
    if (c.boolean({pooling.flag}, mean_by_default)) modes.push_back(pooling.mode);
  }
  if (modes.empty()) fail(ErrorCode::invalid_argument, cat(c.what(), ": no pooling mode is on"));
  return modes;
}

/// "torch.nn.modules.activation.Tanh"
Act read_activation(const Config& c) {
  const std::string name = c.string({"activation_function"}, "torch.nn.modules.activation.Tanh");
  const std::string last = name.substr(name.rfind('.') + 1);
  if (last == "Identity") return Act::none;
  if (last == "Tanh") return Act::tanh;
  if (last == "ReLU") return Act::relu;
  if (last == "GELU") return Act::gelu;
  if (last == "Sigmoid") return Act::sigmoid;
  if (last == "SiLU") return Act::silu;
  fail(ErrorCode::unsupported,
       cat(c.what(), ": activation_function '", printable_name(name), "' is not supported"));
}

/// The weights of a module's folder; every one of them must be there.
template <class Make>
auto with_weights(const hub::Repo& repo, const std::string& folder, Make make) {
  const Weights weights(Checkpoint::open_file(repo, module_file(folder, "model.safetensors")), {});
  auto made = make(weights);
  const LoadingReport report = weights.finish();
  if (!report.missing_keys.empty()) {
    fail(ErrorCode::corrupt, cat(repo.path(module_file(folder, "model.safetensors")),
                                 ": no tensor '", report.missing_keys.front(), "'"));
  }
  return made;
}

void check_width(const Config& c, std::string_view field, int64_t found, int64_t expected) {
  if (found == expected) return;
  fail(ErrorCode::invalid_argument, cat(c.what(), ": '", field, "' is ", found,
                                        " but the module before gives ", expected, " features"));
}

}  // namespace

struct SentenceHead::State {
  std::vector<Pooling> pooling = {Pooling::mean};
  std::vector<VectorModule> modules;
  int64_t hidden = 0, dimension = 0;
  bool pooled = false;
  bool include_prompt = true;
  bool normalizes = false;

  void add(const hub::Repo& repo, const SentenceModule& module);

 private:
  void add_pooling(const Config& c);
  void add_dense(const hub::Repo& repo, const std::string& folder, const Config& c);
  void add_layer_norm(const hub::Repo& repo, const std::string& folder, const Config& c);
};

void SentenceHead::State::add(const hub::Repo& repo, const SentenceModule& module) {
  const std::string& type = module.type;
  if (type == "Dropout") return;
  if ((type == "Pooling") == pooled) {
    fail(ErrorCode::unsupported,
         cat(repo.path("modules.json"), ": ", type, pooled ? " after Pooling" : " before Pooling",
             " is not supported"));
  }
  normalizes = type == "Normalize";
  if (normalizes) {
    modules.emplace_back();
    return;
  }
  const Config c = module_config(repo, module.path);
  if (type == "Pooling") return add_pooling(c);
  if (type == "Dense") return add_dense(repo, module.path, c);
  if (type == "LayerNorm") return add_layer_norm(repo, module.path, c);
  fail(ErrorCode::unsupported,
       cat(repo.path("modules.json"), ": module '", type,
           "' is not supported; Pooling, Dense, LayerNorm and Normalize are"));
}

void SentenceHead::State::add_pooling(const Config& c) {
  const int64_t width =
      c.integer({"word_embedding_dimension", "embedding_dimension"}, hidden, 1, kWidest);
  check_width(c, "word_embedding_dimension", width, hidden);
  pooling = read_pooling(c);
  pooled = true;
  include_prompt = c.boolean({"include_prompt"}, true);
  dimension = hidden * static_cast<int64_t>(pooling.size());
}

void SentenceHead::State::add_dense(const hub::Repo& repo, const std::string& folder,
                                    const Config& c) {
  check_width(c, "in_features", c.integer({"in_features"}, std::nullopt, 1, kWidest), dimension);
  const int64_t out = c.integer({"out_features"}, std::nullopt, 1, kWidest);
  const bool bias = c.boolean({"bias"}, true);
  VectorModule module;
  module.act = read_activation(c);
  module.dense = with_weights(repo, folder, [&](const Weights& w) {
    return make_linear(w / "linear", dimension, out, bias);
  });
  modules.push_back(std::move(module));
  dimension = out;
}

void SentenceHead::State::add_layer_norm(const hub::Repo& repo, const std::string& folder,
                                         const Config& c) {
  check_width(c, "dimension", c.integer({"dimension"}, std::nullopt, 1, kWidest), dimension);
  VectorModule module;
  module.norm = with_weights(repo, folder, [&](const Weights& w) {
    return make_layer_norm(w / "norm", dimension, 1e-5);  // torch's default eps
  });
  modules.push_back(std::move(module));
}

bool SentenceHead::present(const hub::Repo& repo) {
  return repo.exists("modules.json");
}

SentenceHead SentenceHead::from_repo(const hub::Repo& repo, int64_t hidden) {
  return within_memory(repo.name(), [&] {
    auto state = std::make_shared<State>();
    state->hidden = state->dimension = hidden;
    for (const SentenceModule& module : read_sentence_modules(repo)) {
      if (module.type != "Transformer") state->add(repo, module);
    }
    SentenceHead head;
    head.state_ = std::move(state);
    return head;
  });
}

Tensor SentenceHead::operator()(Context& ctx, const Tensor& hidden,
                                const Segments& segments) const {
  Tensor x;
  const auto parts = static_cast<int64_t>(state_->pooling.size());
  if (parts == 1) {
    x = pool(ctx, hidden, segments, state_->pooling[0]);
  } else {
    const int64_t width = state_->hidden;
    x = ctx.arena().tensor(DType::f32,
                           {static_cast<int64_t>(segments.sequences.size()), parts * width});
    for (int64_t p = 0; p < parts; ++p) {
      const Tensor part = pool(ctx, hidden, segments, state_->pooling[static_cast<size_t>(p)]);
      for (int64_t i = 0; i < x.dim(0); ++i) {
        std::copy_n(part.data<float>() + i * width, width,
                    x.data<float>() + (i * parts + p) * width);
      }
    }
  }
  for (const VectorModule& module : state_->modules) x = module(ctx, x);
  return x;
}

void SentenceHead::add_embedding(Context& ctx, const NamedTensors& inputs,
                                 NamedTensors& outputs) const {
  const Tensor& hidden = outputs["last_hidden_state"];  // [batch, length, hidden]
  const int64_t rows = hidden.dim(0), length = hidden.dim(1);
  std::vector<Segment> sequences;
  for (int64_t row = 0; row < rows; ++row) sequences.push_back({row * length, (row + 1) * length});
  std::vector<uint8_t> mask;
  if (const Tensor& given = inputs.get("attention_mask")) {
    for (const int64_t value : int64_values(given, "attention_mask"))
      mask.push_back(value != 0 ? 1 : 0);
  }
  mask.resize(static_cast<size_t>(rows * length), 1);
  outputs.set("sentence_embedding", (*this)(ctx, hidden.reshape({rows * length, hidden.dim(2)}),
                                            {.sequences = sequences, .key_mask = mask.data()}));
}

int64_t SentenceHead::dimension() const noexcept {
  return state_->dimension;
}
bool SentenceHead::include_prompt() const noexcept {
  return state_->include_prompt;
}
bool SentenceHead::normalizes() const noexcept {
  return state_->normalizes;
}

}  // namespace tern
