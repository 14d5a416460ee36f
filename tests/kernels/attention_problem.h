// SPDX-License-Identifier: Apache-2.0
// One attention problem with operands of its own, and what a row of it should be in double
// precision, with a tolerance that follows from rounding errors (see `expect`). Used by
// attention*.cpp here.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "../../kernels/attention/attention.h"
#include "buffers.h"

namespace tern::test::attention {

using kernels::AttentionArgs;
using kernels::AttentionTable;
using kernels::Format;
using kernels::Isa;
using kernels::kAllKeys;
using kernels::KvFormat;
using test::Random;

/// low … high.
inline int64_t pick(Random& random, int64_t low, int64_t high) {
  return low + random.below(high - low + 1);
}

inline bool one_in(Random& random, int64_t n) {
  return random.below(n) == 0;
}

/// At most `most` in magnitude.
inline float number(Random& random, double most) {
  return static_cast<float>(random.uniform(-most, most));
}

inline size_t element_bytes(Format format) {
  return format == Format::f32 ? 4 : 2;
}

inline double read(Format format, const void* p, int64_t i) {
  if (format == Format::f32) return static_cast<double>(static_cast<const float*>(p)[i]);
  return static_cast<double>(float_from_bf16(static_cast<const uint16_t*>(p)[i]));
}

inline void write(Format format, void* p, int64_t i, float value) {
  if (format == Format::f32) {
    static_cast<float*>(p)[i] = value;
    return;
  }
  static_cast<uint16_t*>(p)[i] = static_cast<uint16_t>(bits_from_float(value) >> 16);
}

inline float scale_of(const char* row, int64_t head_dim) {
  float scale;
  std::memcpy(&scale, row + head_dim, sizeof scale);
  return scale;
}

/// Element d of row j of k or v.
inline double read_kv(KvFormat format, const void* p, int64_t stride, int64_t j, int64_t d,
                      int64_t head_dim) {
  if (format != KvFormat::int8)
    return read(format == KvFormat::f32 ? Format::f32 : Format::bf16, p, j * stride + d);
  const char* const row = static_cast<const char*>(p) + j * stride;
  return static_cast<signed char>(row[d]) * static_cast<double>(scale_of(row, head_dim));
}

/// In int8 the row's scale becomes that, times a code of 1.
inline void write_kv(KvFormat format, void* p, int64_t stride, int64_t j, int64_t d,
                     int64_t head_dim, float value) {
  if (format != KvFormat::int8)
    return write(format == KvFormat::f32 ? Format::f32 : Format::bf16, p, j * stride + d, value);
  char* const row = static_cast<char*>(p) + j * stride;
  row[d] = 1;
  std::memcpy(row + head_dim, &value, sizeof value);
}

/// 64-byte aligned, filled with `byte`.
class Scratch {
 public:
  Scratch(size_t bytes, int byte)
      : bytes_((bytes + 127) / 64 * 64), data_(std::aligned_alloc(64, bytes_)) {
    std::memset(data_, byte, bytes_);
  }
  ~Scratch() { std::free(data_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* data() { return data_; }

 private:
  size_t bytes_;
  void* data_;
};

struct Shape {
  int64_t queries, keys, head_dim, heads;
  int64_t q_stride, k_stride, v_stride,
      out_stride;  // heads of q and out lie q_stride / heads apart
};

inline Shape dense(int64_t queries, int64_t keys, int64_t head_dim, int64_t heads = 1) {
  return {queries, keys, head_dim, heads, heads * head_dim, head_dim, head_dim, heads * head_dim};
}

/// Elements from the first of row 0 to the last of the last row.
inline int64_t extent(int64_t rows, int64_t stride, int64_t width) {
  return rows == 0 ? 0 : (rows - 1) * stride + width;
}

/// The operands of one call, in memory of its own. `args` holds everything but pointers.
struct Problem {
  Format format;
  KvFormat kv_format;
  Shape shape;
  std::vector<char> q, k, v, out;
  std::vector<uint8_t> mask;
  std::vector<float> bias, relative;  // empty: none
  int64_t bias_origin = 0, relative_origin = 0;
  AttentionArgs options{};

  /// Rows in int8 have room for their scale beside what the strides of `s` say.
  Problem(const AttentionTable& t, Shape s) : format(t.format), kv_format(t.kv_format), shape(s) {
    const auto bytes = [&](int64_t rows, int64_t stride) {
      const int64_t width = (s.heads - 1) * (stride / s.heads) + s.head_dim;
      return static_cast<size_t>(extent(rows, stride, width)) * element_bytes(format);
    };
    const auto kv_bytes = [&](int64_t stride) {
      const int64_t row = kernels::kv_row_bytes(kv_format, s.head_dim);
      const int64_t gap = (stride - s.head_dim) * kernels::kv_row_bytes(kv_format, 1);
      if (kv_format == KvFormat::int8) return static_cast<size_t>(extent(s.keys, stride + 4, row));
      return static_cast<size_t>(extent(s.keys, row + gap, row));
    };
    q.resize(bytes(s.queries, s.q_stride));
    k.resize(kv_bytes(s.k_stride));
    v.resize(kv_bytes(s.v_stride));
    out.resize(bytes(s.queries, s.out_stride));
    if (kv_format == KvFormat::int8) shape.k_stride += 4, shape.v_stride += 4;
    options.scale = 1;
    options.heads = s.heads;
    options.before = options.after = kAllKeys;
  }

  void fill(Random& random) {
    const auto fill_one = [&](std::vector<char>& m, Format f) {
      const auto count = static_cast<int64_t>(m.size() / element_bytes(f));
      for (int64_t i = 0; i < count; ++i) write(f, m.data(), i, number(random, 2));
    };
    const auto fill_kv = [&](std::vector<char>& m, int64_t stride) {
      if (kv_format == KvFormat::f32) return fill_one(m, Format::f32);
      if (kv_format == KvFormat::bf16) return fill_one(m, Format::bf16);
      for (char& code : m) code = static_cast<char>(pick(random, -127, 127));
      for (int64_t j = 0; j < shape.keys; ++j) {
        const float scale = number(random, 2) / 127;
        std::memcpy(m.data() + j * stride + shape.head_dim, &scale, sizeof scale);
      }
    };
    fill_one(q, format);
    fill_kv(k, shape.k_stride);
    fill_kv(v, shape.v_stride);
    fill_one(out, format);
  }

  void add_mask(Random& random, double kept) {
    mask.resize(static_cast<size_t>(shape.keys));
    for (uint8_t& m : mask) {
      m = random.uniform(0, 1) < kept ? static_cast<uint8_t>(pick(random, 1, 255)) : 0;
    }
  }

  void write_key(int64_t j, int64_t d, float value) {
    write_kv(kv_format, k.data(), shape.k_stride, j, d, shape.head_dim, value);
  }
  void write_value(int64_t j, int64_t d, float value) {
    write_kv(kv_format, v.data(), shape.v_stride, j, d, shape.head_dim, value);
  }

  /// Rows of the matrix lie `stride` apart (0: one row for all; below 0: upwards), heads behind it.
  void add_bias(Random& random, int64_t stride) {
    const int64_t reach = std::max<int64_t>(shape.queries - 1, 0) * stride;
    const int64_t head = std::abs(reach) + shape.keys;
    options.bias_stride = stride;
    options.bias_head_stride = head;
    bias_origin = std::max<int64_t>(-reach, 0);
    bias.resize(static_cast<size_t>(head * shape.heads));
    for (float& b : bias) b = number(random, 4);
  }

  /// A table of exactly the distances that occur.
  void add_relative(Random& random) {
    const int64_t first = -(options.position + std::max<int64_t>(shape.queries, 1) - 1);
    const int64_t last = std::max<int64_t>(shape.keys - 1 - options.position, first);
    options.relative_head_stride = last - first + 1;
    relative_origin = -first;
    relative.resize(static_cast<size_t>(options.relative_head_stride * shape.heads));
    for (float& b : relative) b = number(random, 4);
  }

  AttentionArgs args(void* scratch) {
    AttentionArgs x = options;
    x.queries = shape.queries;
    x.keys = shape.keys;
    x.head_dim = shape.head_dim;
    x.q = q.data();
    x.k = k.data();
    x.v = v.data();
    x.q_stride = shape.q_stride;
    x.q_head_stride = shape.q_stride / shape.heads;
    x.k_stride = shape.k_stride;
    x.v_stride = shape.v_stride;
    x.out = out.data();
    x.out_stride = shape.out_stride;
    x.out_head_stride = shape.out_stride / shape.heads;
    if (!mask.empty()) x.key_mask = mask.data();
    if (!bias.empty()) x.bias = bias.data() + bias_origin;
    if (!relative.empty()) x.relative = relative.data() + relative_origin;
    x.scratch = scratch;
    return x;
  }
};

/// The queries [begin, begin + count) of a call.
inline AttentionArgs part_of(const AttentionTable& t, AttentionArgs x, int64_t begin,
                             int64_t count) {
  const auto bytes = static_cast<int64_t>(element_bytes(t.format));
  x.q = static_cast<const char*>(x.q) + begin * x.q_stride * bytes;
  x.out = static_cast<char*>(x.out) + begin * x.out_stride * bytes;
  if (x.bias) x.bias += begin * x.bias_stride;
  x.queries = count;
  x.position += begin;
  return x;
}

/// What one row should be, and how far off each element may be.
struct Expected {
  std::vector<double> value, tolerance;
};

/// bf16 weights only where bf16 pairs are multiplied.
inline bool rounds_weights(const AttentionTable& t) {
  return t.isa == Isa::avx512_bf16;
}

/// A score in double precision and a bound of its error. Let u be the unit of rounding of f32
/// (2^-24). The products' sum is off by its magnitude times (head_dim + 4) u; tanh has slope at
/// most 1 and adds 8 u of the capped score; a bias adds 4 u of its own and of the score's
/// magnitude.
struct Score {
  double value, error;
};

inline Score score_of(const AttentionTable& t, const AttentionArgs& x, int64_t i, int64_t h,
                      int64_t j) {
  const double u = std::ldexp(1.0, -24), scale = static_cast<double>(x.scale);
  double dot = 0, magnitude = 0;
  for (int64_t d = 0; d < x.head_dim; ++d) {
    const double product = read(t.format, x.q, i * x.q_stride + h * x.q_head_stride + d) *
                           read_kv(t.kv_format, x.k, x.k_stride, j, d, x.head_dim);
    dot += product;
    magnitude += std::abs(product);
  }
  double value = dot * scale;
  double error = (static_cast<double>(x.head_dim) + 4) * u * magnitude * std::abs(scale);
  if (x.softcap > 0) {
    const double cap = static_cast<double>(x.softcap);
    value = cap * std::tanh(value / cap);
    error += 8 * u * std::abs(value);
  }
  double bias = 0;
  if (x.bias) bias = static_cast<double>(x.bias[h * x.bias_head_stride + i * x.bias_stride + j]);
  if (bias != 0) error += 4 * u * (std::abs(bias) + std::abs(value));
  value += bias;
  if (x.relative) {
    const int64_t at = h * x.relative_head_stride + j - x.position - i;
    const double more = static_cast<double>(x.relative[at]);
    error += 4 * u * (std::abs(more) + std::abs(value));
    value += more;
  }
  return {value, error};
}

/// The difference to the maximum doubles a score's error; a weight is off by that, relatively, and
/// by 16 u for the exponential; a sum of n weights by n u. `weight_unit` is the relative rounding
/// of a weight before the product with v, `out_unit` that of the output.
inline Expected expect(const AttentionTable& t, const AttentionArgs& x, int64_t i, int64_t h) {
  const double u = std::ldexp(1.0, -24), bf16_unit = std::ldexp(1.0, -8);
  const double weight_unit = rounds_weights(t) ? 2 * bf16_unit : 0;
  const double out_unit = t.format == Format::bf16 ? bf16_unit : u;
  const int64_t p = x.position + i;
  std::vector<double> scores;
  std::vector<int64_t> seen;
  double top = -std::numeric_limits<double>::infinity(), score_error = 0;
  for (int64_t j = 0; j < x.keys; ++j) {
    if (j < p - x.before || j > p + x.after) continue;
    const bool masked = x.key_mask != nullptr && x.key_mask[j] == 0;
    const Score s = masked ? Score{-static_cast<double>(FLT_MAX), 0} : score_of(t, x, i, h, j);
    seen.push_back(j);
    scores.push_back(std::max(s.value, -static_cast<double>(FLT_MAX)));
    if (std::isfinite(s.error)) score_error = std::max(score_error, s.error);
    top = std::max(top, scores.back());
  }
  double sum = 0;
  for (double& s : scores) sum += s = std::exp(s - top);
  const double n = static_cast<double>(seen.size());
  const double relative = 2 * score_error + (n + 16) * u + weight_unit;
  Expected e;
  for (int64_t d = 0; d < x.head_dim; ++d) {
    double value = 0, magnitude = 0;
    for (size_t j = 0; j < seen.size(); ++j) {
      const double part =
          scores[j] / sum * read_kv(t.kv_format, x.v, x.v_stride, seen[j], d, x.head_dim);
      value += part;
      magnitude += std::abs(part);
    }
    const double computed = 2 * relative * magnitude;
    e.value.push_back(value);
    e.tolerance.push_back(computed + out_unit * (std::abs(value) + computed) + FLT_MIN);
  }
  return e;
}

/// The first element of row (i, h) out of tolerance, or "".
inline std::string mismatch(const AttentionTable& t, const AttentionArgs& x, int64_t i, int64_t h) {
  const Expected e = expect(t, x, i, h);
  for (int64_t d = 0; d < x.head_dim; ++d) {
    const auto at = static_cast<size_t>(d);
    const double have = read(t.format, x.out, i * x.out_stride + h * x.out_head_stride + d);
    if (std::abs(have - e.value[at]) <= e.tolerance[at]) continue;
    return "query " + std::to_string(i) + " head " + std::to_string(h) + " column " +
           std::to_string(d) + ": " + std::to_string(have) + ", expected " +
           std::to_string(e.value[at]) + " within " + std::to_string(e.tolerance[at]);
  }
  return {};
}

inline std::string describe(const AttentionTable& t, const Problem& p) {
  const Shape& s = p.shape;
  const AttentionArgs& o = p.options;
  const auto number = [](const char* name, int64_t n) {
    return std::string(" ") + name + " " + std::to_string(n);
  };
  return std::string(t.name) + number("queries", s.queries) + number("keys", s.keys) +
         number("head_dim", s.head_dim) + number("heads", s.heads) + number("strides", s.q_stride) +
         number("", s.k_stride) + number("", s.v_stride) + number("", s.out_stride) +
         number("position", o.position) + (o.before < kAllKeys ? number("before", o.before) : "") +
         (o.after < kAllKeys ? number("after", o.after) : "") + (p.mask.empty() ? "" : " masked") +
         (p.bias.empty() ? "" : number("bias stride", o.bias_stride)) +
         (p.relative.empty() ? "" : " relative") + (o.softcap > 0 ? " capped" : "");
}

/// body(table) for every variant that runs here, of all pairs of formats.
template <class Body>
void for_each_variant(Body body) {
  const std::pair<Format, KvFormat> pairs[] = {{Format::f32, KvFormat::f32},
                                               {Format::bf16, KvFormat::bf16},
                                               {Format::f32, KvFormat::bf16},
                                               {Format::f32, KvFormat::int8},
                                               {Format::bf16, KvFormat::int8}};
  for (const auto& [format, kv_format] : pairs) {
    test::for_each_variant(kernels::attention_variants(format, kv_format),
                           [&, f = format, kv = kv_format](const AttentionTable& t) {
                             REQUIRE(t.format == f);
                             REQUIRE(t.kv_format == kv);
                             body(t);
                           });
  }
}

/// Everything at random: sizes, strides, position, window, masks, biases, soft-cap.
inline Problem random_problem(Random& random, const AttentionTable& t, int64_t most_tokens,
                              int64_t most_dim) {
  const int64_t d = one_in(random, 3) ? pick(random, 1, 2) * 32 : pick(random, 1, most_dim);
  const int64_t heads = one_in(random, 2) ? 1 : pick(random, 1, 8);
  const auto gap = [&] { return one_in(random, 2) ? 0 : pick(random, 1, 40); };
  const int64_t keys = pick(random, 0, most_tokens);
  Problem p(t, {pick(random, 0, most_tokens) / heads, keys, d, heads, heads * (d + gap()),
                d + gap(), d + gap(), heads * (d + gap())});
  p.fill(random);
  p.options.scale = one_in(random, 4) ? 1.0f : 1.0f / std::sqrt(static_cast<float>(d));
  if (one_in(random, 20)) p.options.scale = -p.options.scale;
  if (!one_in(random, 3)) p.options.position = pick(random, 0, keys);
  if (one_in(random, 2)) p.options.after = one_in(random, 2) ? 0 : pick(random, 0, keys);
  if (one_in(random, 3)) p.options.before = pick(random, 0, keys);
  if (one_in(random, 4)) p.options.softcap = one_in(random, 2) ? 0.5f : 30.0f;
  if (one_in(random, 3)) p.add_mask(random, one_in(random, 5) ? 0.0 : 0.6);
  const int64_t bias_strides[] = {-1, 0, keys, keys + 5, -keys};
  if (one_in(random, 3)) p.add_bias(random, bias_strides[pick(random, 0, 4)]);
  if (one_in(random, 3)) p.add_relative(random);
  return p;
}

/// Runs p and returns the first difference from the oracle; `rows` of them are looked at.
inline std::string run_and_check(const AttentionTable& t, Problem& p, Random& random,
                                 int64_t rows) {
  const std::vector<char> before = p.out;
  Scratch scratch(t.scratch_bytes(p.shape.head_dim), 0xff);
  const AttentionArgs x = p.args(scratch.data());
  t.run(x);
  const int64_t all = x.queries * x.heads;
  for (int64_t i = 0; i < std::min(rows, all); ++i) {
    const int64_t row = rows >= all ? i : pick(random, 0, all - 1);
    if (std::string m = mismatch(t, x, row / x.heads, row % x.heads); !m.empty()) return m;
  }
  const size_t bytes = element_bytes(t.format);
  for (size_t i = 0; i < before.size(); ++i) {
    const auto column = static_cast<int64_t>(i / bytes) % x.out_stride % x.out_head_stride;
    if (column >= x.head_dim && before[i] != p.out[i]) return "wrote between rows of out";
  }
  return {};
}

}  // namespace tern::test::attention
