// SPDX-License-Identifier: Apache-2.0
// Panels that outlive their process: what packing writes is pinned, and taken back only whole.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <set>

#include "../../engine/nn.h"
#include "../../engine/ops.h"
#include "../../hub/hash.h"
#include "../../kernels/isa.h"
#include "tensors.h"

using namespace tern;
using namespace tern::test;

namespace {

/// The same values on every machine.
Tensor values(int64_t rows, int64_t columns, uint32_t seed) {
  Tensor out = Tensor::empty(DType::f32, {rows, columns});
  for (int64_t i = 0; i < out.numel(); ++i) {
    const uint32_t mixed = (static_cast<uint32_t>(i) + seed) * 2654435761U;
    out.data<float>()[i] = static_cast<float>(mixed >> 8) / 16777216.0F - 0.5F;
  }
  return out;
}

std::string hash_of(const StorageRef& bytes) {
  hub::Hasher hasher(hub::HashKind::sha256, bytes->size());
  hasher.update({bytes->data(), bytes->size()});
  return hasher.finish().substr(0, 16);
}

/// Stacked with a border inside a panel, and woven.
std::string hash_of_panels(WeightFormat weights) {
  const LinearFormat format{weights};
  ThreadPool& pool = ThreadPool::shared();
  const std::array parts = {values(20, 192, 1), values(75, 192, 2)};
  const std::array halves = {values(24, 192, 3), values(24, 192, 4)};
  const auto stacked = cpu_backend().pack(pool, parts, format, false);
  const auto woven = cpu_backend().pack(pool, halves, format, true);
  return hash_of(cpu_backend().panels(*stacked)) + " " + hash_of(cpu_backend().panels(*woven));
}

}  // namespace

TEST_CASE("packers write what they wrote when kPackers in engine/cpu/pack.cpp was raised last") {
  // Another hash means that panels kept by earlier versions would be read wrongly: raise kPackers.
  struct Floats {
    const char *f32, *bf16, *f16;
  };
  constexpr Floats kFloats[] = {
      {"f7fed99a43931500 64f8391e2e7c58ba", "465b57f26bb35207 8eac38086412146d",
       "cf3faa6b24d8a7ae 086cffb83d20e07d"},
      {"e22482c47a3798fe 3c8d27de1341eb44", "72a55b5ff2fc4dc0 f5e94bb14b61d16c",
       "c62a9073604fe956 2ee5226284922a24"},
      {"c3e14b0fbbd02218 4ccfc077b35ed541", "1521533c49e7534a 5678438703f4fea0",
       "23e89b72dbe06f13 880265046af162db"}};
  std::array<std::set<std::string>, 3> layouts;
  const kernels::Isa best = kernels::isa();
  for (int level = 0; level <= static_cast<int>(best); ++level) {
    kernels::force_isa(static_cast<kernels::Isa>(level));
    CAPTURE(level);
    CHECK(hash_of_panels(WeightFormat::int8) == "316f8b5e204ff60d ec347d9c4595dc83");
    CHECK(hash_of_panels(WeightFormat::int4) == "22df1da611ef4c62 67943fa6904fbbf8");
    // Panels of floats are as wide as vectors are.
    const size_t width = std::min<size_t>(static_cast<size_t>(level), 2);
    const Floats& floats = kFloats[width];
    CHECK(hash_of_panels(WeightFormat::f32) == floats.f32);
    CHECK(hash_of_panels(WeightFormat::bf16) == floats.bf16);
    CHECK(hash_of_panels(WeightFormat::f16) == floats.f16);
    for (const WeightFormat f : {WeightFormat::f32, WeightFormat::bf16, WeightFormat::f16})
      layouts[width].insert(cpu_backend().packed_layout(LinearFormat{f}));
  }
  kernels::force_isa(best);
  std::set<std::string> all;
  size_t each = 0;
  for (const auto& some : layouts) all.insert(some.begin(), some.end()), each += some.size();
  CHECK(all.size() == each);  // no width reads another's
}

TEST_CASE("panels are a matrix again, if their size and place are right") {
  Backend& cpu = cpu_backend();
  Context ctx;
  const std::array weight = {values(75, 192, 5)};
  const Tensor x = values(9, 192, 6);
  for (const WeightFormat weights : {WeightFormat::f32, WeightFormat::bf16, WeightFormat::f16,
                                     WeightFormat::int8, WeightFormat::int4}) {
    CAPTURE(static_cast<int>(weights));
    const LinearFormat format{weights};
    const auto packed = cpu.pack(ThreadPool::shared(), weight, format, false);
    const StorageRef panels = cpu.panels(*packed);
    REQUIRE(panels);
    CHECK(panels->size() % kAlignment == 0);  // so that runs of them lie aligned in a file
    const auto adopted = cpu.adopt(75, 192, format, panels);
    REQUIRE(adopted);
    CHECK(same_bits(linear(ctx, x, *adopted, Tensor(), {}), linear(ctx, x, *packed, Tensor(), {})));
    CHECK(!cpu.adopt(75, 193, format, panels));
    CHECK(!cpu.adopt(97, 192, format, panels));
    CHECK(!cpu.adopt(75, 192, format, borrowed_storage(panels->data(), panels->size() - 64)));
    CHECK(!cpu.adopt(75, 192, format, borrowed_storage(panels->data() + 4, panels->size())));
  }
}
