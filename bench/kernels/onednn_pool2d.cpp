// SPDX-License-Identifier: Apache-2.0
// The baseline oneDNN for pooling over windows.
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>

#include "one_thread.h"
#include "pool2d_baseline.h"

namespace tern::bench {

std::function<void()> onednn_pooling(const Pooling& p, float* x, float* y) {
  using dnnl::memory;
  use_one_thread();
  try {
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    const auto image = [&](long h, long w, float* data) {
      return memory({{1, p.channels, h, w}, memory::data_type::f32, memory::format_tag::nhwc},
                    engine, data);
    };
    const memory source = image(p.in_h, p.in_w, x), result = image(p.out_h(), p.out_w(), y);
    const memory::dims stride = {p.stride, p.stride}, kernel = {p.kernel, p.kernel},
                       pad = {p.pad, p.pad};
    const auto algorithm =
        p.max ? dnnl::algorithm::pooling_max : dnnl::algorithm::pooling_avg_exclude_padding;
    auto pool = std::make_shared<dnnl::pooling_forward>(dnnl::pooling_forward::primitive_desc(
        {dnnl::prop_kind::forward_inference, algorithm, source.get_desc(), result.get_desc(),
         stride, kernel, pad, pad},
        engine));
    return [pool, source, result, stream = dnnl::stream(engine)]() mutable {
      pool->execute(stream, {{DNNL_ARG_SRC, source}, {DNNL_ARG_DST, result}});
      stream.wait();
    };
  } catch (const dnnl::error&) {
    return {};
  }
}

}  // namespace tern::bench
