// SPDX-License-Identifier: Apache-2.0
#include "rope_parameters.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"

namespace tern {

namespace {

constexpr double kMost = 1e12;
constexpr int64_t kLongest = int64_t{1} << 40;

/// The description of one kind of layer, or the only one there is.
Config description(const Config& c, std::string_view layer_type) {
  for (const char* name : {"rope_scaling", "rope_parameters"}) {
    const hub::Json& found = c.json()[name];
    if (found.is_null()) continue;
    const std::string what = cat(c.what(), ": ", name);
    if (!layer_type.empty() && found[layer_type].is_object()) {
      return Config(found[layer_type], cat(what, ".", layer_type));
    }
    // One description of a model with two kinds of layers is that of those which see all keys.
    if (layer_type.empty() || layer_type == "full_attention") return Config(found, what);
  }
  return Config(hub::Json::object({}), c.what());
}

/// [pairs] factors of longrope.
std::vector<double> factors(const Config& rope, const char* name, int64_t pairs) {
  const auto& list = rope.json()[name].elements();
  if (static_cast<int64_t>(list.size()) != pairs) {
    fail(ErrorCode::invalid_argument, cat(rope.what(), ": '", name, "' has ", list.size(),
                                          " values, expected one for each of ", pairs, " pairs"));
  }
  std::vector<double> out;
  for (const hub::Json& value : list) {
    const auto x = value.number();
    if (!x || !(*x > 0) || !std::isfinite(*x)) {
      fail(ErrorCode::invalid_argument,
           cat(rope.what(), ": '", name, "' has ", value.dump(), ", expected a positive number"));
    }
    out.push_back(*x);
  }
  return out;
}

/// 0.1 · mscale · ln(factor) + 1 (Peng 2023).
double yarn_scale(double factor, double mscale) {
  return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

}  // namespace

RopeParameters::RopeParameters(const Config& c, const Defaults& defaults) {
  read(c, description(c, defaults.layer_type), defaults);
}

void RopeParameters::read(const Config& c, const Config& rope, const Defaults& defaults) {
  constexpr std::array<std::pair<std::string_view, Type>, 8> kTypes = {{
      {"default", Type::plain},
      {"linear", Type::linear},
      {"dynamic", Type::dynamic},
      {"yarn", Type::yarn},
      {"longrope", Type::longrope},
      {"su", Type::longrope},
      {"llama3", Type::llama3},
      {"proportional", Type::proportional},
  }};
  const std::string name = rope.string({"rope_type", "type"}, "default");
  const auto type = std::find_if(kTypes.begin(), kTypes.end(),
                                 [&](const auto& entry) { return entry.first == name; });
  if (type == kTypes.end()) {
    fail(ErrorCode::unsupported,
         cat(rope.what(), ": rope_type '", name, "' is not supported; default, linear, dynamic, ",
             "yarn, longrope, llama3 and proportional are"));
  }
  type_ = type->second;
  const double theta = c.number({defaults.theta_name}, defaults.theta, 1, kMost);
  theta_ = rope.number({"rope_theta"}, theta, 1, kMost);
  rotary_factor_ =
      rope.number({"partial_rotary_factor"},
                  c.number({defaults.factor_name}, defaults.partial_rotary_factor, 0, 1), 0, 1);
  head_dim_ = defaults.head_dim;
  const auto rotary = static_cast<int64_t>(static_cast<double>(head_dim_) * rotary_factor_);
  dims_ = type_ == Type::proportional ? head_dim_ : rotary;
  if (dims_ < 1 || 2 * pairs() > head_dim_) {
    fail(ErrorCode::invalid_argument,
         cat(c.what(), ": ", dims_, " rotary dimensions of a head of ", head_dim_,
             "; expected 1 or more, in pairs that the head holds"));
  }
  max_positions_ = static_cast<double>(c.integer({"max_position_embeddings"}, 2048, 1, kLongest));
  const bool needs_factor = type_ == Type::linear || type_ == Type::dynamic ||
                            type_ == Type::yarn || type_ == Type::llama3;
  const std::optional<double> no_factor = needs_factor ? std::nullopt : std::optional<double>(1);
  const auto original =
      static_cast<double>(rope.integer({"original_max_position_embeddings"},
                                       c.integer({"original_max_position_embeddings"},
                                                 static_cast<int64_t>(max_positions_), 1, kLongest),
                                       1, kLongest));
  original_positions_ = original;
  const double ratio = max_positions_ / original;
  factor_ = type_ == Type::longrope ? rope.number({"factor"}, ratio, 0, kMost)
                                    : rope.number({"factor"}, no_factor, 1e-6, kMost);
  beta_fast_ = rope.number({"beta_fast"}, 32, 1e-6, kMost);
  beta_slow_ = rope.number({"beta_slow"}, 1, 1e-6, kMost);
  truncate_ = rope.boolean({"truncate"}, true);
  low_freq_ = rope.number({"low_freq_factor"}, 1, 1e-6, kMost);
  high_freq_ = rope.number({"high_freq_factor"}, 4, 1e-6, kMost);
  if (type_ == Type::llama3 && !(high_freq_ > low_freq_)) {
    fail(ErrorCode::invalid_argument, cat(rope.what(), ": high_freq_factor ", high_freq_,
                                          " must be greater than low_freq_factor ", low_freq_));
  }
  if (type_ == Type::longrope) {
    long_factor_ = factors(rope, "long_factor", pairs());
    short_factor_ = factors(rope, "short_factor", pairs());
    attention_factor_ = factor_ <= 1 ? 1 : std::sqrt(1 + std::log(factor_) / std::log(original));
  }
  if (type_ == Type::yarn) {
    const double mscale = rope.number({"mscale"}, 0, 0, kMost);
    const double all = rope.number({"mscale_all_dim"}, 0, 0, kMost);
    attention_factor_ = mscale > 0 && all > 0
                            ? yarn_scale(factor_, mscale) / yarn_scale(factor_, all)
                            : yarn_scale(factor_, 1);
  }
  attention_factor_ = rope.number({"attention_factor"}, attention_factor_, 0, kMost);
}

/// θ^-(2i/d) for pair i, rounded as torch has it in f32.
std::vector<double> RopeParameters::plain(double theta) const {
  std::vector<double> out;
  const bool proportional = type_ == Type::proportional;
  const auto rotated =
      proportional ? static_cast<int64_t>(rotary_factor_ * static_cast<double>(head_dim_)) / 2
                   : pairs();
  for (int64_t i = 0; i < pairs(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(dims_);
    const double power = std::pow(static_cast<float>(theta), static_cast<double>(exponent));
    out.push_back(i < rotated ? double{1.0F / static_cast<float>(power)} : 0);
  }
  return out;
}

/// NTK by parts (Peng 2023): fast pairs keep their frequency, slow ones are interpolated.
std::vector<double> RopeParameters::yarn() const {
  const auto d = static_cast<double>(dims_);
  const auto dimension = [&](double rotations) {
    return d * std::log(original_positions_ / (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(theta_));
  };
  double low = dimension(beta_fast_), high = dimension(beta_slow_);
  if (truncate_) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, d - 1);
  if (low == high) high += 0.001;
  std::vector<double> out = plain(theta_);
  for (size_t k = 0; k < out.size(); ++k) {
    const double ramp = std::clamp((static_cast<double>(k) - low) / (high - low), 0.0, 1.0);
    out[k] = out[k] / factor_ * ramp + out[k] * (1 - ramp);
  }
  return out;
}

Rope RopeParameters::rope(int64_t length, DType dtype) const {
  const auto d = static_cast<double>(dims_);
  const auto tokens = static_cast<double>(length);
  double theta = theta_;
  if (type_ == Type::dynamic && dims_ > 2) {
    const double longest = std::max(tokens, max_positions_);
    theta *= std::pow(factor_ * longest / max_positions_ - (factor_ - 1), d / (d - 2));
  }
  std::vector<double> frequencies = type_ == Type::yarn ? yarn() : plain(theta);
  for (size_t k = 0; k < frequencies.size(); ++k) {
    double& f = frequencies[k];
    if (type_ == Type::linear || type_ == Type::proportional) f /= factor_;
    if (type_ == Type::longrope) {
      f /= is_long(length) ? long_factor_[k] : short_factor_[k];
    }
    if (type_ == Type::llama3) {
      const double rotations = original_positions_ * f / (2 * std::numbers::pi);
      const double smooth =
          std::clamp((rotations - low_freq_) / (high_freq_ - low_freq_), 0.0, 1.0);
      f = (1 - smooth) * f / factor_ + smooth * f;
    }
  }
  return Rope(std::vector<float>(frequencies.begin(), frequencies.end()),
              static_cast<float>(attention_factor_), dtype);
}

LayerRopes::LayerRopes(std::vector<RopeParameters> kinds, DType dtype)
    : kinds_(std::move(kinds)), dtype_(dtype) {
  for (const RopeParameters& kind : kinds_) fixed_.push_back(kind.rope(1, dtype));
}

int64_t LayerRopes::regime(int64_t length) const noexcept {
  return std::count_if(kinds_.begin(), kinds_.end(),
                       [&](const RopeParameters& kind) { return kind.is_long(length); });
}

bool LayerRopes::depends_on_length() const noexcept {
  return std::any_of(kinds_.begin(), kinds_.end(),
                     [](const RopeParameters& kind) { return kind.depends_on_length(); });
}

std::vector<RopeAngles> LayerRopes::angles(Context& ctx, std::span<const int64_t> positions,
                                           int64_t length) const {
  if (length == 0) {
    for (const int64_t p : positions) length = std::max(length, p + 1);
  }
  std::vector<RopeAngles> out;
  for (size_t i = 0; i < kinds_.size(); ++i) {
    const bool fixed = !kinds_[i].depends_on_length();
    out.push_back((fixed ? fixed_[i] : kinds_[i].rope(length, dtype_)).angles(ctx, positions));
  }
  return out;
}

}  // namespace tern
