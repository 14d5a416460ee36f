// SPDX-License-Identifier: Apache-2.0
// WeightStream: weights that stay in their file (disk offload). A Linear multiplies by them there
// and lets them go; those of the Linears made after it, which mostly run next, are read
// ahead meanwhile. The loading thread adds and joins; then any thread enters.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "tensor.h"

namespace tern {

class TERN_API WeightStream {
 public:
  /// w, a view of a file's mapping, stays there.
  void add(const Tensor& w, std::string name);
  /// Whether all of these were added.
  bool has(std::span<const Tensor> weights) const;
  /// A matrix of added weights takes its place in the order: its number.
  size_t join(std::vector<Tensor> weights);
  const std::vector<Tensor>& weights(size_t number) const { return order_[number]; }

  /// Reads in the weights of a matrix, and asks for those behind it: the next matrix, and as many
  /// more as have kAhead bytes, but for what the matrix before asked for. io when the file has been
  /// cut or its disk fails.
  void enter(size_t number) const;
  static constexpr uint64_t kAhead = uint64_t{64} << 20;

 private:
  size_t ahead_of(size_t number) const;
  std::unordered_map<const std::byte*, std::string> names_;
  std::vector<std::vector<Tensor>> order_;
};

}  // namespace tern
