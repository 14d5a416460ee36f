// SPDX-License-Identifier: Apache-2.0
// The baseline oneDNN: its matmul primitive with weights reordered once into the layout it asks
// for.
#include <dlfcn.h>

#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "baselines.h"

namespace tern::bench {

namespace {

// oneDNN runs on OpenMP and has no setting of its own for the number of threads.
void use_one_thread() {
  using SetThreads = void (*)(int);
  void* symbol = dlsym(RTLD_DEFAULT, "omp_set_num_threads");
  if (symbol) reinterpret_cast<SetThreads>(symbol)(1);
}

struct Matmul {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::matmul primitive;
  std::unordered_map<int, dnnl::memory> args;

  explicit Matmul(const Product& p) {
    using dnnl::memory;
    const auto type =
        p.format == kernels::Format::f32 ? memory::data_type::f32 : memory::data_type::bf16;
    const memory::desc x({p.m, p.k}, type, memory::format_tag::ab);
    const memory::desc w({p.k, p.n}, type, memory::format_tag::ba);
    const memory::desc any({p.k, p.n}, type, memory::format_tag::any);
    const memory::desc y({p.m, p.n}, memory::data_type::f32, memory::format_tag::ab);
    const dnnl::matmul::primitive_desc chosen(dnnl::matmul::desc(x, any, y), engine);
    memory given(w, engine, const_cast<void*>(p.w));
    memory own(chosen.weights_desc(), engine);
    dnnl::reorder(given, own).execute(stream, given, own);
    stream.wait();
    primitive = dnnl::matmul(chosen);
    args = {{DNNL_ARG_SRC, memory(x, engine, const_cast<void*>(p.x))},
            {DNNL_ARG_WEIGHTS, own},
            {DNNL_ARG_DST, memory(y, engine, p.y)}};
  }
};

}  // namespace

std::function<void()> onednn_product(const Product& p) {
  use_one_thread();
  try {
    auto matmul = std::make_shared<Matmul>(p);
    return [matmul] {
      matmul->primitive.execute(matmul->stream, matmul->args);
      matmul->stream.wait();
    };
  } catch (const dnnl::error&) {
    return {};  // this CPU has no bf16 there
  }
}

}  // namespace tern::bench
