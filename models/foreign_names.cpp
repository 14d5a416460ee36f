// SPDX-License-Identifier: Apache-2.0
#include "foreign_names.h"

#include <algorithm>
#include <array>
#include <vector>

namespace tern {

namespace {

constexpr std::string_view kKernel = "kernel", kDepthwise = "depthwise_kernel",
                           kPointwise = "pointwise_kernel";

/// The axes of a kernel; of a depthwise one only TensorFlow has.
AxisOrder kernel_order(size_t rank, bool depthwise = false) {
  if (rank != 4) return AxisOrder::reversed;
  return depthwise ? AxisOrder::depthwise : AxisOrder::image;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

std::vector<std::string_view> split(std::string_view name) {
  std::vector<std::string_view> levels;
  while (true) {
    const size_t slash = name.find('/');
    levels.push_back(name.substr(0, slash));
    if (slash == name.npos) return levels;
    name.remove_prefix(slash + 1);
  }
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// "mlm___cls", which two layers of TensorFlow need for what is one here, becomes "cls". Not for
/// the first and the last level, nor for one that follows another of the kind.
void drop_marks(std::vector<std::string_view>& levels) {
  for (size_t i = 1; i + 1 < levels.size(); ++i) {
    const size_t mark = levels[i].rfind("___");
    if (mark == std::string_view::npos) continue;
    levels[i].remove_prefix(mark + 3);
    ++i;
  }
}

std::string joined(const std::vector<std::string_view>& levels, char between) {
  std::string out;
  for (const std::string_view level : levels) {
    if (!out.empty()) out += between;
    out += level;
  }
  return out;
}

struct LastLevel {
  std::string_view tensorflow, here;
};
constexpr LastLevel kLastLevels[] = {{kKernel, "weight"},
                                     {"embeddings", "weight"},
                                     {"gamma", "weight"},
                                     {"beta", "bias"},
                                     {"moving_mean", "running_mean"},
                                     {"moving_variance", "running_var"},
                                     {kPointwise, "pointwise.weight"},
                                     {kDepthwise, "depthwise.weight"}};

}  // namespace

ForeignName name_from_flax(std::string_view name, size_t rank) {
  const size_t dot = name.rfind('.');
  const std::string_view last = dot == name.npos ? name : name.substr(dot + 1);
  const std::string scope(name.substr(0, name.size() - last.size()));
  if (last == kKernel) return {scope + "weight", kernel_order(rank)};
  if (last == "scale" || last == "embedding") return {scope + "weight"};
  if (contains(last, "mean")) return {scope + "running_mean"};
  if (contains(last, "var")) return {scope + "running_var"};
  return {std::string(name)};
}

ForeignName name_from_tensorflow(std::string_view name, size_t rank) {
  std::string text(name);
  replace_all(text, ":0", "");
  std::vector<std::string_view> marked = split(text);
  drop_marks(marked);
  std::string plain = joined(marked, '/');
  replace_all(plain, "_._", "/");
  std::vector<std::string_view> levels = split(plain);
  std::erase(levels, std::string_view());
  if (levels.empty()) return {std::string(name)};
  if (levels.size() > 1) levels.erase(levels.begin());  // the model's own scope

  const auto has_level = [&](std::string_view level) {
    return std::find(levels.begin(), levels.end(), level) != levels.end();
  };
  std::string_view& last = levels.back();
  ForeignName out;
  const bool kernel = last == kKernel || last == kPointwise || last == kDepthwise;
  if (kernel) {
    out.order = kernel_order(rank, last == kDepthwise);
  } else if (has_level("emb_projs") || has_level("out_projs")) {
    out.order = AxisOrder::reversed;
  }
  for (const LastLevel& rule : kLastLevels) {
    if (last != rule.tensorflow) continue;
    last = rule.here;
    break;
  }
  out.name = joined(levels, '.');
  return out;
}

Tensor with_axes(const Tensor& stored, AxisOrder order) {
  const size_t rank = stored.shape().rank();
  if (order == AxisOrder::same || rank < 2) return stored;
  std::array<size_t, Shape::kMaxRank> from{};
  for (size_t i = 0; i < rank; ++i) from[i] = rank - 1 - i;
  if (order == AxisOrder::image) from = {3, 2, 0, 1};
  if (order == AxisOrder::depthwise) from = {2, 3, 0, 1};
  std::array<int64_t, Shape::kMaxRank> dims{}, strides{};
  for (size_t i = 0; i < rank; ++i) {
    dims[i] = stored.dim(from[i]);
    strides[i] = stored.stride(from[i]);
  }
  const auto offset = static_cast<size_t>(stored.raw() - stored.storage()->data());
  return Tensor(stored.storage(), stored.dtype(), Shape(std::span(dims).first(rank)),
                std::span<const int64_t>(strides).first(rank), offset);
}

}  // namespace tern
