// SPDX-License-Identifier: Apache-2.0
// checked.h, bytes.h, dtype.h, shape.h, error.h, format.h, log.h
#include <doctest/doctest.h>

#include <limits>
#include <random>
#include <thread>
#include <vector>

#include "../../../engine/base/bytes.h"
#include "../../../engine/base/checked.h"
#include "../../../engine/base/dtype.h"
#include "../../../engine/base/format.h"
#include "../../../engine/base/log.h"
#include "../../../engine/base/shape.h"
#include "../scratch.h"

using namespace tern;
using tern::test::contains;
using tern::test::error_of;

TEST_CASE("a product or sum that does not fit its type is nullopt, one that just fits is exact") {
  constexpr auto kMax = std::numeric_limits<uint64_t>::max();
  CHECK(checked::mul<uint64_t>(kMax, 1) == kMax);
  CHECK(checked::mul<uint64_t>(uint64_t{1} << 32, uint64_t{1} << 31) == uint64_t{1} << 63);
  CHECK_FALSE(checked::mul<uint64_t>(uint64_t{1} << 32, uint64_t{1} << 32));
  CHECK_FALSE(checked::mul<int64_t>(std::numeric_limits<int64_t>::min(), -1));
  CHECK(checked::add<uint64_t>(kMax, 0) == kMax);
  CHECK_FALSE(checked::add<uint64_t>(kMax, 1));
  CHECK_FALSE(checked::add<int32_t>(std::numeric_limits<int32_t>::min(), -1));
}

TEST_CASE("products agree with 128-bit arithmetic") {
  std::mt19937_64 random(7);
  INFO("seed 7");
  for (int i = 0; i < 100000; ++i) {
    const auto a = static_cast<int64_t>(random()) >> (random() % 64);
    const auto b = static_cast<int64_t>(random()) >> (random() % 64);
    __extension__ const __int128 exact = static_cast<__int128>(a) * b;
    const auto got = checked::mul(a, b);
    const bool fits = exact == static_cast<int64_t>(exact);
    REQUIRE(got.has_value() == fits);
    if (got) REQUIRE(*got == static_cast<int64_t>(exact));
  }
}

TEST_CASE("a cast keeps the value or is nullopt") {
  CHECK(checked::cast<uint8_t>(255) == uint8_t{255});
  CHECK_FALSE(checked::cast<uint8_t>(256));
  CHECK_FALSE(checked::cast<uint64_t>(int64_t{-1}));
  CHECK_FALSE(checked::cast<int64_t>(std::numeric_limits<uint64_t>::max()));
  CHECK(checked::cast<int64_t>(uint64_t{1} << 62) == int64_t{1} << 62);
}

TEST_CASE("a read past the end is nullopt and leaves the cursor where it was") {
  ByteReader reader(as_bytes(std::string_view("\x01\x02\x03\x04\x05", 5)));
  CHECK(reader.read<uint32_t>() == 0x04030201u);
  CHECK(reader.offset() == 4);
  CHECK_FALSE(reader.read<uint16_t>());
  CHECK_FALSE(reader.take(2));
  CHECK_FALSE(reader.take(std::numeric_limits<uint64_t>::max()));
  CHECK(reader.remaining() == 1);
  CHECK(reader.read<uint8_t>() == uint8_t{5});
  CHECK(reader.take(0)->empty());
  CHECK_FALSE(reader.read<uint8_t>());
}

TEST_CASE("every type is found again by both of its names") {
  for (int i = 0; i <= static_cast<int>(DType::f4); ++i) {
    const auto dtype = static_cast<DType>(i);
    CAPTURE(to_string(dtype));
    CHECK(dtype_from_string(to_string(dtype)) == dtype);
    CHECK(dtype_from_safetensors(safetensors_name(dtype)) == dtype);
    CHECK(bits(dtype) > 0);
  }
  CHECK(dtype_from_string("torch.bfloat16") == DType::bf16);
  CHECK(dtype_from_string("half") == DType::f16);
  for (const char* wrong : {"", "F32", "torch.", "torch.torch.float32", "float33"}) {
    CHECK_FALSE(dtype_from_string(wrong));
  }
  for (const char* wrong : {"", "f32", "F3", "F322", "float32"}) CHECK_FALSE(dtype_from_safetensors(wrong));
}

TEST_CASE("a shape counts its elements and refuses what does not fit") {
  CHECK(Shape().numel() == 1);
  CHECK(Shape({2, 15, 384}).numel() == 2 * 15 * 384);
  CHECK(Shape({2, 15, 384}).to_string() == "[2, 15, 384]");
  CHECK(Shape({2, 3}).back() == 3);
  CHECK(Shape({2, 3}).back(1) == 2);
  CHECK(Shape({2, 3}) == Shape({2, 3}));
  CHECK_FALSE(Shape({2, 3}) == Shape({2, 3, 1}));
  const int64_t huge = int64_t{1} << 62;
  CHECK(Shape({0, huge, huge}).numel() == 0);
  CHECK(Shape({huge, 0, huge}).bytes(DType::f32) == size_t{0});
  CHECK(error_of([&] { Shape({huge, 2}); }).code() == ErrorCode::invalid_argument);
  CHECK(contains(error_of([&] { Shape({2, -1}); }).what(), "dimension 1"));
  CHECK(contains(error_of([&] { Shape({1, 1, 1, 1, 1, 1, 1, 1, 1}); }).what(), "9 dimensions"));
}

TEST_CASE("bytes of a shape are exact for packed types and nullopt when they are no whole number") {
  CHECK(Shape({3}).bytes(DType::f32) == size_t{12});
  CHECK(Shape({4}).bytes(DType::f4) == size_t{2});
  CHECK_FALSE(Shape({3}).bytes(DType::f4));
  CHECK(Shape({4}).bytes(DType::f6_e2m3) == size_t{3});
  CHECK_FALSE(Shape({int64_t{1} << 60}).bytes(DType::f32));
}

TEST_CASE("codes have the exit status and the name that are documented") {
  CHECK(exit_code(ErrorCode::internal) == 1);
  CHECK(exit_code(ErrorCode::io) == 6);
  CHECK(exit_code(ErrorCode::out_of_memory) == 9);
  CHECK(exit_code(ErrorCode::cancelled) == 130);
  CHECK(exit_code(ErrorCode::deadline) == 124);
  for (int i = 1; i <= 11; ++i) {
    CHECK(std::string(to_string(static_cast<ErrorCode>(i))) != (i == 1 ? "" : "internal"));
  }
}

TEST_CASE("cat joins numbers, texts and truth values") {
  CHECK(cat("a", 1, std::string("b"), -2.5, true, std::string_view("c"), uint8_t{7}) == "a1b-2.5truec7");
  CHECK(cat(std::numeric_limits<int64_t>::min()) == "-9223372036854775808");
}

TEST_CASE("messages reach the callback in force, and none without one") {
  std::vector<std::string> seen;
  log(LogLevel::warning, "nobody hears this");
  set_log_callback([&](LogLevel level, std::string_view text) {
    seen.push_back(cat(static_cast<int>(level), ":", text));
  });
  log(LogLevel::warning, "one");
  set_log_callback(nullptr);
  log(LogLevel::warning, "two");
  CHECK(seen == std::vector<std::string>{"2:one"});

  uint64_t sum = 0;
  set_progress_callback([&](std::string_view stage, uint64_t done, uint64_t total) {
    sum += stage.size() + done + total;
  });
  progress("load", 1, 2);
  set_progress_callback(nullptr);
  progress("load", 1, 2);
  CHECK(sum == 7);
}

TEST_CASE("the log callback may be replaced while other threads log") {
  std::atomic<int> heard{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 2000; ++i) log(LogLevel::info, "x");
    });
  }
  for (int i = 0; i < 200; ++i) {
    set_log_callback([&heard](LogLevel, std::string_view) { ++heard; });
    set_log_callback(nullptr);
  }
  for (auto& t : threads) t.join();
  CHECK(heard <= 6000);
}
