// SPDX-License-Identifier: Apache-2.0
// The baseline oneDNN: its matmul primitive with weights reordered once into the layout it asks
// for, and for W8A8 its reorder primitive as the quantiser.
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <vector>

#include "baselines.h"
#include "one_thread.h"

namespace tern::bench {

namespace {

using Args = std::unordered_map<int, dnnl::memory>;
using dnnl::memory;

struct Primitive {
  dnnl::primitive run;
  Args args;
};

/// Primitives in the order in which one call executes them.
struct Call {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::vector<Primitive> steps;

  /// rows · cols elements at `data`, row-major or, `transposed`, column-major.
  memory matrix(long rows, long cols, memory::data_type type, const void* data,
                bool transposed = false) {
    const auto order = transposed ? memory::format_tag::ba : memory::format_tag::ab;
    return {{{rows, cols}, type, order}, engine, const_cast<void*>(data)};
  }

  void add_matmul(const memory& x, memory w, const memory& y, const dnnl::primitive_attr& attr) {
    const memory::desc given = w.get_desc();
    const memory::desc any(given.dims(), given.data_type(), memory::format_tag::any);
    const dnnl::matmul::primitive_desc chosen({x.get_desc(), any, y.get_desc()}, attr, engine);
    memory own(chosen.weights_desc(), engine);
    dnnl::reorder(w, own).execute(stream, w, own);
    stream.wait();
    steps.push_back(
        {dnnl::matmul(chosen), {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, own}, {DNNL_ARG_DST, y}}});
  }

  void operator()() {
    for (const Primitive& step : steps) step.run.execute(stream, step.args);
    stream.wait();
  }
};

constexpr auto f32 = memory::data_type::f32;

void build(Call& call, const Product& p) {
  const auto type = p.format == kernels::Format::f32 ? f32 : memory::data_type::bf16;
  call.add_matmul(call.matrix(p.m, p.k, type, p.x), call.matrix(p.k, p.n, type, p.w, true),
                  call.matrix(p.m, p.n, f32, p.y), {});
}

void build(Call& call, const Int8Product& p) {
  memory x = call.matrix(p.m, p.k, memory::data_type::u8, p.x);
  if (p.x_floats) {
    memory floats = call.matrix(p.m, p.k, f32, p.x_floats);
    x = memory(x.get_desc(), call.engine);
    dnnl::primitive_attr quantise;
    quantise.set_output_scales(0, {1 / p.x_scale});
    call.steps.push_back(
        {dnnl::reorder(floats, x, quantise), {{DNNL_ARG_FROM, floats}, {DNNL_ARG_TO, x}}});
  }
  std::vector<float> scales(p.w_scales, p.w_scales + p.n);
  for (float& scale : scales) scale *= p.x_scale;
  constexpr int kPerColumn = 1 << 1;
  dnnl::primitive_attr dequantise;
  dequantise.set_output_scales(kPerColumn, scales);
  call.add_matmul(x, call.matrix(p.k, p.n, memory::data_type::s8, p.w, true),
                  call.matrix(p.m, p.n, f32, p.y), dequantise);
}

/// Empty where the library cannot do it, for want of bf16 in this CPU for example.
std::function<void()> call_of(const auto& product) {
  use_one_thread();
  try {
    auto call = std::make_shared<Call>();
    build(*call, product);
    return [call] { (*call)(); };
  } catch (const dnnl::error&) {
    return {};
  }
}

}  // namespace

std::function<void()> onednn_product(const Product& p) {
  return call_of(p);
}

std::function<void()> onednn_int8_product(const Int8Product& p) {
  return call_of(p);
}

std::string onednn_version() {
  const dnnl_version_t* v = dnnl::version();
  return std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
}

}  // namespace tern::bench
