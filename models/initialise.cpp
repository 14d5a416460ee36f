// SPDX-License-Identifier: Apache-2.0
// Fresh parameters. Values come in tiles of fixed size, each with a generator of its own that is
// seeded by (seed, name, tile), so that the threads that share the tiles do not show.
#include "initialise.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "../engine/context.h"
#include "../engine/ops.h"
#include "../engine/threads.h"

namespace tern {

namespace {

constexpr int64_t kTile = int64_t{1} << 14, kBlock = int64_t{1} << 20;  // elements

/// splitmix64
uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

/// FNV-1a: a tensor's values follow its name, so they do not depend on what else is fresh.
uint64_t hash_name(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

/// In (0, 1].
double next_uniform(uint64_t& state) {
  return static_cast<double>((mixed(state += 0x9E3779B97F4A7C15u) >> 11) + 1) * 0x1p-53;
}

/// Box-Muller: two normal values from two uniform ones.
void fill_normal(float* out, int64_t count, double deviation, uint64_t seed) {
  for (int64_t i = 0; i < count; i += 2) {
    const double radius = deviation * std::sqrt(-2.0 * std::log(next_uniform(seed)));
    const double angle = 2.0 * std::numbers::pi * next_uniform(seed);
    out[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < count) out[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

/// `count` values of a tensor from element `begin` on, which is a multiple of kTile.
void fill_tiles(float* out, int64_t begin, int64_t count, double deviation, uint64_t seed) {
  const int64_t tiles = (count + kTile - 1) / kTile;
  ThreadPool::shared().parallel_for(tiles, [&](int64_t tile, int) {
    const auto number = static_cast<uint64_t>(begin / kTile + tile);
    fill_normal(out + tile * kTile, std::min(kTile, count - tile * kTile), deviation,
                mixed(seed + 0x9E3779B97F4A7C15u * (number + 1)));
  });
}

Tensor normal_tensor(const Shape& shape, DType dtype, double deviation, uint64_t seed) {
  Tensor out = Tensor::empty(dtype, shape, page_storage);
  if (dtype == DType::f32) {
    fill_tiles(out.data<float>(), 0, out.numel(), deviation, seed);
    return out;
  }
  Context ctx;
  Tensor wide = Tensor::empty(DType::f32, {std::min(kBlock, out.numel())});
  for (int64_t begin = 0; begin < out.numel(); begin += kBlock) {
    const int64_t count = std::min(kBlock, out.numel() - begin);
    fill_tiles(wide.data<float>(), begin, count, deviation, seed);
    const Tensor narrow = convert(ctx, wide.slice(0, 0, count), dtype);
    std::memcpy(out.data<uint16_t>() + begin, narrow.raw(), narrow.bytes());
  }
  return out;
}

Tensor in_dtype(const Tensor& values, DType dtype) {
  Context ctx;
  return values.dtype() == dtype ? values : convert(ctx, values, dtype).clone();
}

void zero_row(Tensor& table, int64_t row) {
  const Tensor line = table[row];
  std::memset(line.raw(), 0, line.bytes());
}

}  // namespace

Tensor initialised(const Shape& shape, const Init& init, const FreshTensor& fresh) {
  const DType dtype = fresh.dtype == DType::f64 ? DType::f32 : fresh.dtype;
  if (init.values) {
    Tensor values = Tensor::empty(DType::f32, shape);
    init.values(values.data<float>(), shape[0], shape[1]);
    return in_dtype(values, dtype);
  }
  if (init.fill != Init::Fill::normal) {
    Tensor values = Tensor::empty(DType::f32, shape);
    std::fill_n(values.data<float>(), values.numel(), init.fill == Init::Fill::ones ? 1.0F : 0.0F);
    return in_dtype(values, dtype);
  }
  const double deviation = init.deviation > 0 ? init.deviation : fresh.deviation;
  Tensor out = normal_tensor(shape, dtype, deviation, hash_name(fresh.name) ^ mixed(fresh.seed));
  if (init.zero_row >= 0 && init.zero_row < shape[0]) zero_row(out, init.zero_row);
  return out;
}

double initial_deviation(const Config& config) {
  constexpr double kUsual = 0.02, kMost = 1000;
  for (const char* name : {"initializer_range", "init_std", "initializer_factor"}) {
    const double value = config.number({name}, 0, 0, kMost);
    if (value > 0) return value;
    if (!config.json()[name].is_null()) return kUsual;
  }
  return kUsual;
}

int64_t padding_row(const Config& config, std::string_view key, int64_t fallback, int64_t rows) {
  constexpr int64_t kMost = int64_t{1} << 31;
  if (!config.json().contains(key)) return fallback;
  if (config.json()[key].is_null()) return -1;
  const int64_t row = config.integer({key}, std::nullopt, -kMost, kMost);
  return row < 0 ? std::max<int64_t>(row + rows, -1) : row;
}

}  // namespace tern
