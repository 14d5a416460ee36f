// SPDX-License-Identifier: Apache-2.0
// Every pool2d variant this CPU can run, on ResNet's stem, on AlexNet's second maximum
// (27 x 27 from 55 x 55, here of 192 channels), on ResNet's global average and on the halving
// average of its variant D and of DenseNet; one image, channels-last. Counters of README.md; images
// lie in the caches that hold them.
#include "../../kernels/pool2d/pool2d.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "measure.h"
#include "pool2d_baseline.h"

namespace {

using namespace tern;
using bench::Pooling;
using kernels::Pool2dMode;
using kernels::Pool2dTable;

const Pooling kPoolings[] = {
    // name, in h w c, kernel, stride, padding, max
    {"max_3x3s2", 112, 112, 64, 3, 2, 1, true},     {"max_3x3s2", 55, 55, 192, 3, 2, 0, true},
    {"average_2x2s2", 56, 56, 256, 2, 2, 0, false}, {"average_2x2s2", 14, 14, 1024, 2, 2, 0, false},
    {"global_average", 7, 7, 2048, 7, 1, 0, false},
};

kernels::Pool2dArgs args_of(const Pooling& p, const float* x, float* y) {
  kernels::Pool2dArgs a = {};
  a.in_h = p.in_h;
  a.in_w = p.in_w;
  a.channels = p.channels;
  a.out_h = a.row_end = p.out_h();
  a.out_w = p.out_w();
  a.kernel_h = a.kernel_w = p.kernel;
  a.stride_h = a.stride_w = p.stride;
  a.pad_top = a.pad_left = a.pad_bottom = a.pad_right = p.pad;
  a.mode = p.max ? Pool2dMode::max : Pool2dMode::average;
  a.x = x;
  a.x_row = p.in_w * p.channels;
  a.x_pixel = a.y_pixel = p.channels;
  a.y = y;
  a.y_row = p.out_w() * p.channels;
  return a;
}

void run(benchmark::State& state, const Pool2dTable& table, const Pooling& p) {
  const auto read = static_cast<size_t>(p.in_h * p.in_w * p.channels) * 4;
  const auto written = static_cast<size_t>(p.out_h() * p.out_w() * p.channels) * 4;
  const bench::Buffer x(read), y(read);  // y is also what the copy writes
  for (size_t i = 0; i < read / 4; i++) {
    x.as<float>()[i] = static_cast<float>(i * 7919 % 1009);
    y.as<float>()[i] = 0;
  }
  const kernels::Pool2dArgs args = args_of(p, x.as<float>(), y.as<float>());
  const size_t half =
      (read + written) / 2 / 256 * 256;  // to be copied: as much is read and written
  bench::Contestant kernel([&] { table.run(args); });
  bench::Contestant onednn(bench::onednn_pooling(p, x.as<float>(), y.as<float>()));
  bench::Contestant copy([&] { bench::plain_copy(x.get(), y.get(), half); });
  double reading = 1e9;
  for (auto _ : state) {
    state.SetIterationTime(kernel.window());
    reading = std::min(reading, bench::read_seconds(x.get(), read / 256 * 256));
    copy.window();
    onednn.window();
  }
  state.counters["GB/s"] = static_cast<double>(read + written) / kernel.best() / 1e9;
  if (reading > 0) {
    state.counters["reading"] = reading / kernel.best();
    state.counters["copying"] = copy.best() / kernel.best();
  }
  if (onednn.present()) state.counters["onednn"] = onednn.best() / kernel.best();
}

const bool kRegistered = [] {
  for (const Pool2dTable* table : kernels::pool2d_variants()) {
    if (!kernels::runs_at(*table, kernels::hardware_isa())) continue;
    for (const Pooling& p : kPoolings) {
      const std::string name = std::string(table->name) + "/layer:" + p.name +
                               "/h:" + std::to_string(p.in_h) + "/w:" + std::to_string(p.in_w) +
                               "/c:" + std::to_string(p.channels);
      benchmark::RegisterBenchmark(name.c_str(), run, std::cref(*table), std::cref(p))
          ->UseManualTime()
          ->Iterations(bench::windows(40));
    }
  }
  return true;
}();

}  // namespace
