// SPDX-License-Identifier: Apache-2.0
// Every conv variant this CPU can run, generic left out, on the convolutions of ResNet-50,
// ResNeXt-101 32x8d, ConvNeXt, ViT, wav2vec2 and Whisper, one image, one thread. GFLOP/s counts
// only taps inside the image, and all of them where Winograd makes fewer multiplications: its
// `ceiling` may exceed 1; the label is the kernel that oneDNN picked.
#include "../../kernels/conv/conv.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>

#include "conv_baseline.h"
#include "measure.h"

namespace {

using namespace tern;
using bench::Buffer;
using bench::Convolution;
using kernels::ConvTable;
using kernels::Format;

const Convolution kConvolutions[] = {
    // name, in h w c, out c, kernel, stride, padding, groups
    {"resnet_3x3", 56, 56, 64, 64, 3, 3, 1, 1, 1, 1, 1},
    {"resnet_3x3", 28, 28, 128, 128, 3, 3, 1, 1, 1, 1, 1},
    {"resnet_3x3", 14, 14, 256, 256, 3, 3, 1, 1, 1, 1, 1},
    {"resnet_3x3", 7, 7, 512, 512, 3, 3, 1, 1, 1, 1, 1},
    {"resnet_3x3s2", 56, 56, 128, 128, 3, 3, 2, 2, 1, 1, 1},
    {"resnet_3x3s2", 28, 28, 256, 256, 3, 3, 2, 2, 1, 1, 1},
    {"resnet_3x3s2", 14, 14, 512, 512, 3, 3, 2, 2, 1, 1, 1},
    {"resnext_g32", 56, 56, 256, 256, 3, 3, 1, 1, 1, 1, 32},
    {"resnext_g32", 28, 28, 512, 512, 3, 3, 1, 1, 1, 1, 32},
    {"resnext_g32", 14, 14, 1024, 1024, 3, 3, 1, 1, 1, 1, 32},
    {"resnext_g32", 7, 7, 2048, 2048, 3, 3, 1, 1, 1, 1, 32},
    {"resnext_g32s2", 56, 56, 512, 512, 3, 3, 2, 2, 1, 1, 32},
    {"resnext_g32s2", 28, 28, 1024, 1024, 3, 3, 2, 2, 1, 1, 32},
    {"resnext_g32s2", 14, 14, 2048, 2048, 3, 3, 2, 2, 1, 1, 32},
    {"wav2vec2_k10s5", 1, 16000, 1, 512, 1, 10, 1, 5, 0, 0, 1},
    {"wav2vec2_k3s2", 1, 3199, 512, 512, 1, 3, 1, 2, 0, 0, 1},
    {"wav2vec2_k3s2", 1, 399, 512, 512, 1, 3, 1, 2, 0, 0, 1},
    {"wav2vec2_k2s2", 1, 199, 512, 512, 1, 2, 1, 2, 0, 0, 1},
    {"wav2vec2_pos", 1, 49, 768, 768, 1, 128, 1, 1, 0, 64, 16},
    {"whisper_k3s1", 1, 3000, 80, 384, 1, 3, 1, 1, 0, 1, 1},
    {"whisper_k3s2", 1, 3000, 384, 384, 1, 3, 1, 2, 0, 1, 1},
    {"stem_7x7s2", 224, 224, 3, 64, 7, 7, 2, 2, 3, 3, 1},
    {"vit_patch16", 224, 224, 3, 768, 16, 16, 16, 16, 0, 0, 1},
    {"resnet_1x1", 56, 56, 64, 256, 1, 1, 1, 1, 0, 0, 1},
    {"resnet_1x1", 56, 56, 256, 64, 1, 1, 1, 1, 0, 0, 1},
    {"resnet_1x1", 14, 14, 1024, 256, 1, 1, 1, 1, 0, 0, 1},
    {"resnet_1x1s2", 56, 56, 256, 512, 1, 1, 2, 2, 0, 0, 1},
    {"convnext_dw7", 56, 56, 96, 96, 7, 7, 1, 1, 3, 3, 96},
    {"convnext_dw7", 28, 28, 192, 192, 7, 7, 1, 1, 3, 3, 192},
    {"convnext_dw7", 14, 14, 384, 384, 7, 7, 1, 1, 3, 3, 384},
    {"convnext_dw7", 7, 7, 768, 768, 7, 7, 1, 1, 3, 3, 768},
};

// Zeros; when `values`, uniform in [-1, 1] of the format.
Buffer make(size_t bytes, Format format, bool values) {
  Buffer p(bytes);
  std::mt19937 rng(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  const size_t element = format == Format::f32 ? 4 : 2;
  std::memset(p.get(), 0, bytes);
  for (size_t i = 0; values && i + element <= bytes; i += element) {
    const float v = uniform(rng);  // bf16: its upper half
    std::memcpy(p.get() + i, reinterpret_cast<const char*>(&v) + 4 - element, element);
  }
  return p;
}

long out_size(long in, long pad, long kernel, long stride) {
  return (in + 2 * pad - kernel) / stride + 1;
}

// Pairs of an output position and a tap inside the image, along one dimension.
double taps_inside(long in, long out, long pad, long kernel, long stride) {
  double count = 0;
  for (long i = 0; i < out; i++) {
    for (long k = 0; k < kernel; k++) {
      const long at = i * stride - pad + k;
      count += at >= 0 && at < in;
    }
  }
  return count;
}

void run(benchmark::State& state, const ConvTable& table, const Convolution& c) {
  const long out_h = out_size(c.in_h, c.pad_h, c.kernel_h, c.stride_h);
  const long out_w = out_size(c.in_w, c.pad_w, c.kernel_w, c.stride_w);
  const bool planar = c.in_c == 3;
  const kernels::ConvShape s = {c.in_h,     c.in_w,     c.in_c,     out_h,      out_w,   c.out_c,
                                c.kernel_h, c.kernel_w, c.stride_h, c.stride_w, c.pad_h, c.pad_w,
                                1,          1,          c.groups,   planar};
  const size_t element = table.x_format == Format::f32 ? 4 : 2;
  const size_t pixels = static_cast<size_t>(c.in_h * c.in_w);
  const Buffer x = make(pixels * static_cast<size_t>(c.in_c) * element, table.x_format, true);
  const long weights = c.out_c * (c.in_c / c.groups) * c.kernel_h * c.kernel_w;
  const Buffer w = make(static_cast<size_t>(weights) * 4, Format::f32, true);
  const Buffer packed = make(table.packed_bytes(s), Format::f32, false);
  const Buffer bias = make(static_cast<size_t>(c.out_c) * 4, Format::f32, true);
  const Buffer y = make(static_cast<size_t>(out_h * out_w * c.out_c) * element, Format::f32, false);
  const Buffer scratch = make(table.scratch_bytes(s), Format::f32, false);
  table.pack({&s, w.get(), Format::f32, nullptr, packed.get(), 0, table.panels(s)});
  kernels::ConvArgs args = {};
  args.shape = &s;
  args.x = x.get();
  args.x_row = planar ? c.in_w : c.in_w * c.in_c;
  args.x_pixel = planar ? 1 : c.in_c;
  args.x_channel = planar ? c.in_h * c.in_w : 1;
  args.w = packed.get();
  args.y = y.get();
  args.y_format = table.x_format;
  args.y_row = out_w * c.out_c;
  args.y_pixel = c.out_c;
  args.bias = bias.as<const float>();
  args.scratch = scratch.get();
  args.row_end = out_h;
  args.column_end = out_w;
  args.panel_end = table.panels(s);

  const bench::ConvBaseline onednn = bench::onednn_convolution(c, table.x_format);
  bench::Contestant kernel([&] { table.run(args); }), other(onednn.call);
  double ceiling = 0;
  for (auto _ : state) {
    state.SetIterationTime(kernel.window());
    ceiling = std::max(ceiling, bench::multiply_add_rate(table.isa));
    other.window();
  }
  const double rate = 2 * taps_inside(c.in_h, out_h, c.pad_h, c.kernel_h, c.stride_h) *
                      taps_inside(c.in_w, out_w, c.pad_w, c.kernel_w, c.stride_w) *
                      static_cast<double>(c.out_c * c.in_c / c.groups) / kernel.best();
  state.counters["GFLOP/s"] = rate / 1e9;
  if (ceiling > 0) state.counters["ceiling"] = rate / ceiling;
  if (other.present()) state.counters["onednn"] = other.best() / kernel.best();
  state.SetLabel(onednn.implementation);
}

const bool kRegistered = [] {
  for (Format format : {Format::f32, Format::bf16}) {
    for (const ConvTable* table : kernels::conv_variants(format)) {
      if (!kernels::runs_at(*table, kernels::hardware_isa())) continue;
      if (table->isa == kernels::Isa::generic) continue;  // seconds per call
      for (const Convolution& c : kConvolutions) {
        const std::string name = std::string(table->name) + "/layer:" + c.name +
                                 "/h:" + std::to_string(c.in_h) + "/w:" + std::to_string(c.in_w) +
                                 "/c:" + std::to_string(c.in_c) + "/o:" + std::to_string(c.out_c);
        benchmark::RegisterBenchmark(name.c_str(), run, std::cref(*table), std::cref(c))
            ->UseManualTime()
            ->Iterations(bench::windows(25));
      }
    }
  }
  return true;
}();

}  // namespace
