// SPDX-License-Identifier: Apache-2.0
// Bits of attention: a row has the same ones in any block of queries, in any company of heads, in
// prefill and in decode, reduced at once or in ranges, with invisible keys skipped or computed.

#include "attention_problem.h"

using namespace tern::kernels;
using namespace tern::test::attention;

namespace {

/// t.run by ranges that are computed in descending order, and merged.
void run_by_ranges(const AttentionTable& t, const AttentionArgs& x) {
  const int64_t ranges = (x.keys + kAttentionRange - 1) / kAttentionRange;
  const size_t bytes = t.range_bytes(x.queries * x.heads, x.head_dim);
  Scratch partials(bytes * static_cast<size_t>(ranges), 0xff);
  char* const first = static_cast<char*>(partials.data());
  for (int64_t r = ranges; r-- > 0;) t.range_run(x, r, first + static_cast<size_t>(r) * bytes);
  t.merge(x, ranges, first);
}

/// Sizes that cross key blocks and ranges.
Problem long_problem(Random& random, const AttentionTable& t) {
  Problem p = random_problem(random, t, 40, 130);
  const int64_t d = p.shape.head_dim, heads = p.shape.heads;
  const int64_t keys = pick(random, 1, one_in(random, 3) ? 1700 : 200);
  const int64_t queries = pick(random, 1, one_in(random, 3) ? 150 : 40) / heads + 1;
  Problem q(t, {queries, keys, d, heads, p.shape.q_stride, d + 3, d, p.shape.out_stride});
  q.options = p.options;
  q.fill(random);
  q.options.position = pick(random, 0, keys);
  if (q.options.before < kAllKeys) q.options.before = pick(random, 0, keys);
  if (one_in(random, 3)) q.add_mask(random, 0.5);
  if (one_in(random, 3)) q.add_bias(random, keys);
  if (one_in(random, 3)) q.add_relative(random);
  return q;
}

/// compute(args, random) writes the bits of t.run, for long problems with scratch of other content.
template <class Compute>
void expect_same_bits(const AttentionTable& t, uint64_t seed, Compute compute) {
  Random random(seed);
  for (int round = 0; round < 150; ++round) {
    Problem p = long_problem(random, t);
    Scratch scratch(t.scratch_bytes(p.shape.head_dim), 0xff);
    t.run(p.args(scratch.data()));
    const std::vector<char> whole = p.out;
    Scratch other(t.scratch_bytes(p.shape.head_dim), 0x11);
    compute(p.args(other.data()), random);
    INFO("seed ", seed, " round ", round, ": ", describe(t, p));
    REQUIRE(p.out == whole);
  }
}

}  // namespace

TEST_CASE("a row has the same bits however the queries are split into calls") {
  for_each_variant([](const AttentionTable& t) {
    expect_same_bits(t, 13, [&](const AttentionArgs& all, Random& random) {
      for (int64_t row = 0; row < all.queries;) {
        const int64_t count = pick(random, 1, one_in(random, 2) ? 2 : 30);
        const AttentionArgs part = part_of(t, all, row, std::min(count, all.queries - row));
        t.run(part);
        row += part.queries;
      }
    });
  });
}

TEST_CASE("ranges of keys reduced on their own and merged give the bits of the whole") {
  for_each_variant([](const AttentionTable& t) {
    expect_same_bits(t, 29, [&](const AttentionArgs& x, Random&) { run_by_ranges(t, x); });
  });
}

TEST_CASE("each head of a group has the bits it has alone") {
  for_each_variant([](const AttentionTable& t) {
    const auto bytes = static_cast<int64_t>(element_bytes(t.format));
    expect_same_bits(t, 31, [&](const AttentionArgs& x, Random&) {
      for (int64_t h = 0; h < x.heads; ++h) {
        AttentionArgs one = x;
        one.heads = 1;
        one.q = static_cast<const char*>(x.q) + h * x.q_head_stride * bytes;
        one.out = static_cast<char*>(x.out) + h * x.out_head_stride * bytes;
        if (x.bias) one.bias += h * x.bias_head_stride;
        if (x.relative) one.relative += h * x.relative_head_stride;
        t.run(one);
      }
    });
  });
}

TEST_CASE("a decoded token has the bits of its row in the prefill of the whole text") {
  for_each_variant([](const AttentionTable& t) {
    Random random(37);
    for (const auto& [d, heads] :
         {std::pair<int64_t, int64_t>{64, 1}, {128, 4}, {33, 2}, {96, 8}}) {
      for (const int64_t before : {kAllKeys, int64_t{99}, int64_t{700}}) {
        const int64_t tokens = 1100;
        Problem p(t, dense(tokens, tokens, d, heads));
        p.fill(random);
        p.options.scale = 1.0f / std::sqrt(static_cast<float>(d));
        p.options.after = 0;
        p.options.before = before;
        Scratch scratch(t.scratch_bytes(d), 0xff);
        const AttentionArgs x = p.args(scratch.data());
        const bool slow = t.isa == Isa::generic;
        const int64_t first = slow ? 1000 : 0;  // of the prefill, whose rows are independent
        t.run(part_of(t, x, first, tokens - first));
        const std::vector<char> prefill = p.out;
        INFO(describe(t, p));
        for (int64_t i = std::max<int64_t>(first, 1); i < tokens; i += pick(random, 1, 80)) {
          for (int64_t count : {1, 3}) {
            AttentionArgs step = part_of(t, x, i, std::min<int64_t>(count, tokens - i));
            step.keys = i + step.queries;  // what the cache holds by then
            run_by_ranges(t, step);
            REQUIRE(p.out == prefill);
            t.run(step);
            REQUIRE(p.out == prefill);
          }
        }
      }
    }
  });
}

TEST_CASE("keys that a row does not see may hold anything, and values in blocks it does not see") {
  for_each_variant([](const AttentionTable& t) {
    Random random(41);
    for (int round = 0; round < 40; ++round) {
      const int64_t keys = 1300, d = pick(random, 1, 70), window = pick(random, 1, 200);
      Problem p(t, dense(90, keys, d));
      p.fill(random);
      p.options.position = pick(random, 300, 1000);
      p.options.before = window - 1;
      p.options.after = 0;
      Scratch scratch(t.scratch_bytes(d), 0xff);
      t.run(p.args(scratch.data()));
      Problem poisoned = p;
      // Row 40 and those before it do not see the blocks behind; those after it, not the ones
      // before.
      const int64_t last = (p.options.position + 40) / 64 * 64 + 64;
      const int64_t first = std::max<int64_t>(p.options.position + 40 - window + 1, 0) / 64 * 64;
      const int64_t at = p.options.position + 40;
      for (int64_t j = 0; j < keys; ++j) {
        const bool in_block = j >= first && j < last;
        for (int64_t c = 0; c < d; ++c) {
          if (j < at - window + 1 || j > at) poisoned.write_key(j, c, NAN);
          if (!in_block) poisoned.write_value(j, c, INFINITY);
        }
      }
      t.run(poisoned.args(scratch.data()));
      INFO("round ", round, ": ", describe(t, p));
      const auto row = static_cast<size_t>(d) * element_bytes(t.format);
      REQUIRE(std::memcmp(poisoned.out.data() + 40 * row, p.out.data() + 40 * row, row) == 0);
    }
  });
}

TEST_CASE("a window that hides keys and a bias of -inf on them give the same numbers") {
  for_each_variant([](const AttentionTable& t) {
    Random random(43);
    for (int round = 0; round < 60; ++round) {
      const int64_t d = pick(random, 1, 40), keys = pick(random, 1, 300);
      const int64_t queries = pick(random, 1, keys);
      Problem seen(t, dense(queries, keys, d, pick(random, 1, 3)));
      seen.fill(random);
      seen.options.position = pick(random, 0, keys - queries);
      Problem biased = seen;
      seen.options.after = pick(random, 0, 1) * pick(random, 0, 100);
      seen.options.before = pick(random, 0, 100);
      biased.add_bias(random, keys);
      for (int64_t h = 0; h < seen.shape.heads; ++h) {
        for (int64_t i = 0; i < queries; ++i) {
          const int64_t p = seen.options.position + i;
          float* row = biased.bias.data() + h * biased.options.bias_head_stride + i * keys;
          for (int64_t j = 0; j < keys; ++j) {
            row[j] = j < p - seen.options.before || j > p + seen.options.after ? -INFINITY : 0.0f;
          }
        }
      }
      Scratch scratch(t.scratch_bytes(d), 0xff);
      t.run(seen.args(scratch.data()));
      t.run(biased.args(scratch.data()));
      INFO("round ", round, ": ", describe(t, seen));
      const auto count = static_cast<int64_t>(seen.out.size() / element_bytes(t.format));
      for (int64_t c = 0; c < count; ++c) {
        REQUIRE(read(t.format, seen.out.data(), c) == read(t.format, biased.out.data(), c));
      }
    }
  });
}

TEST_CASE("strides, alignment and masked keys behind the last do not change a bit") {
  for_each_variant([](const AttentionTable& t) {
    Random random(17);
    for (int round = 0; round < 100; ++round) {
      const int64_t d = pick(random, 1, 96), queries = pick(random, 1, 40);
      const int64_t keys = pick(random, 1, 140), extra = pick(random, 0, 80);
      Problem a(t, dense(queries, keys, d));
      a.fill(random);
      const auto gap = [&] { return d + pick(random, 0, 50); };
      Problem b(t, {queries, keys + extra, d, 1, gap(), gap(), gap(), gap()});
      b.fill(random);
      const auto copy_rows = [&](const std::vector<char>& from, std::vector<char>& to, int64_t rows,
                                 int64_t stride, int64_t row_bytes, int64_t unit) {
        for (int64_t r = 0; r < rows; ++r) {
          std::memcpy(to.data() + r * stride * unit, from.data() + r * row_bytes,
                      static_cast<size_t>(row_bytes));
        }
      };
      const auto bytes = static_cast<int64_t>(element_bytes(t.format));
      const int64_t row = tern::kernels::kv_row_bytes(t.kv_format, d);
      const int64_t unit = t.kv_format == KvFormat::int8 ? 1 : row / d;
      copy_rows(a.q, b.q, queries, b.shape.q_stride, d * bytes, bytes);
      copy_rows(a.k, b.k, keys, b.shape.k_stride, row, unit);
      copy_rows(a.v, b.v, keys, b.shape.v_stride, row, unit);
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
