// SPDX-License-Identifier: Apache-2.0
// Weights: from names of the class to tensors of the file, by Transformers' loading rules: renames,
// then the name itself, then with the base model's prefix added or taken away, then the tied name.
#include "weights.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <numbers>
#include <set>
#include <unordered_map>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "key_names.h"

namespace tern {

namespace {

/// For all models: TensorFlow's names in the first PyTorch checkpoints.
constexpr Rename kGlobalRenames[] = {{"LayerNorm.gamma", "LayerNorm.weight"},
                                     {"LayerNorm.beta", "LayerNorm.bias"}};

std::string renamed(std::string name, std::span<const Rename> renames) {
  for (const Rename& rule : renames) {
    const size_t at = name.find(rule.from);
    if (at != std::string::npos) name.replace(at, rule.from.size(), rule.to);
  }
  return name;
}

bool contains_any(std::string_view name, const std::vector<std::string_view>& parts) {
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  });
}

/// Buffers that older versions stored: (^|\.)position_ids$ and rotary_emb.inv_freq.
bool is_buffer(std::string_view name) {
  return name == "position_ids" || name.ends_with(".position_ids") ||
         name.find("rotary_emb.inv_freq") != std::string_view::npos;
}

/// FNV-1a: the seed of a fresh tensor is its name, so it does not depend on what else is missing.
uint64_t hash_name(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

/// splitmix64, as a double in (0, 1].
double next_uniform(uint64_t& state) {
  uint64_t z = (state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return static_cast<double>(((z ^ (z >> 31)) >> 11) + 1) * 0x1p-53;
}

/// Box-Muller: two normal values from two uniform ones.
void fill_normal(float* out, int64_t count, double deviation, uint64_t seed) {
  for (int64_t i = 0; i < count; i += 2) {
    const double radius = deviation * std::sqrt(-2.0 * std::log(next_uniform(seed)));
    const double angle = 2.0 * std::numbers::pi * next_uniform(seed);
    out[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < count) out[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

Tensor narrowed(const Tensor& x) {
  Tensor out = Tensor::empty(DType::f32, x.shape());
  const double* from = x.data<double>();
  for (int64_t i = 0; i < x.numel(); ++i) out.data<float>()[i] = static_cast<float>(from[i]);
  return out;
}

/// What layers run from: f32, bf16 or f16 at an address aligned for it.
Tensor usable(const Tensor& x, const std::string& name) {
  const DType dtype = x.dtype();
  if (dtype != DType::f32 && dtype != DType::bf16 && dtype != DType::f16 && dtype != DType::f64) {
    fail(ErrorCode::unsupported,
         cat("tensor '", printable_name(name), "' has type ", to_string(dtype),
             "; expected float32, float16, bfloat16 or float64"));
  }
  const bool aligned = reinterpret_cast<uintptr_t>(x.raw()) % (bits(dtype) / 8) == 0;
  const Tensor reachable = aligned ? x : x.clone();
  return dtype == DType::f64 ? narrowed(reachable) : reachable;
}

bool same_values(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

std::vector<std::string> in_natural_order(const std::set<std::string>& names) {
  std::vector<std::string> sorted(names.begin(), names.end());
  std::sort(sorted.begin(), sorted.end(), natural_less);
  return sorted;
}

}  // namespace

struct Weights::State {
  struct Entry {
    Tensor tensor;
    bool used = false;
  };

  WeightsOptions options;
  std::unordered_map<std::string, Entry> entries;     // by name after renaming
  std::unordered_map<std::string, std::string> tied;  // both directions
  std::unordered_map<std::string, Tensor> fresh;
  std::set<std::string> missing, known;
  std::map<std::string, LoadingReport::Mismatch> mismatched;
  /// Bytes that may still be made up: for absent tensors, and for mis-shaped ones that end in an
  /// Error anyway. A config's numbers alone never decide how much memory is taken.
  uint64_t fresh_budget = 0, doomed_budget = uint64_t{16} << 20;
  uint64_t bytes_taken = 0, bytes_total = 0;  // of the file, for the progress callback

  Entry* find_one(const std::string& name);
  Entry* find(const std::string& name);
  Tensor make_fresh(const std::string& name, const Shape& shape, Init init);
  Tensor make_doomed(const Shape& shape);
  [[noreturn]] void fail_mismatched() const;
};

/// The entry that Transformers would load into the parameter `name`.
Weights::State::Entry* Weights::State::find_one(const std::string& name) {
  const std::string prefix = options.base_model_prefix + ".";
  std::string candidates[3] = {name, prefix + name, {}};
  if (name.starts_with(prefix)) candidates[2] = name.substr(prefix.size());
  for (const std::string& candidate : candidates) {
    const auto it = entries.find(candidate);
    if (it != entries.end()) return &it->second;
  }
  return nullptr;
}

Weights::State::Entry* Weights::State::find(const std::string& name) {
  if (Entry* entry = find_one(name)) return entry;
  const auto other = tied.find(name);
  return other == tied.end() ? nullptr : find_one(other->second);
}

Tensor Weights::State::make_fresh(const std::string& name, const Shape& shape, Init init) {
  const auto other = tied.find(name);
  const std::string& key = other == tied.end() ? name : std::min(name, other->second);
  Tensor& tensor = fresh[key];
  if (tensor && tensor.shape() == shape) return tensor;
  const auto size = shape.bytes(DType::f32);
  if (!size || *size > fresh_budget) {
    fail(ErrorCode::invalid_argument,
         cat("'", name, "' of shape ", shape.to_string(),
             " is not in the checkpoint and is too large "
             "to be initialised beside it: does config.json belong to these weights?"));
  }
  fresh_budget -= *size;
  tensor = Tensor::empty(DType::f32, shape);
  float* out = tensor.data<float>();
  if (init == Init::normal) {
    fill_normal(out, shape.numel(), options.initializer_range, hash_name(key));
  } else {
    std::fill(out, out + shape.numel(), init == Init::ones ? 1.0f : 0.0f);
  }
  return tensor;
}

/// Stands in for a mis-shaped tensor until finish() has all of them to report.
Tensor Weights::State::make_doomed(const Shape& shape) {
  const auto size = shape.bytes(DType::f32);
  if (!size || *size > doomed_budget) fail_mismatched();
  doomed_budget -= *size;
  Tensor tensor = Tensor::empty(DType::f32, shape);
  std::memset(tensor.raw(), 0, *size);
  return tensor;
}

void Weights::State::fail_mismatched() const {
  std::string list;
  size_t shown = 0;
  for (const auto& [name, mismatch] : mismatched) {
    if (++shown > 20) break;
    list += cat("\n  ", name, ": ", mismatch.found, " in the file, ", mismatch.expected,
                " by the config");
  }
  if (mismatched.size() > 20) list += cat("\n  … and ", mismatched.size() - 20, " more");
  fail(ErrorCode::invalid_argument, cat(mismatched.size(),
                                        " tensors have another shape than config.json asks for "
                                        "(ignore_mismatched_sizes would initialise them afresh):",
                                        list));
}

Weights::Weights(const Checkpoint& checkpoint, WeightsOptions options)
    : state_(std::make_shared<State>()) {
  constexpr uint64_t kSmallestBudget = uint64_t{256} << 20;
  state_->fresh_budget = std::max(kSmallestBudget, checkpoint.bytes());
  state_->bytes_total = checkpoint.bytes();
  for (const Checkpoint::Entry& entry : checkpoint.entries()) {
    const std::string name = renamed(renamed(entry.name, kGlobalRenames), options.renames);
    state_->entries.try_emplace(name, State::Entry{entry.tensor});
  }
  state_->options = std::move(options);
}

Weights Weights::operator/(std::string_view scope) const {
  Weights inner = *this;
  if (!scope.empty()) inner.prefix_ = cat(prefix_, scope, ".");
  return inner;
}

Weights Weights::operator/(int64_t index) const {
  return *this / std::string_view(cat(index));
}

Tensor Weights::take(std::string_view name, const Shape& shape, Init init) const {
  const std::string full = prefix_ + std::string(name);
  State::Entry* entry = state_->find(full);
  if (!entry) {
    state_->missing.insert(full);
    return state_->make_fresh(full, shape, init);
  }
  if (!entry->used) {
    state_->bytes_taken += entry->tensor.bytes();
    progress("load", state_->bytes_taken, state_->bytes_total);
  }
  entry->used = true;
  if (entry->tensor.shape() == shape) return usable(entry->tensor, full);
  state_->mismatched[full] = {full, shape.to_string(), entry->tensor.shape().to_string()};
  return state_->options.ignore_mismatched_sizes ? state_->make_fresh(full, shape, init)
                                                 : state_->make_doomed(shape);
}

Tensor Weights::take_optional(std::string_view name, const Shape& shape) const {
  return has(name) ? take(name, shape) : Tensor();
}

bool Weights::has(std::string_view name) const {
  return state_->find(prefix_ + std::string(name)) != nullptr;
}

void Weights::ignore(std::string_view name) const {
  state_->known.insert(prefix_ + std::string(name));
}

void Weights::tie(std::string_view source, std::string_view target) const {
  const std::string a = prefix_ + std::string(source), b = prefix_ + std::string(target);
  State::Entry* first = state_->find_one(a);
  State::Entry* second = state_->find_one(b);
  if (!first || !second) {
    state_->tied[a] = b;
    state_->tied[b] = a;
    return;
  }
  first->used = second->used = true;
  if (!same_values(first->tensor, second->tensor)) {
    log(LogLevel::warning, cat("the config ties '", a, "' and '", b,
                               "', but the checkpoint has both with different values: not tied "
                               "(set tie_word_embeddings to false to silence this)"));
  }
}

LinearFormat Weights::format() const noexcept {
  return state_->options.format;
}

LoadingReport Weights::finish() const {
  if (!state_->mismatched.empty() && !state_->options.ignore_mismatched_sizes) {
    state_->fail_mismatched();
  }
  progress("load", state_->bytes_total, state_->bytes_total);
  const WeightsOptions& options = state_->options;
  std::set<std::string> missing, unexpected;
  for (const std::string& name : state_->missing) {
    if (!state_->known.contains(name) && !contains_any(name, options.ignore_missing))
      missing.insert(name);
  }
  for (const std::string& name : state_->known) {
    if (State::Entry* entry = state_->find_one(name)) entry->used = true;
  }
  for (const auto& [name, entry] : state_->entries) {
    const bool quiet =
        entry.used || is_buffer(name) || contains_any(name, options.ignore_unexpected);
    if (!quiet) unexpected.insert(name);
  }
  LoadingReport report;
  report.missing_keys = in_natural_order(missing);
  report.unexpected_keys = in_natural_order(unexpected);
  for (const auto& [name, mismatch] : state_->mismatched)
    report.mismatched_keys.push_back(mismatch);
  std::sort(report.mismatched_keys.begin(), report.mismatched_keys.end(),
            [](const auto& a, const auto& b) { return natural_less(a.name, b.name); });
  return report;
}

}  // namespace tern
