// SPDX-License-Identifier: Apache-2.0
// Every attention variant this machine can run against a double-precision oracle. Tolerances follow
// from rounding errors: see `tolerance`.

#include "../../kernels/attention/attention.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string_view>
#include <vector>

using namespace tern::kernels;

namespace {

using Random = std::mt19937_64;

int64_t pick(Random& random, int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(random);
}

size_t element_bytes(Format format) {
  return format == Format::f32 ? 4 : 2;
}

double read(Format format, const void* p, int64_t i) {
  if (format == Format::f32) return static_cast<double>(static_cast<const float*>(p)[i]);
  const uint32_t bits = static_cast<uint32_t>(static_cast<const uint16_t*>(p)[i]) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return static_cast<double>(value);
}

void write(Format format, void* p, int64_t i, float value) {
  if (format == Format::f32) {
    static_cast<float*>(p)[i] = value;
    return;
  }
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  static_cast<uint16_t*>(p)[i] = static_cast<uint16_t>(bits >> 16);
}

/// Memory that ends, to the byte, before a page nobody may touch.
class Guarded {
 public:
  explicit Guarded(size_t bytes) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    mapped_ = (bytes + page - 1) / page * page + 2 * page;
    base_ = static_cast<char*>(
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(base_ != MAP_FAILED);
    mprotect(base_, page, PROT_NONE);
    mprotect(base_ + mapped_ - page, page, PROT_NONE);
    begin_ = base_ + page;
    end_ = base_ + mapped_ - page;
  }
  ~Guarded() { munmap(base_, mapped_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  void* begin() { return begin_; }
  void* last(size_t bytes) { return end_ - bytes; }

 private:
  size_t mapped_;
  char *base_, *begin_, *end_;
};

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
  int64_t queries, keys, head_dim;
  int64_t q_stride, k_stride, v_stride, out_stride;
};

Shape dense(int64_t queries, int64_t keys, int64_t head_dim) {
  return {queries, keys, head_dim, head_dim, head_dim, head_dim, head_dim};
}

/// Elements from the first of row 0 to the last of the last row.
int64_t extent(int64_t rows, int64_t stride, int64_t head_dim) {
  return rows == 0 ? 0 : (rows - 1) * stride + head_dim;
}

/// The operands of one call, in memory of its own.
struct Problem {
  Format format;
  Shape shape;
  std::vector<char> q, k, v, out;
  std::vector<uint8_t> mask;
  std::vector<float> bias;  // empty, or whatever bias_origin and bias_stride address
  int64_t bias_stride = 0, bias_origin = 0;
  float scale = 1;

  Problem(Format f, Shape s) : format(f), shape(s) {
    const auto bytes = [&](int64_t rows, int64_t stride) {
      return static_cast<size_t>(extent(rows, stride, s.head_dim)) * element_bytes(f);
    };
    q.resize(bytes(s.queries, s.q_stride));
    k.resize(bytes(s.keys, s.k_stride));
    v.resize(bytes(s.keys, s.v_stride));
    out.resize(bytes(s.queries, s.out_stride));
  }

  void fill(Random& random, float magnitude) {
    std::normal_distribution<float> normal(0, magnitude);
    for (std::vector<char>* m : {&q, &k, &v, &out}) {
      const auto count = static_cast<int64_t>(m->size() / element_bytes(format));
      for (int64_t i = 0; i < count; ++i) write(format, m->data(), i, normal(random));
    }
  }

  void add_mask(Random& random, double kept) {
    std::bernoulli_distribution keep(kept);
    mask.resize(static_cast<size_t>(shape.keys));
    for (uint8_t& m : mask) m = keep(random) ? static_cast<uint8_t>(pick(random, 1, 255)) : 0;
  }

  /// stride -1: one row of relative positions; 0: the same row for all; else a matrix.
  void add_bias(Random& random, int64_t stride) {
    const int64_t reach = std::max<int64_t>(shape.queries - 1, 0) * stride;
    bias_stride = stride;
    bias_origin = std::max<int64_t>(-reach, 0);
    bias.resize(static_cast<size_t>(std::abs(reach) + shape.keys));
    std::normal_distribution<float> normal(0, 2);
    for (float& b : bias) b = normal(random);
  }

  AttentionArgs args(void* scratch) {
    return {shape.queries,
            shape.keys,
            shape.head_dim,
            q.data(),
            k.data(),
            v.data(),
            shape.q_stride,
            shape.k_stride,
            shape.v_stride,
            out.data(),
            shape.out_stride,
            scale,
            mask.empty() ? nullptr : mask.data(),
            bias.empty() ? nullptr : bias.data() + bias_origin,
            bias_stride,
            scratch};
  }
};

/// What one row should be, and how far off each element may be.
struct Expected {
  std::vector<double> value, tolerance;
};

/// Let u be the unit of rounding of f32 (2^-24). A score is off by at most its products' sum of
/// magnitudes times (head_dim + 4) u, its bias' by 4 u, and the difference to the maximum by as
/// much again; a weight is off by that, relatively, and by 16 u for the exponential; a sum of n
/// weights by n u. `weight_unit` is the relative rounding of a weight before the product with v,
/// `out_unit` that of the output.
Expected expect(const AttentionArgs& x, Format format, int64_t row, double weight_unit,
                double out_unit) {
  const double u = std::ldexp(1.0, -24);
  const auto keys = static_cast<size_t>(x.keys);
  std::vector<double> scores(keys);
  double top = -std::numeric_limits<double>::infinity(), score_error = 0;
  for (int64_t j = 0; j < x.keys; ++j) {
    double dot = 0, magnitude = 0;
    for (int64_t d = 0; d < x.head_dim; ++d) {
      const double product =
          read(format, x.q, row * x.q_stride + d) * read(format, x.k, j * x.k_stride + d);
      dot += product;
      magnitude += std::abs(product);
    }
    const double scale = static_cast<double>(x.scale);
    const double bias = x.bias ? static_cast<double>(x.bias[row * x.bias_stride + j]) : 0.0;
    const bool masked = x.key_mask != nullptr && x.key_mask[j] == 0;
    scores[static_cast<size_t>(j)] = masked ? -static_cast<double>(FLT_MAX) : dot * scale + bias;
    if (!masked) {
      const double d = static_cast<double>(x.head_dim);
      score_error =
          std::max(score_error, (d + 4) * u * magnitude * std::abs(scale) + 4 * u * std::abs(bias));
    }
    top = std::max(top, scores[static_cast<size_t>(j)]);
  }
  double sum = 0;
  for (double& s : scores) sum += s = std::exp(s - top);
  const double relative = 2 * score_error + (static_cast<double>(x.keys) + 16) * u + weight_unit;
  Expected e;
  for (int64_t d = 0; d < x.head_dim; ++d) {
    double value = 0, magnitude = 0;
    for (int64_t j = 0; j < x.keys; ++j) {
      const double part =
          scores[static_cast<size_t>(j)] / sum * read(format, x.v, j * x.v_stride + d);
      value += part;
      magnitude += std::abs(part);
    }
    const double computed = 2 * relative * magnitude;
    e.value.push_back(value);
    e.tolerance.push_back(computed + out_unit * (std::abs(value) + computed) + FLT_MIN);
  }
  return e;
}

/// bf16 weights only where bf16 pairs are multiplied.
bool rounds_weights(const AttentionTable& t) {
  return t.isa == Isa::avx512_bf16;
}

/// The first element out of tolerance, or "".
std::string mismatch(const AttentionTable& t, const AttentionArgs& x, int64_t row) {
  const double bf16_unit = std::ldexp(1.0, -8);
  const Expected e = expect(x, t.format, row, rounds_weights(t) ? 2 * bf16_unit : 0,
                            t.format == Format::bf16 ? bf16_unit : std::ldexp(1.0, -24));
  for (int64_t d = 0; d < x.head_dim; ++d) {
    const auto i = static_cast<size_t>(d);
    const double have = read(t.format, x.out, row * x.out_stride + d);
    if (std::abs(have - e.value[i]) <= e.tolerance[i]) continue;
    return "row " + std::to_string(row) + " column " + std::to_string(d) + ": " +
           std::to_string(have) + ", expected " + std::to_string(e.value[i]) + " within " +
           std::to_string(e.tolerance[i]);
  }
  return {};
}

std::string describe(const AttentionTable& t, const Problem& p) {
  const Shape& s = p.shape;
  return std::string(t.name) + " queries " + std::to_string(s.queries) + " keys " +
         std::to_string(s.keys) + " head_dim " + std::to_string(s.head_dim) + " strides " +
         std::to_string(s.q_stride) + " " + std::to_string(s.k_stride) + " " +
         std::to_string(s.v_stride) + " " + std::to_string(s.out_stride) +
         (p.mask.empty() ? "" : " masked") +
         (p.bias.empty() ? "" : " bias stride " + std::to_string(p.bias_stride));
}

template <class Body>
void for_each_variant(Body body) {
  for (Format format : {Format::f32, Format::bf16}) {
    for (const AttentionTable* t : attention_variants(format)) {
      REQUIRE(t->format == format);
      if (static_cast<int>(t->isa) <= static_cast<int>(hardware_isa())) body(*t);
    }
  }
}

Problem random_problem(Random& random, Format format, int64_t most_tokens, int64_t most_dim) {
  const int64_t d =
      pick(random, 0, 2) == 0 ? pick(random, 0, 1) * 32 + 32 : pick(random, 1, most_dim);
  const auto stride = [&] { return d + (pick(random, 0, 1) == 0 ? 0 : pick(random, 1, 40)); };
  Problem p(format, {pick(random, 0, most_tokens), pick(random, 0, most_tokens), d, stride(),
                     stride(), stride(), stride()});
  p.fill(random, 1.0f);
  p.scale = pick(random, 0, 3) == 0 ? 1.0f : 1.0f / std::sqrt(static_cast<float>(d));
  if (pick(random, 0, 2) == 0) p.add_mask(random, pick(random, 0, 4) == 0 ? 0.0 : 0.6);
  const int64_t bias_strides[] = {-1, 0, p.shape.keys, p.shape.keys + 5, -p.shape.keys};
  if (pick(random, 0, 2) == 0) p.add_bias(random, bias_strides[pick(random, 0, 4)]);
  return p;
}

/// Runs p and returns the first difference from the oracle; `rows` of them are looked at.
std::string run_and_check(const AttentionTable& t, Problem& p, Random& random, int64_t rows) {
  const std::vector<char> before = p.out;
  Scratch scratch(t.scratch_bytes(p.shape.head_dim), 0xff);
  const AttentionArgs x = p.args(scratch.data());
  t.run(x);
  for (int64_t i = 0; i < std::min(rows, x.queries); ++i) {
    const int64_t row = rows >= x.queries ? i : pick(random, 0, x.queries - 1);
    if (std::string m = mismatch(t, x, row); !m.empty()) return m;
  }
  const size_t bytes = element_bytes(t.format);
  for (size_t i = 0; i < before.size(); ++i) {
    const auto column = static_cast<int64_t>(i / bytes) % x.out_stride;
    if (column >= x.head_dim && before[i] != p.out[i]) return "wrote between rows of out";
  }
  return {};
}

}  // namespace

TEST_CASE("attention has variants for f32 and bf16, none for f16, generic last") {
  for (Format format : {Format::f32, Format::bf16}) {
    const auto variants = attention_variants(format);
    REQUIRE(variants.count > 0);
    CHECK(variants.tables[variants.count - 1]->isa == Isa::generic);
    for (int i = 1; i < variants.count; ++i) {
      CHECK(static_cast<int>(variants.tables[i - 1]->isa) >
            static_cast<int>(variants.tables[i]->isa));
    }
  }
  CHECK(attention_variants(Format::f16).count == 0);
}

TEST_CASE("attention equals the oracle for thousands of small random shapes") {
  for_each_variant([](const AttentionTable& t) {
    const uint64_t seed = 20240611;
    Random random(seed);
    const int rounds = 2500;
    for (int i = 0; i < rounds; ++i) {
      Problem p = random_problem(random, t.format, i % 16 == 0 ? 150 : 24, i % 16 == 0 ? 256 : 40);
      const std::string wrong = run_and_check(t, p, random, 6);
      INFO("seed ", seed, " round ", i, ": ", describe(t, p));
      REQUIRE(wrong == "");
    }
  });
}

TEST_CASE("attention equals the oracle for long sequences and wide heads") {
  for_each_variant([](const AttentionTable& t) {
    Random random(7);
    for (Shape s : {dense(513, 700, 64), dense(3, 4096, 128), dense(97, 1024, 256),
                    dense(200, 129, 255), dense(1, 65, 1), dense(100, 64, 32)}) {
      Problem p(t.format, s);
      p.fill(random, 1.0f);
      p.scale = 1.0f / std::sqrt(static_cast<float>(s.head_dim));
      const std::string wrong = run_and_check(t, p, random, 8);
      INFO(describe(t, p));
      CHECK(wrong == "");
    }
  });
}

TEST_CASE("a row whose keys are all masked is the mean of v, across key blocks too") {
  for_each_variant([](const AttentionTable& t) {
    for (int64_t keys : {1, 5, 64, 65, 200}) {
      Random random(11);
      Problem p(t.format, dense(3, keys, 33));
      p.fill(random, 1.0f);
      p.mask.assign(static_cast<size_t>(keys), 0);
      INFO(describe(t, p));
      CHECK(run_and_check(t, p, random, 3) == "");
    }
  });
}

TEST_CASE("without keys the output is zero, and without queries nothing is written") {
  for_each_variant([](const AttentionTable& t) {
    Random random(3);
    Problem p(t.format, dense(5, 0, 37));
    p.fill(random, 1.0f);
    Scratch scratch(t.scratch_bytes(37), 0xff);
    AttentionArgs x = p.args(scratch.data());
    t.run(x);
    for (int64_t i = 0; i < 5 * 37; ++i) REQUIRE(read(t.format, x.out, i) == 0.0);
    Problem none(t.format, dense(0, 5, 37));
    none.fill(random, 1.0f);
    t.run(none.args(scratch.data()));
  });
}

TEST_CASE("a bias of -inf or the lowest float masks a key; a mask wins over any bias") {
  for_each_variant([](const AttentionTable& t) {
    Random random(5);
    for (const float lowest : {-INFINITY, -FLT_MAX}) {
      Problem masked(t.format, dense(4, 150, 32));
      masked.fill(random, 1.0f);
      Problem biased = masked;
      masked.add_mask(random, 0.5);
      std::fill_n(masked.mask.begin(), 70, uint8_t{0});
      masked.mask[149] = 1;
      biased.bias.resize(150);
      for (size_t j = 0; j < 150; ++j) biased.bias[j] = masked.mask[j] ? 0.0f : lowest;
      Scratch scratch(t.scratch_bytes(32), 0xff);
      t.run(masked.args(scratch.data()));
      t.run(biased.args(scratch.data()));
      INFO(std::string(t.name), " ", lowest);
      CHECK(masked.out == biased.out);
      masked.bias.assign(150, 1e30f);
      for (size_t j = 0; j < 150; ++j) masked.bias[j] = masked.mask[j] ? 0.0f : 1e30f;
      t.run(masked.args(scratch.data()));
      CHECK(masked.out == biased.out);
    }
  });
}

TEST_CASE("a row has the same bits however the queries are split into calls") {
  for_each_variant([](const AttentionTable& t) {
    Random random(13);
    for (int round = 0; round < 60; ++round) {
      Problem p = random_problem(random, t.format, round % 4 == 0 ? 260 : 40, 130);
      Scratch scratch(t.scratch_bytes(p.shape.head_dim), 0xff);
      t.run(p.args(scratch.data()));
      const std::vector<char> whole = p.out;
      Scratch other(t.scratch_bytes(p.shape.head_dim), 0x11);
      const AttentionArgs all = p.args(other.data());
      const auto bytes = static_cast<int64_t>(element_bytes(t.format));
      for (int64_t row = 0; row < all.queries;) {
        AttentionArgs part = all;
        part.queries = std::min(pick(random, 1, 30), all.queries - row);
        part.q = static_cast<const char*>(all.q) + row * all.q_stride * bytes;
        part.out = static_cast<char*>(all.out) + row * all.out_stride * bytes;
        if (part.bias) part.bias = all.bias + row * all.bias_stride;
        t.run(part);
        row += part.queries;
      }
      INFO("round ", round, ": ", describe(t, p));
      REQUIRE(p.out == whole);
    }
  });
}

TEST_CASE("strides, alignment and masked keys behind the last do not change a bit") {
  for_each_variant([](const AttentionTable& t) {
    Random random(17);
    for (int round = 0; round < 100; ++round) {
      const int64_t d = pick(random, 1, 96), queries = pick(random, 1, 40);
      const int64_t keys = pick(random, 1, 140), extra = pick(random, 0, 80);
      Problem a(t.format, dense(queries, keys, d));
      a.fill(random, 1.0f);
      const auto gap = [&] { return d + pick(random, 0, 50); };
      Problem b(t.format, {queries, keys + extra, d, gap(), gap(), gap(), gap()});
      b.fill(random, 1.0f);
      const auto copy_rows = [&](const std::vector<char>& from, std::vector<char>& to, int64_t rows,
                                 int64_t stride) {
        const size_t bytes = element_bytes(t.format), row_bytes = static_cast<size_t>(d) * bytes;
        for (int64_t r = 0; r < rows; ++r) {
          std::memcpy(to.data() + static_cast<size_t>(r * stride) * bytes,
                      from.data() + static_cast<size_t>(r) * row_bytes, row_bytes);
        }
      };
      copy_rows(a.q, b.q, queries, b.shape.q_stride);
      copy_rows(a.k, b.k, keys, b.shape.k_stride);
      copy_rows(a.v, b.v, keys, b.shape.v_stride);
      if (extra > 0) {
        b.mask.assign(static_cast<size_t>(keys + extra), 0);
        std::fill_n(b.mask.begin(), keys, uint8_t{1});
      }
      Scratch scratch(t.scratch_bytes(d), 0xff);
      t.run(a.args(scratch.data()));
      t.run(b.args(scratch.data()));
      INFO("round ", round, ": ", describe(t, b));
      for (int64_t r = 0; r < queries; ++r) {
        for (int64_t c = 0; c < d; ++c) {
          REQUIRE(read(t.format, a.out.data(), r * d + c) ==
                  read(t.format, b.out.data(), r * b.shape.out_stride + c));
        }
      }
    }
  });
}

TEST_CASE("nothing outside the operands and scratch_bytes is touched") {
  for_each_variant([](const AttentionTable& t) {
    Random random(19);
    const int64_t most = 70, widest = 256;
    const auto bytes = static_cast<size_t>(most * (widest + 8)) * 4;
    Guarded q(bytes), k(bytes), v(bytes), out(bytes), mask(4096), bias(most * most * 4 * 2);
    for (int round = 0; round < 400; ++round) {
      Problem p = random_problem(random, t.format, round % 8 == 0 ? most : 20, 60);
      if (round % 8 == 1) p = Problem(t.format, dense(2, 66, round % 3 == 0 ? 255 : 256));
      Guarded scratch(t.scratch_bytes(p.shape.head_dim));
      const size_t scratch_room = (t.scratch_bytes(p.shape.head_dim) + 63) / 64 * 64;
      const bool low = round % 2 == 0;  // operands against the page before, or the page behind
      AttentionArgs x = p.args(low ? scratch.begin() : scratch.last(scratch_room));
      const auto place = [&](const void* from, size_t size, Guarded& g) -> void* {
        void* to = low ? g.begin() : g.last(size);
        if (size > 0) std::memcpy(to, from, size);
        return to;
      };
      x.q = place(x.q, p.q.size(), q);
      x.k = place(x.k, p.k.size(), k);
      x.v = place(x.v, p.v.size(), v);
      x.out = place(x.out, p.out.size(), out);
      if (x.key_mask) x.key_mask = static_cast<uint8_t*>(place(x.key_mask, p.mask.size(), mask));
      if (x.bias) {
        x.bias = static_cast<float*>(place(p.bias.data(), p.bias.size() * 4, bias)) + p.bias_origin;
      }
      t.run(x);
      INFO("round ", round, ": ", describe(t, p));
      if (x.queries > 0) CHECK(mismatch(t, x, x.queries - 1) == "");
    }
  });
}

TEST_CASE("NaN and infinity spoil the rows that see them and no others") {
  for_each_variant([](const AttentionTable& t) {
    Random random(23);
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      for (int64_t keys : {20, 100}) {
        INFO(std::string(t.name), " ", bad, " keys ", keys);
        Problem p(t.format, dense(5, keys, 32));
        p.fill(random, 1.0f);
        Scratch scratch(t.scratch_bytes(32), 0xff);
        Problem in_q = p;
        write(t.format, in_q.q.data(), 2 * 32 + 3, bad);
        const AttentionArgs x = in_q.args(scratch.data());
        t.run(x);
        CHECK(std::isnan(read(t.format, x.out, 2 * 32)));
        for (int64_t row : {0, 1, 3, 4}) CHECK(mismatch(t, x, row) == "");
        Problem in_v = p;
        write(t.format, in_v.v.data(), 7 * 32 + 3, bad);
        const AttentionArgs y = in_v.args(scratch.data());
        t.run(y);
        for (int64_t row = 0; row < 5; ++row) {
          CHECK_FALSE(std::isfinite(read(t.format, y.out, row * 32 + 3)));
          CHECK(std::isfinite(read(t.format, y.out, row * 32 + 4)));
        }
        Problem hidden = p;
        write(t.format, hidden.k.data(), 7 * 32 + 3, bad);
        hidden.mask.assign(static_cast<size_t>(keys), 1);
        hidden.mask[7] = 0;
        t.run(hidden.args(scratch.data()));
        for (int64_t i = 0; i < 5 * 32; ++i) {
          CHECK(std::isfinite(read(t.format, hidden.out.data(), i)));
        }
      }
    }
  });
}

TEST_CASE("scores far apart leave only the largest") {
  for_each_variant([](const AttentionTable& t) {
    Problem p(t.format, dense(2, 130, 16));
    for (int64_t j = 0; j < 130; ++j) {
      write(t.format, p.k.data(), j * 16, j == 77 ? 1024.0f : -1024.0f);
      write(t.format, p.v.data(), j * 16, static_cast<float>(j));
    }
    write(t.format, p.q.data(), 0, 1024.0f);
    write(t.format, p.q.data(), 16, 0.0f);
    Scratch scratch(t.scratch_bytes(16), 0xff);
    t.run(p.args(scratch.data()));
    CHECK(read(t.format, p.out.data(), 0) == 77.0);
  });
}

TEST_CASE("a weight is the exponential of its score's distance to the maximum") {
  for_each_variant([](const AttentionTable& t) {
    // Two keys with scores 0 and -distance and values 0 and 1: out = w / (1 + w). The score is
    // rounded three times on its way, the exponential, the sum and the quotient account for 12 u.
    const double u = std::ldexp(1.0, -24), bf16_unit = std::ldexp(1.0, -8);
    for (int i = 0; i < 2000; ++i) {
      Problem p(t.format, dense(1, 2, 1));
      write(t.format, p.q.data(), 0, 1.0f);
      write(t.format, p.k.data(), 0, 0.0f);
      write(t.format, p.k.data(), 1, -static_cast<float>(i) * 0.04f);
      write(t.format, p.v.data(), 0, 0.0f);
      write(t.format, p.v.data(), 1, 1.0f);
      Scratch scratch(t.scratch_bytes(1), 0xff);
      t.run(p.args(scratch.data()));
      const double score = read(t.format, p.k.data(), 1), w = std::exp(score);
      const double expected = w / (1 + w);
      double relative = (12 - 3 * score) * u;
      if (t.format == Format::bf16) relative += bf16_unit;
      if (rounds_weights(t)) relative += bf16_unit;
      INFO(std::string(t.name), " score ", score);
      REQUIRE(std::abs(read(t.format, p.out.data(), 0) - expected) <= relative * expected);
    }
  });
}
