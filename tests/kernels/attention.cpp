// SPDX-License-Identifier: Apache-2.0
// Every attention variant this machine can run against a double-precision oracle: values, masks,
// memory, numbers that are none. Equality of bits is attention_rows.cpp.

#include <sys/mman.h>
#include <unistd.h>

#include "attention_problem.h"

using namespace tern::kernels;
using namespace tern::test::attention;

namespace {

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

  /// A copy of the bytes against the page before, or the page behind.
  void* place(const void* from, size_t bytes, bool low) {
    void* to = low ? begin_ : end_ - bytes;
    if (bytes > 0) std::memcpy(to, from, bytes);
    return to;
  }
  void* begin() { return begin_; }
  void* last(size_t bytes) { return end_ - bytes; }

 private:
  size_t mapped_;
  char *base_, *begin_, *end_;
};

}  // namespace

TEST_CASE("attention has variants for three pairs of formats, none for others, generic last") {
  const Format formats[] = {Format::f32, Format::bf16, Format::f16};
  for (Format format : formats) {
    for (Format kv : formats) {
      const auto variants = attention_variants(format, kv);
      const bool supported = format != Format::f16 && kv != Format::f16 &&
                             (format == Format::f32 || kv == Format::bf16);
      REQUIRE((variants.count > 0) == supported);
      if (!supported) continue;
      CHECK(variants.tables[variants.count - 1]->isa == Isa::generic);
      for (int i = 1; i < variants.count; ++i) {
        CHECK(static_cast<int>(variants.tables[i - 1]->isa) >
              static_cast<int>(variants.tables[i]->isa));
      }
    }
  }
}

TEST_CASE("attention equals the oracle for 10^5 small random shapes and options") {
  for_each_variant([](const AttentionTable& t) {
    const uint64_t seed = 20240611;
    Random random(seed);
    for (int i = 0; i < 12000; ++i) {
      const bool large = i % 64 == 0;
      Problem p = random_problem(random, t, large ? 150 : 20, large ? 256 : 40);
      const std::string wrong = run_and_check(t, p, random, large ? 6 : 3);
      INFO("seed ", seed, " round ", i, ": ", describe(t, p));
      REQUIRE(wrong == "");
    }
  });
}

TEST_CASE("attention equals the oracle for long sequences, wide heads and groups of heads") {
  for_each_variant([](const AttentionTable& t) {
    Random random(7);
    for (Shape s : {dense(513, 700, 64), dense(3, 4096, 128), dense(97, 1024, 256),
                    dense(200, 129, 255), dense(1, 65, 1), dense(100, 64, 32),
                    dense(1, 1500, 96, 8), dense(40, 600, 80, 4), dense(2, 520, 20, 7)}) {
      Problem p(t, s);
      p.fill(random, 1.0f);
      p.options.scale = 1.0f / std::sqrt(static_cast<float>(s.head_dim));
      for (int64_t before : {kAllKeys, int64_t{5}, int64_t{600}}) {
        p.options.position = std::max<int64_t>(s.keys - s.queries, 0);
        p.options.before = before;
        p.options.after = before == kAllKeys ? kAllKeys : 0;
        INFO(describe(t, p));
        CHECK(run_and_check(t, p, random, 6) == "");
      }
    }
  });
}

TEST_CASE("a row whose keys are all masked is the mean of v, across key blocks too") {
  for_each_variant([](const AttentionTable& t) {
    for (int64_t keys : {1, 5, 64, 65, 200}) {
      Random random(11);
      Problem p(t, dense(3, keys, 33));
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
    Problem p(t, dense(5, 0, 37));
    p.fill(random, 1.0f);
    Scratch scratch(t.scratch_bytes(37), 0xff);
    AttentionArgs x = p.args(scratch.data());
    t.run(x);
    for (int64_t i = 0; i < 5 * 37; ++i) REQUIRE(read(t.format, x.out, i) == 0.0);
    Problem none(t, dense(0, 5, 37));
    none.fill(random, 1.0f);
    t.run(none.args(scratch.data()));
  });
}

TEST_CASE("a bias of -inf or the lowest float masks a key; a mask wins over any bias") {
  for_each_variant([](const AttentionTable& t) {
    Random random(5);
    for (const float lowest : {-INFINITY, -FLT_MAX}) {
      Problem masked(t, dense(4, 150, 32));
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

TEST_CASE("NaN and infinity spoil the rows that see them and no others") {
  for_each_variant([](const AttentionTable& t) {
    Random random(23);
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      for (int64_t keys : {20, 100}) {
        INFO(std::string(t.name), " ", bad, " keys ", keys);
        Problem p(t, dense(5, keys, 32));
        p.fill(random, 1.0f);
        Scratch scratch(t.scratch_bytes(32), 0xff);
        Problem in_q = p;
        write(t.format, in_q.q.data(), 2 * 32 + 3, bad);
        const AttentionArgs x = in_q.args(scratch.data());
        t.run(x);
        CHECK(std::isnan(read(t.format, x.out, 2 * 32)));
        for (int64_t row : {0, 1, 3, 4}) CHECK(mismatch(t, x, row, 0) == "");
        Problem in_v = p;
        write(t.kv_format, in_v.v.data(), 7 * 32 + 3, bad);
        const AttentionArgs y = in_v.args(scratch.data());
        t.run(y);
        for (int64_t row = 0; row < 5; ++row) {
          CHECK_FALSE(std::isfinite(read(t.format, y.out, row * 32 + 3)));
          CHECK(std::isfinite(read(t.format, y.out, row * 32 + 4)));
        }
        Problem hidden = p;
        write(t.kv_format, hidden.k.data(), 7 * 32 + 3, bad);
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
    Problem p(t, dense(2, 130, 16));
    for (int64_t j = 0; j < 130; ++j) {
      write(t.kv_format, p.k.data(), j * 16, j == 77 ? 1024.0f : -1024.0f);
      write(t.kv_format, p.v.data(), j * 16, static_cast<float>(j));
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
      Problem p(t, dense(1, 2, 1));
      write(t.format, p.q.data(), 0, 1.0f);
      write(t.kv_format, p.k.data(), 0, 0.0f);
      write(t.kv_format, p.k.data(), 1, -static_cast<float>(i) * 0.04f);
      write(t.kv_format, p.v.data(), 0, 0.0f);
      write(t.kv_format, p.v.data(), 1, 1.0f);
      Scratch scratch(t.scratch_bytes(1), 0xff);
      t.run(p.args(scratch.data()));
      const double score = read(t.kv_format, p.k.data(), 1), w = std::exp(score);
      const double expected = w / (1 + w);
      double relative = (12 - 3 * score) * u;
      if (t.format == Format::bf16) relative += bf16_unit;
      if (rounds_weights(t)) relative += bf16_unit;
      INFO(std::string(t.name), " score ", score);
      REQUIRE(std::abs(read(t.format, p.out.data(), 0) - expected) <= relative * expected);
    }
  });
}

TEST_CASE("nothing outside the operands, scratch_bytes and range_bytes is touched") {
  for_each_variant([](const AttentionTable& t) {
    Random random(19);
    const auto bytes = static_cast<size_t>(90 * (256 + 40)) * 8;
    Guarded q(bytes), k(bytes), v(bytes), out(bytes), mask(4096), bias(bytes), relative(bytes);
    for (int round = 0; round < 600; ++round) {
      Problem p = random_problem(random, t, round % 8 == 0 ? 70 : 20, 60);
      if (round % 8 == 1) p = Problem(t, dense(2, 66, round % 3 == 0 ? 255 : 256));
      const size_t scratch_bytes = (t.scratch_bytes(p.shape.head_dim) + 63) / 64 * 64;
      const int64_t rows = p.shape.queries * p.shape.heads;
      const size_t range_bytes = t.range_bytes(rows, p.shape.head_dim);
      Guarded scratch(scratch_bytes), range(range_bytes);
      const bool low = round % 2 == 0;
      AttentionArgs x = p.args(low ? scratch.begin() : scratch.last(scratch_bytes));
      x.q = q.place(x.q, p.q.size(), low);
      x.k = k.place(x.k, p.k.size(), low);
      x.v = v.place(x.v, p.v.size(), low);
      x.out = out.place(x.out, p.out.size(), low);
      if (x.key_mask)
        x.key_mask = static_cast<uint8_t*>(mask.place(x.key_mask, p.mask.size(), low));
      if (x.bias) {
        void* const to = bias.place(p.bias.data(), p.bias.size() * 4, low);
        x.bias = static_cast<float*>(to) + p.bias_origin;
      }
      if (x.relative) {
        void* const to = relative.place(p.relative.data(), p.relative.size() * 4, low);
        x.relative = static_cast<float*>(to) + p.relative_origin;
      }
      INFO("round ", round, ": ", describe(t, p));
      t.run(x);
      if (rows > 0) CHECK(mismatch(t, x, x.queries - 1, x.heads - 1) == "");
      std::memset(low ? out.begin() : out.last(p.out.size()), 0, p.out.size());
      void* const partial = low ? range.begin() : range.last(range_bytes);
      t.range_run(x, 0, partial);
      t.merge(x, 1, partial);
      if (rows > 0) CHECK(mismatch(t, x, x.queries - 1, x.heads - 1) == "");
    }
  });
}
