// SPDX-License-Identifier: Apache-2.0
#include "../../engine/tensor.h"

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

#include "../allocations.h"
#include "scratch.h"

using namespace tern;
using namespace tern::test;

namespace {

/// 0, 1, 2, … in the given shape.
Tensor counting(Shape shape) {
  std::vector<float> values(static_cast<size_t>(shape.numel()));
  std::iota(values.begin(), values.end(), 0.0f);
  return Tensor::from<float>(values, shape);
}

std::vector<float> values_of(const Tensor& t) {
  const Tensor dense = t.clone();
  return {dense.data<float>(), dense.data<float>() + dense.numel()};
}

}  // namespace

TEST_CASE("a slice of any dimension is a view whose clone has exactly its elements") {
  const Tensor t = counting({2, 3, 4});
  const Tensor middle = t.slice(1, 1, 3);  // [2, 2, 4]
  CHECK(middle.storage().operator->() == t.storage().operator->());
  CHECK_FALSE(middle.dense());
  CHECK(values_of(middle) == std::vector<float>{4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23});
  const Tensor corner = middle.slice(2, 3, 4).slice(0, 1, 2);  // [1, 2, 1]
  CHECK(values_of(corner) == std::vector<float>{19, 23});
  CHECK(t.slice(0, 1, 2).dense());
  CHECK(values_of(t[1][2]) == std::vector<float>{20, 21, 22, 23});
  CHECK(t[1][2].shape() == Shape({4}));
  CHECK(t[0][0][3].shape() == Shape());
  CHECK(values_of(t[0][0][3]) == std::vector<float>{3});
  CHECK(t.slice(1, 2, 2).numel() == 0);
  CHECK(values_of(t.slice(1, 2, 2)).empty());
}

TEST_CASE("a view writes through to its tensor, a clone does not") {
  const Tensor t = counting({2, 3});
  t.slice(1, 1, 2)[1].data<float>()[0] = 40;
  CHECK(values_of(t) == std::vector<float>{0, 1, 2, 3, 40, 5});
  t.clone().data<float>()[0] = 7;
  CHECK(t.data<float>()[0] == 0);
}

TEST_CASE("reshape keeps the elements of a dense tensor and refuses all else") {
  const Tensor t = counting({2, 6});
  CHECK(t.reshape({3, 4})[2].data<float>()[0] == 8);
  CHECK(t[1].reshape({2, 3})[1].data<float>()[0] == 9);  // an offset is kept
  const Error count = error_of([&] { t.reshape({5}); });
  CHECK(count.code() == ErrorCode::invalid_argument);
  CHECK(contains(count.what(), "[2, 6]"));
  CHECK(contains(count.what(), "[5]"));
  CHECK(contains(error_of([&] { t.slice(1, 0, 3).reshape({6}); }).what(), "strided"));
  CHECK(counting({0, 4}).reshape({4, 0}).numel() == 0);
}

TEST_CASE("a slice outside the shape is refused") {
  const Tensor t = counting({2, 3});
  for (const auto& [axis, begin, end] :
       std::vector<std::tuple<size_t, int64_t, int64_t>>{{2, 0, 1}, {0, -1, 1}, {0, 2, 1}, {1, 0, 4}}) {
    const size_t shown = axis;  // clang 14 captures no structured binding
    CAPTURE(shown);
    CHECK(error_of([&, a = axis, b = begin, e = end] { t.slice(a, b, e); }).code() ==
          ErrorCode::invalid_argument);
  }
  CHECK(error_of([&] { t[2]; }).code() == ErrorCode::invalid_argument);
  CHECK(error_of([&] { t[0][0][0]; }).code() == ErrorCode::invalid_argument);
}

TEST_CASE("elements are read as their own type only; halves as uint16, truth values as bytes") {
  CHECK(contains(error_of([] { counting({1}).data<int32_t>(); }).what(), "float32"));
  CHECK(Tensor::empty(DType::bf16, {2}).data<uint16_t>() != nullptr);
  CHECK(Tensor::empty(DType::f16, {2}).data<const uint16_t>() != nullptr);
  CHECK(Tensor::empty(DType::boolean, {2}).data<uint8_t>() != nullptr);
  CHECK(error_of([] { Tensor::empty(DType::bf16, {2}).data<int16_t>(); }).code() == ErrorCode::internal);
}

TEST_CASE("sizes that cannot be are invalid_argument or out_of_memory, never a short buffer") {
  CHECK(error_of([] { Tensor::empty(DType::f32, {int64_t{1} << 61}); }).code() ==
        ErrorCode::invalid_argument);
  CHECK(error_of([] { Tensor::empty(DType::u8, {int64_t{1} << 60}); }).code() ==
        ErrorCode::out_of_memory);
  CHECK(error_of([] { Tensor::empty(DType::f4, {3}); }).code() == ErrorCode::invalid_argument);
  const std::vector<float> three(3);
  CHECK(error_of([&] { Tensor::from<float>(three, {4}); }).code() == ErrorCode::invalid_argument);
}

TEST_CASE("a turned tensor of any width and size is copied element by element") {
  // Sizes below, at and above the squares that are copied at a time.
  constexpr int64_t kSizes[] = {1, 2, 31, 32, 33, 70};
  const auto check = [&](auto element, DType dtype) {
    using T = decltype(element);
    for (const int64_t rows : kSizes) {
      for (const int64_t columns : kSizes) {
        std::vector<T> values(static_cast<size_t>(3 * rows * columns));
        std::iota(values.begin(), values.end(), T{1});
        const Tensor stored = Tensor::from(std::span<const T>(values), {3, columns, rows});
        const int64_t strides[] = {columns * rows, 1, rows};
        const Tensor turned(stored.storage(), dtype, {3, rows, columns}, strides, 0);
        std::vector<T> got(values.size() + 1, T{77});
        turned.copy_to(reinterpret_cast<std::byte*>(got.data()));
        bool same = got.back() == T{77};
        for (size_t at = 0; at + 1 < got.size(); ++at) {
          const auto i = static_cast<int64_t>(at), plane = rows * columns, in = i % plane;
          same = same && got[at] == values[static_cast<size_t>(i / plane * plane +
                                                               in % columns * rows + in / columns)];
        }
        CAPTURE(rows);
        CAPTURE(columns);
        CHECK(same);
      }
    }
  };
  check(uint8_t{}, DType::u8);
  check(uint16_t{}, DType::bf16);
  check(float{}, DType::f32);
  check(int64_t{}, DType::i64);
  const Tensor row = counting({6}), odd(row.storage(), DType::f32, {3}, std::vector<int64_t>{2}, 4);
  CHECK(values_of(odd) == std::vector<float>{1, 3, 5});
}

TEST_CASE("views allocate nothing and the last of them frees the bytes") {
  const long live = live_allocations();
  {
    Tensor view;
    {
      const Tensor t = counting({4, 8});
      const size_t before = allocations();
      const Tensor copy = t;
      view = copy.slice(0, 1, 3).reshape({2, 2, 4})[1];
      CHECK(allocations() == before);
    }
    CHECK(view[0].data<float>()[0] == 16);
  }
  CHECK(live_allocations() == live);
}
