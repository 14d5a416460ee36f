// SPDX-License-Identifier: Apache-2.0
// Packing into panels, every variant of gemm: the bits of the definition for any bits of the
// weights, from rows at any address between forbidden pages.
#include <doctest/doctest.h>

#include "gemm_problem.h"

using namespace tern::test;
using namespace tern::kernels;

namespace {

/// Rows of arbitrary bits: NaNs of any payload, infinities, denormals, and floats that lie half way
/// between two values of 16 bits. At any address that is a multiple of an element.
class Bits {
 public:
  Bits(Random& rng, Format format, int64_t rows, int64_t k, int64_t stride)
      : bytes_(rows == 0 ? 0 : static_cast<int64_t>(bytes_of(format)) * ((rows - 1) * stride + k),
               rng.below(2) == 0 ? Edge::back : Edge::front,
               static_cast<int64_t>(bytes_of(format)) * rng.below(35)) {
    for (unsigned char& b : bytes_) b = static_cast<unsigned char>(rng.bits());
    for (int64_t i = 0; format == Format::f32 && i + 4 <= bytes_.size(); i += 4) {
      const int64_t kind = rng.below(4);
      uint32_t bits;
      memcpy(&bits, bytes_.data() + i, 4);
      if (kind == 0) bits = (bits & 0xffff0000u) | 0x8000u;
      if (kind == 1) bits = (bits & 0xffffe000u) | 0x1000u;
      if (kind == 2) bits = (bits & 0x8fffffffu) | 0x30000000u;  // near f16's denormals
      memcpy(bytes_.data() + i, &bits, 4);
    }
    bytes_.make_read_only();
  }
  const void* data() const { return bytes_.data(); }

 private:
  GuardedBuffer<unsigned char> bytes_;
};

/// What `table` has to make of the weights, from the panels of the generic table for its format:
/// [k][8] there, [k / group][panel][group] here.
std::vector<unsigned char> expected_panels(const GemmTable& table, GemmPack p) {
  const Variants<GemmTable> all = gemm_variants(Format::f32, table.b_format);
  const GemmTable* generic = nullptr;
  for (const GemmTable* t : all) generic = t;  // the last one
  REQUIRE(generic->isa == Isa::generic);
  std::vector<unsigned char> plain(generic->packed_bytes(p.n, p.k));
  p.out = plain.data();
  p.panel_begin = 0, p.panel_end = panels(*generic, p.n);
  generic->pack(p);
  const size_t element = bytes_of(table.b_format);
  const int64_t group = static_cast<int64_t>(table.packed_bytes(1, 1) / element) / table.panel;
  const int64_t depth = (p.k + group - 1) / group * group;
  std::vector<unsigned char> right(table.packed_bytes(p.n, p.k));
  for (int64_t j = 0; j < p.n; j++) {
    for (int64_t t = 0; t < p.k; t++) {
      const int64_t from = (j / generic->panel * p.k + t) * generic->panel + j % generic->panel;
      const int64_t to = j / table.panel * table.panel * depth +
                         (t / group * table.panel + j % table.panel) * group + t % group;
      memcpy(&right[static_cast<size_t>(to) * element], &plain[static_cast<size_t>(from) * element],
             element);
    }
  }
  return right;
}

/// One random matrix, some of its panels. False when a byte of them is wrong or one beside them
/// has been written.
bool packs_as_defined(Random& rng, const GemmTable& table, Format format, int64_t n, int64_t k) {
  const bool woven = n % 2 == 0 && rng.below(3) == 0;
  const int64_t rows = woven ? n / 2 : n, stride = k + rng.below(3) * rng.below(40);
  const Bits w(rng, format, rows, k, stride), up(rng, format, woven ? rows : 0, k, stride);
  const int64_t bytes = static_cast<int64_t>(table.packed_bytes(n, k));
  GuardedBuffer<unsigned char> out(bytes, bytes % 64 == 0 ? Edge::back : Edge::front);
  GemmPack p{w.data(), woven ? up.data() : nullptr, format, stride, n, k, out.data(), 0, 0};
  const std::vector<unsigned char> right = expected_panels(table, p);
  p.panel_begin = rng.below(panels(table, n));
  p.panel_end = between(rng, p.panel_begin, panels(table, n));
  if (rng.below(2) == 0) p.panel_begin = 0, p.panel_end = panels(table, n);
  table.pack(p);
  const int64_t panel = bytes / panels(table, n);
  bool same = out.slack_intact();
  for (int64_t i = 0; i < bytes; i++) {
    const bool inside = i >= p.panel_begin * panel && i < p.panel_end * panel;
    same = same && out[i] == (inside ? right[static_cast<size_t>(i)] : 0xa5);
  }
  INFO("w_format ", static_cast<int>(format), " n ", n, " k ", k, " stride ", stride, " woven ",
       woven, " panels ", p.panel_begin, " to ", p.panel_end);
  CHECK(same);
  return same;
}

}  // namespace

TEST_CASE("gemm: panels have the bits of the definition, from any format, size and address") {
  Random rng(15);
  for_each_gemm([&](const GemmTable& table) {
    for (const Format format : {Format::f32, Format::bf16, Format::f16}) {
      bool right = true;
      for (int round = 0; right && round < 120; round++) {
        const int64_t n = between(rng, 1, 120);
        const int64_t k = round % 2 == 0 ? between(rng, 1, 150) : 16 * between(rng, 1, 8);
        right = packs_as_defined(rng, table, format, n, k);
      }
      // Rows longer than a run of blocks.
      right = right && packs_as_defined(rng, table, format, 50, 2111);
      right = right && packs_as_defined(rng, table, format, table.panel, 4096);
    }
  });
}
