// SPDX-License-Identifier: Apache-2.0
// Every attention variant this machine can run against a double-precision oracle: values, masks,
// memory, numbers that are none. Equality of bits is attention_rows.cpp.

#include "attention_problem.h"

using namespace tern::kernels;
using namespace tern::test::attention;
using tern::test::Edge;

namespace {

using Bytes = tern::test::GuardedBuffer<char>;

/// A copy of n objects that touches a forbidden page, to be read only.
template <class T>
struct Placed {
  Placed(const T* from, size_t n, Edge edge) : memory(static_cast<int64_t>(n * sizeof(T)), edge) {
    if (n > 0) std::memcpy(memory.data(), from, n * sizeof(T));
    memory.make_read_only();
  }
  const T* get() const { return reinterpret_cast<const T*>(memory.data()); }

  Bytes memory;
};

int64_t round_up_64(size_t bytes) {
  return static_cast<int64_t>((bytes + 63) / 64 * 64);
}

template <class T>
Placed<T> placed(const std::vector<T>& from, Edge edge) {
  return {from.data(), from.size(), edge};
}

}  // namespace

TEST_CASE("attention has variants for five pairs of formats, none for others, generic last") {
  for (Format format : {Format::f32, Format::bf16, Format::f16}) {
    for (KvFormat kv : {KvFormat::f32, KvFormat::bf16, KvFormat::int8}) {
      const auto variants = attention_variants(format, kv);
      const bool supported =
          format != Format::f16 && (format == Format::f32 || kv != KvFormat::f32);
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

TEST_CASE("attention equals the oracle for 10^5 small random shapes, shared out among variants") {
  int variants = 0;
  for_each_variant([&](const AttentionTable&) { ++variants; });
  const int shapes = 100000 / variants + 1;
  for_each_variant([=](const AttentionTable& t) {
    const uint64_t seed = 20240611;
    Random random(seed);
    for (int i = 0; i < shapes; ++i) {
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
      p.fill(random);
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
      p.fill(random);
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
    p.fill(random);
    Scratch scratch(t.scratch_bytes(37), 0xff);
    AttentionArgs x = p.args(scratch.data());
    t.run(x);
    for (int64_t i = 0; i < 5 * 37; ++i) REQUIRE(read(t.format, x.out, i) == 0.0);
    Problem none(t, dense(0, 5, 37));
    none.fill(random);
    t.run(none.args(scratch.data()));
  });
}

TEST_CASE("a bias of -inf or the lowest float masks a key; a mask wins over any bias") {
  for_each_variant([](const AttentionTable& t) {
    Random random(5);
    for (const float lowest : {-INFINITY, -FLT_MAX}) {
      Problem masked(t, dense(4, 150, 32));
      masked.fill(random);
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
        p.fill(random);
        Scratch scratch(t.scratch_bytes(32), 0xff);
        Problem in_q = p;
        write(t.format, in_q.q.data(), 2 * 32 + 3, bad);
        const AttentionArgs x = in_q.args(scratch.data());
        t.run(x);
        CHECK(std::isnan(read(t.format, x.out, 2 * 32)));
        for (int64_t row : {0, 1, 3, 4}) CHECK(mismatch(t, x, row, 0) == "");
        Problem in_v = p;
        in_v.write_value(7, 3, bad);
        const AttentionArgs y = in_v.args(scratch.data());
        t.run(y);
        for (int64_t row = 0; row < 5; ++row) {
          CHECK_FALSE(std::isfinite(read(t.format, y.out, row * 32 + 3)));
          // In int8 it is the scale of the whole row.
          CHECK(std::isfinite(read(t.format, y.out, row * 32 + 4)) ==
                (t.kv_format != KvFormat::int8));
        }
        Problem hidden = p;
        hidden.write_key(7, 3, bad);
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

TEST_CASE("scores far apart leave only the largest, whatever the sign of the scale") {
  for_each_variant([](const AttentionTable& t) {
    for (const float sign : {1.0f, -1.0f}) {
      Problem p(t, dense(2, 130, 16));
      p.options.scale = sign;
      for (int64_t j = 0; j < 130; ++j) {
        p.write_key(j, 0, j == 77 ? 1024.0f : -1024.0f);
        p.write_value(j, 0, static_cast<float>(j));
      }
      write(t.format, p.q.data(), 0, sign * 1024.0f);
      write(t.format, p.q.data(), 16, 0.0f);
      Scratch scratch(t.scratch_bytes(16), 0xff);
      t.run(p.args(scratch.data()));
      CHECK(read(t.format, p.out.data(), 0) == 77.0);
    }
  });
}

TEST_CASE("a row in int8 is within half a code of itself, and a bad one is NaN") {
  Random random(53);
  std::vector<char> row(256 + 4);
  for (int round = 0; round < 2000; ++round) {
    const int64_t d = pick(random, 1, 256);
    const bool wide = round % 2 == 0;
    const float size = std::ldexp(1.0f, static_cast<int>(pick(random, -110, 100)));
    std::vector<float> x(static_cast<size_t>(d));
    std::vector<uint16_t> narrow;
    for (float& value : x) {
      value = number(random, 1) * size;
      if (!wide) {
        narrow.push_back(static_cast<uint16_t>(tern::test::bits_from_float(value) >> 16));
        value = tern::test::float_from_bf16(narrow.back());
      }
    }
    const Format format = wide ? Format::f32 : Format::bf16;
    quantize_kv_row(wide ? static_cast<const void*>(x.data()) : narrow.data(), format, d,
                    row.data());
    const double scale = static_cast<double>(scale_of(row.data(), d));
    int largest = 0;
    for (int64_t i = 0; i < d; ++i) {
      const auto code = static_cast<signed char>(row[static_cast<size_t>(i)]);
      largest = std::max(largest, std::abs(code));
      const auto value = static_cast<double>(x[static_cast<size_t>(i)]);
      REQUIRE(std::abs(code * scale - value) <= 0.50001 * scale);
    }
    REQUIRE(largest == 127);
  }
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    const float x[] = {1, bad, 2};
    quantize_kv_row(x, Format::f32, 3, row.data());
    CHECK(std::isnan(scale_of(row.data(), 3)));
  }
  for (const float none : {0.0f, 0x1p-130f, -0x1p-149f}) {
    const float x[] = {none, 0, -none};
    quantize_kv_row(x, Format::f32, 3, row.data());
    CHECK(scale_of(row.data(), 3) == 0.0f);
    CHECK((row[0] == 0 && row[1] == 0 && row[2] == 0));
  }
  const float widest[] = {FLT_MAX, -FLT_MAX, FLT_MAX / 2};
  quantize_kv_row(widest, Format::f32, 3, row.data());
  CHECK((static_cast<signed char>(row[0]) == 127 && static_cast<signed char>(row[1]) == -127));
}

TEST_CASE("a weight is the exponential of its score's distance to the maximum") {
  for_each_variant([](const AttentionTable& t) {
    // Two keys with scores 0 and -distance and values 0 and 1: out = w / (1 + w). The score is
    // rounded three times on its way, the exponential, the sum and the quotient account for 12 u.
    const double u = std::ldexp(1.0, -24), bf16_unit = std::ldexp(1.0, -8);
    for (int i = 0; i < 2000; ++i) {
      Problem p(t, dense(1, 2, 1));
      write(t.format, p.q.data(), 0, 1.0f);
      p.write_key(0, 0, 0.0f);
      p.write_key(1, 0, -static_cast<float>(i) * 0.04f);
      p.write_value(0, 0, 0.0f);
      p.write_value(1, 0, 1.0f);
      Scratch scratch(t.scratch_bytes(1), 0xff);
      t.run(p.args(scratch.data()));
      const double score = read_kv(t.kv_format, p.k.data(), p.shape.k_stride, 1, 0, 1);
      const double w = std::exp(score);
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
    for (int round = 0; round < 600; ++round) {
      Problem p = random_problem(random, t, round % 8 == 0 ? 70 : 20, 60);
      if (round % 8 == 1) p = Problem(t, dense(2, 66, round % 3 == 0 ? 255 : 256));
      if (round < 2) p = Problem(t, dense(130, 66, 256));  // fills scratch to its end
      const Edge edge = round % 2 == 0 ? Edge::front : Edge::back;
      const auto q = placed(p.q, edge), k = placed(p.k, edge), v = placed(p.v, edge);
      const auto mask = placed(p.mask, edge);
      const auto bias = placed(p.bias, edge), relative = placed(p.relative, edge);
      const int64_t rows = p.shape.queries * p.shape.heads;
      Bytes out(static_cast<int64_t>(p.out.size()), edge);
      Bytes scratch(round_up_64(t.scratch_bytes(p.shape.head_dim)), edge);
      Bytes range(static_cast<int64_t>(t.range_bytes(rows, p.shape.head_dim)), edge);
      AttentionArgs x = p.args(scratch.data());
      x.q = q.get();
      x.k = k.get();
      x.v = v.get();
      x.out = out.data();
      if (x.key_mask) x.key_mask = mask.get();
      if (x.bias) x.bias = bias.get() + p.bias_origin;
      if (x.relative) x.relative = relative.get() + p.relative_origin;
      INFO("round ", round, ": ", describe(t, p));
      t.run(x);
      if (rows > 0) CHECK(mismatch(t, x, x.queries - 1, x.heads - 1) == "");
      std::fill(out.begin(), out.end(), char{0});
      t.range_run(x, 0, range.data());
      t.merge(x, 1, range.data());
      if (rows > 0) CHECK(mismatch(t, x, x.queries - 1, x.heads - 1) == "");
      CHECK((out.slack_intact() && scratch.slack_intact() && range.slack_intact()));
    }
  });
}
