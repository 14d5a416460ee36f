// SPDX-License-Identifier: Apache-2.0
// Sparse mixture of experts (Shazeer 2017; Jiang 2024): a router's softmax over all experts, of
// which the k greatest are kept and scaled to sum 1; their outputs are added in ascending order of
// experts, so that a token's sum has the same bits in any batch.
#include <algorithm>
#include <numeric>

#include "decoder.h"

namespace tern {

namespace {

struct Expert {
  Linear gate_up, down;
};

/// Of one token: which experts, and how much of each.
struct Choice {
  int64_t expert;
  float share;
};

class Experts final : public FeedForward {
 public:
  Experts(const DecoderSizes& s, const Weights& w)
      : router_(make_router(s, w)), act_(s.act), chosen_(s.experts_per_token) {
    for (int64_t i = 0; i < s.experts; ++i) {
      const Weights e = w / "experts" / i;
      const auto take = [&](const char* name) {
        return (e / name).take_matrix("weight", {s.intermediate, s.hidden});
      };
      experts_.push_back({Linear::gate_up({.gate = take("w1"), .up = take("w3")}, w.format()),
                          make_linear(e / "w2", s.intermediate, s.hidden, false)});
    }
  }

  Tensor run(Context& ctx, const Tensor& x, const Tensor& residual) const override {
    const Tensor wide = x.dtype() == DType::f32 ? x : convert(ctx, x, DType::f32);
    const Tensor shares = softmax(ctx, router_(ctx, wide));  // [tokens, experts]
    const std::vector<Choice> choices = choose(shares);      // [tokens · chosen]
    Tensor sum = ctx.arena().tensor(DType::f32, wide.shape());
    std::fill_n(sum.data<float>(), sum.numel(), 0.0F);
    for (size_t e = 0; e < experts_.size(); ++e) {
      std::vector<int64_t> rows;
      std::vector<float> factors;
      for (size_t i = 0; i < choices.size(); ++i) {
        if (choices[i].expert != static_cast<int64_t>(e)) continue;
        rows.push_back(static_cast<int64_t>(i) / chosen_);
        factors.push_back(choices[i].share);
      }
      if (rows.empty()) continue;
      const Tensor h = experts_[e].gate_up(ctx, gather_rows(ctx, wide, rows),
                                           {.act = act_, .gate = true, .matmul_input = true});
      scatter_add(ctx, experts_[e].down(ctx, h), rows, factors, sum);
    }
    return residual ? add(ctx, residual, sum) : sum;
  }

 private:
  /// The router decides, so it is never quantised.
  static Linear make_router(const DecoderSizes& s, const Weights& w) {
    return Linear((w / "gate").take("weight", {s.experts, s.hidden}), Tensor(),
                  LinearFormat::of(DType::f32));
  }

  /// Of equals the first, as torch.topk on a CPU.
  std::vector<Choice> choose(const Tensor& shares) const {
    const int64_t tokens = shares.dim(0), experts = shares.dim(1);
    std::vector<Choice> out;
    std::vector<int64_t> order(static_cast<size_t>(experts));
    for (int64_t t = 0; t < tokens; ++t) {
      const float* row = shares.data<float>() + t * experts;
      std::iota(order.begin(), order.end(), 0);
      std::partial_sort(
          order.begin(), order.begin() + chosen_, order.end(),
          [&](int64_t a, int64_t b) { return row[a] > row[b] || (!(row[a] < row[b]) && a < b); });
      float sum = 0;
      for (int64_t i = 0; i < chosen_; ++i) sum += row[order[static_cast<size_t>(i)]];
      for (int64_t i = 0; i < chosen_; ++i) {
        const int64_t e = order[static_cast<size_t>(i)];
        out.push_back({e, row[e] / sum});
      }
    }
    return out;
  }

  Linear router_;
  std::vector<Expert> experts_;
  Act act_;
  int64_t chosen_;
};

}  // namespace

std::unique_ptr<FeedForward> make_experts(const DecoderSizes& sizes, const Weights& w) {
  return std::make_unique<Experts>(sizes, w);
}

}  // namespace tern
