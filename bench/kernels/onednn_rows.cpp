// SPDX-License-Identifier: Apache-2.0
// The baseline oneDNN for row operations: layer_normalization, softmax, eltwise, binary, reorder.
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "one_thread.h"
#include "rows_baseline.h"

namespace tern::bench {

namespace {

using dnnl::algorithm;
using dnnl::memory;

struct Work {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::primitive primitive;
  std::unordered_map<int, memory> args;

  explicit Work(const RowWork& w) {
    const bool from_bf16 = w.op == RowOp::bf16_to_f32, to_bf16 = w.op == RowOp::f32_to_bf16;
    const memory x = matrix(w, from_bf16, w.x), y = matrix(w, to_bf16, w.y);
    args = {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}};
    const memory::desc desc = x.get_desc();
    constexpr auto kForward = dnnl::prop_kind::forward_inference;
    if (w.op == RowOp::layer_norm) {
      const auto flags =
          dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;
      primitive =
          dnnl::layer_normalization_forward(dnnl::layer_normalization_forward::primitive_desc(
              {kForward, desc, 1e-12f, flags}, engine));
      args.insert({DNNL_ARG_SCALE, vector(w.cols, 1.5f)});
      args.insert({DNNL_ARG_SHIFT, vector(w.cols, 0.5f)});
    } else if (w.op == RowOp::softmax) {
      primitive =
          dnnl::softmax_forward(dnnl::softmax_forward::primitive_desc({kForward, desc, 1}, engine));
    } else if (w.op == RowOp::add) {
      primitive = dnnl::binary(
          dnnl::binary::primitive_desc({algorithm::binary_add, desc, desc, y.get_desc()}, engine));
      args = {{DNNL_ARG_SRC_0, x}, {DNNL_ARG_SRC_1, y}, {DNNL_ARG_DST, y}};
    } else if (from_bf16 || to_bf16) {
      primitive = dnnl::reorder(x, y);
      args = {{DNNL_ARG_FROM, x}, {DNNL_ARG_TO, y}};
    } else {
      primitive = dnnl::eltwise_forward(dnnl::eltwise_forward::primitive_desc(
          {kForward, eltwise(w.op), desc, w.op == RowOp::silu ? 1.0f : 0.0f, 0.0f}, engine));
    }
  }

  memory matrix(const RowWork& w, bool bf16, void* data) const {
    const auto type = bf16 ? memory::data_type::bf16 : memory::data_type::f32;
    return memory({{w.rows, w.cols}, type, memory::format_tag::ab}, engine, data);
  }

  memory vector(long n, float value) const {
    memory m({{n}, memory::data_type::f32, memory::format_tag::a}, engine);
    float* to = static_cast<float*>(m.get_data_handle());
    for (long i = 0; i < n; ++i) to[i] = value;
    return m;
  }

  static algorithm eltwise(RowOp op) {
    switch (op) {
      case RowOp::gelu:
        return algorithm::eltwise_gelu_erf;
      case RowOp::gelu_tanh:
        return algorithm::eltwise_gelu_tanh;
      case RowOp::tanh:
        return algorithm::eltwise_tanh;
      case RowOp::silu:
        return algorithm::eltwise_swish;
      case RowOp::sigmoid:
        return algorithm::eltwise_logistic;
      default:
        return algorithm::eltwise_relu;
    }
  }
};

}  // namespace

std::function<void()> onednn_rows(const RowWork& w) {
  if (w.op == RowOp::other) return {};
  use_one_thread();
  try {
    auto work = std::make_shared<Work>(w);
    return [work] {
      work->primitive.execute(work->stream, work->args);
      work->stream.wait();
    };
  } catch (const dnnl::error&) {
    return {};  // this CPU has no bf16 there
  }
}

}  // namespace tern::bench
