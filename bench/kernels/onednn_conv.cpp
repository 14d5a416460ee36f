// SPDX-License-Identifier: Apache-2.0
// The baseline oneDNN: its direct convolution primitive with every layout left to its choice.
// Winograd is used by oneDNN only when asked for and is not asked for.
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "conv_baseline.h"
#include "one_thread.h"

namespace tern::bench {

namespace {

struct Conv {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::convolution_forward primitive;
  std::unordered_map<int, dnnl::memory> args;
  std::string implementation;

  Conv(const Convolution& c, kernels::Format format) {
    using dnnl::memory;
    using Tag = memory::format_tag;
    const auto type = format == kernels::Format::f32 ? memory::data_type::f32
                                                     : memory::data_type::bf16;
    const long out_h = (c.in_h + 2 * c.pad_h - c.kernel_h) / c.stride_h + 1;
    const long out_w = (c.in_w + 2 * c.pad_w - c.kernel_w) / c.stride_w + 1;
    memory::dims weights = {c.out_c, c.in_c / c.groups, c.kernel_h, c.kernel_w};
    if (c.groups > 1) {
      weights = {c.groups, c.out_c / c.groups, c.in_c / c.groups, c.kernel_h, c.kernel_w};
    }
    const dnnl::convolution_forward::desc desc(
        dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
        memory::desc({1, c.in_c, c.in_h, c.in_w}, type, Tag::any),
        memory::desc(weights, type, Tag::any),
        memory::desc({c.out_c}, memory::data_type::f32, Tag::a),
        memory::desc({1, c.out_c, out_h, out_w}, type, Tag::any), {c.stride_h, c.stride_w},
        {c.pad_h, c.pad_w}, {c.pad_h, c.pad_w});
    const dnnl::convolution_forward::primitive_desc chosen(desc, engine);
    implementation = chosen.impl_info_str();
    primitive = dnnl::convolution_forward(chosen);
    args = {{DNNL_ARG_SRC, zeros(chosen.src_desc())},
            {DNNL_ARG_WEIGHTS, zeros(chosen.weights_desc())},
            {DNNL_ARG_BIAS, zeros(chosen.bias_desc())},
            {DNNL_ARG_DST, zeros(chosen.dst_desc())}};
  }

  // The time of these kernels does not depend on the values.
  dnnl::memory zeros(const dnnl::memory::desc& desc) {
    dnnl::memory m(desc, engine);
    char* bytes = static_cast<char*>(m.get_data_handle());
    for (size_t i = 0; i < desc.get_size(); i++) bytes[i] = 0;
    return m;
  }
};

}  // namespace

ConvBaseline onednn_convolution(const Convolution& c, kernels::Format format) {
  use_one_thread();
  try {
    auto conv = std::make_shared<Conv>(c, format);
    return {[conv] {
              conv->primitive.execute(conv->stream, conv->args);
              conv->stream.wait();
            },
            conv->implementation};
  } catch (const dnnl::error&) {
    return {};  // this CPU has no bf16 there
  }
}

}  // namespace tern::bench
