// SPDX-License-Identifier: Apache-2.0
// Rules of the format, one table row per way to break one.
#include "../../../hub/formats/gguf.h"

#include <doctest/doctest.h>

#include <cstring>

#include "../../../engine/base/format.h"
#include "../../allocations.h"
#include "../expect_error.h"
#include "gguf_bytes.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace {

void check_rows(const std::vector<BadBytes>& rows) {
  expect_errors(rows, parse_gguf_bytes);
}

BadBytes bad(const GgufBytes& parts, std::string_view part) {
  return {parts.made(), ErrorCode::corrupt, part};
}

std::string float_bytes(double value, size_t width) {
  const auto narrow = static_cast<float>(value);
  uint64_t bits = 0;
  if (width == 4)
    std::memcpy(&bits, &narrow, 4);
  else
    std::memcpy(&bits, &value, 8);
  return little(bits, width);
}

// A file of one Q8_0 tensor t of `dims` at `offset`.
GgufBytes one(std::initializer_list<uint64_t> dims, size_t data, uint64_t offset = 0,
              uint32_t type = 8) {
  return {.tensors = {tensor_entry("t", dims, type, offset)}, .data = data};
}

}  // namespace

TEST_CASE("metadata of every kind is read as it was written") {
  const std::string file =
      GgufBytes{
          .entries = {entry("u8", 0, little(200, 1)), entry("i8", 1, little(0xFF, 1)),
                      entry("u16", 2, little(65535, 2)), entry("i16", 3, little(0x8000, 2)),
                      entry("u32", 4, u32(4000000000)), entry("i32", 5, u32(0xFFFFFFFE)),
                      entry("f32", 6, float_bytes(1.5, 4)), entry("yes", 7, little(1, 1)),
                      entry("no", 7, little(0, 1)), entry("text", 8, gguf_string("caf\xC3\xA9")),
                      entry("empty", 8, gguf_string("")), entry("u64", 10, u64(UINT64_MAX)),
                      entry("i64", 11, u64(static_cast<uint64_t>(-5))),
                      entry("f64", 12, float_bytes(-0.1, 8)),
                      entry("ints", 9, array_value(5, 3, u32(1) + u32(0xFFFFFFFF) + u32(3))),
                      entry("words", 9, array_value(8, 2, gguf_string("a") + gguf_string(""))),
                      entry("flags", 9, array_value(7, 2, little(1, 1) + little(0, 1))),
                      entry("none", 9, array_value(6, 0, "")),
                      entry("nested", 9,
                            array_value(9, 2, array_value(0, 1, "x") + array_value(8, 0, "")))}}
          .made();
  const GgufMetadata m = parse_gguf_bytes(file).metadata;
  CHECK(m.size() == 19);
  CHECK(m.find("u8")->integer() == 200);
  CHECK(m.find("i8")->integer() == -1);
  CHECK(m.find("u16")->integer() == 65535);
  CHECK(m.find("i16")->integer() == -32768);
  CHECK(m.find("u32")->integer() == 4000000000);
  CHECK(m.find("i32")->integer() == -2);
  CHECK(m.find("f32")->number() == 1.5);
  CHECK(!m.find("f32")->integer());
  CHECK(m.find("yes")->boolean() == true);
  CHECK(m.find("no")->boolean() == false);
  CHECK(!m.find("yes")->integer());
  CHECK(!m.find("u8")->boolean());
  CHECK(m.find("text")->string() == "caf\xC3\xA9");
  CHECK(m.find("empty")->string() == "");
  CHECK(!m.find("text")->number());
  CHECK(!m.find("u64")->integer());
  CHECK(m.find("u64")->number() == 18446744073709551616.0);
  CHECK(m.find("i64")->integer() == -5);
  CHECK(m.find("f64")->number() == -0.1);
  CHECK(m.find("ints")->size() == 3);
  CHECK(m.find("ints")->integer(1) == -1);
  CHECK(m.find("ints")->number(2) == 3);
  CHECK(!m.find("ints")->integer(3));
  CHECK(m.find("ints")->bytes().size() == 12);
  CHECK(m.find("words")->strings() == std::vector<std::string_view>{"a", ""});
  CHECK(!m.find("words")->string());
  CHECK(m.find("words")->bytes().empty());
  CHECK(m.find("flags")->boolean(0) == true);
  CHECK(m.find("flags")->boolean(1) == false);
  CHECK(m.find("none")->size() == 0);
  CHECK(!m.find("none")->number());
  CHECK(m.find("nested")->element_type() == GgufType::array);
  CHECK(!m.find("nested")->strings());
  CHECK(!m.find("absent"));
  CHECK(!m.find(""));
  for (size_t i = 1; i < m.size(); ++i) CHECK(m.key(i - 1) < m.key(i));
  CHECK(m.value(0).boolean() == m.find(m.key(0))->boolean());
}

TEST_CASE("tensors come in order of their bytes, with dims as in the file and shape reversed") {
  const std::string bytes =
      GgufBytes{.tensors = {tensor_entry("late", {32, 2}, 8, 64), tensor_entry("early", {5}, 0, 0),
                            tensor_entry("point", {}, 0, 32), tensor_entry("none", {32, 0}, 2, 32)},
                .data = 64 + 2 * 34}
          .made();
  const GgufHeader h = parse_gguf_bytes(bytes);
  REQUIRE(h.tensors.size() == 4);
  CHECK(h.version == 3);
  CHECK(h.data_begin % 32 == 0);
  CHECK(h.tensors[0].name == "early");
  CHECK(h.tensors[0].begin == h.data_begin);
  CHECK(h.tensors[0].end == h.data_begin + 20);
  CHECK(h.tensors[1].name == "none");
  CHECK(h.tensors[1].begin == h.tensors[1].end);
  CHECK(h.tensors[2].name == "point");
  CHECK(h.tensors[2].end == h.tensors[2].begin + 4);
  CHECK(h.tensors[2].shape().empty());
  CHECK(h.tensors[3].name == "late");
  CHECK(h.tensors[3].type == GgmlType::q8_0);
  CHECK(h.tensors[3].dims == std::array<uint64_t, 4>{32, 2, 1, 1});
  CHECK(h.tensors[3].shape() == std::vector<int64_t>{2, 32});
  CHECK(h.tensors[3].end - h.tensors[3].begin == 68);
}

TEST_CASE("version 2 is read as version 3 is, and a file without tensors may end with the header") {
  CHECK(parse_gguf_bytes(GgufBytes{.version = 2}.made()).version == 2);
  const std::string bytes = GgufBytes{.entries = {entry("k", 0, "x")}}.made();
  const GgufHeader h = parse_gguf_bytes(bytes);
  CHECK(h.metadata.size() == 1);
  CHECK(h.tensors.empty());
}

TEST_CASE("general.alignment moves the tensors") {
  const GgufBytes parts{.entries = {entry("general.alignment", 4, u32(256))},
                        .tensors = {tensor_entry("t", {4}, 0, 256)},
                        .data = 512,
                        .alignment = 256};
  const std::string bytes = parts.made();
  const GgufHeader h = parse_gguf_bytes(bytes);
  CHECK(h.alignment == 256);
  CHECK(h.tensors[0].begin == 512);
}

TEST_CASE("each type has the bytes that its blocks need") {
  const std::tuple<uint32_t, const char*, size_t, size_t> kTypes[] = {
      {0, "F32", 1, 4},         {1, "F16", 1, 2},         {2, "Q4_0", 32, 18},
      {3, "Q4_1", 32, 20},      {6, "Q5_0", 32, 22},      {7, "Q5_1", 32, 24},
      {8, "Q8_0", 32, 34},      {9, "Q8_1", 32, 40},      {10, "Q2_K", 256, 84},
      {11, "Q3_K", 256, 110},   {12, "Q4_K", 256, 144},   {13, "Q5_K", 256, 176},
      {14, "Q6_K", 256, 210},   {15, "Q8_K", 256, 292},   {16, "IQ2_XXS", 256, 66},
      {17, "IQ2_XS", 256, 74},  {18, "IQ3_XXS", 256, 98}, {19, "IQ1_S", 256, 50},
      {20, "IQ4_NL", 32, 18},   {21, "IQ3_S", 256, 110},  {22, "IQ2_S", 256, 82},
      {23, "IQ4_XS", 256, 136}, {24, "I8", 1, 1},         {25, "I16", 1, 2},
      {26, "I32", 1, 4},        {27, "I64", 1, 8},        {28, "F64", 1, 8},
      {29, "IQ1_M", 256, 56},   {30, "BF16", 1, 2},       {34, "TQ1_0", 256, 54},
      {35, "TQ2_0", 256, 66},   {39, "MXFP4", 32, 17},    {40, "NVFP4", 64, 36},
      {41, "Q1_0", 128, 18}};
  for (const auto& row : kTypes) {
    const uint32_t type = std::get<0>(row);
    const size_t elements = std::get<2>(row), bytes = std::get<3>(row);
    CAPTURE(type);
    CHECK(to_string(static_cast<GgmlType>(type)) == std::get<1>(row));
    const std::string file = one({elements, 3}, 3 * bytes, 0, type).made();
    const GgufHeader h = parse_gguf_bytes(file);
    CHECK(h.tensors[0].end - h.tensors[0].begin == 3 * bytes);
    check_rows({bad(one({elements, 3}, 3 * bytes - 1, 0, type), "an incomplete download?")});
  }
}

TEST_CASE("a file that is no GGUF, or ends early, is corrupt and says what it may be") {
  const ErrorCode corrupt = ErrorCode::corrupt;
  check_rows({
      {"", corrupt, "the file (0 bytes) does not begin with GGUF"},
      {"GGU", corrupt, "the file (3 bytes)"},
      {"version https://git-lfs.github.com/spec/v1\n", corrupt, "git lfs pull"},
      {"<html>", corrupt, "a web page"},
      {std::string("PK\x03\x04", 4), corrupt, "a zip archive"},
      {"tjgg....", corrupt, "before GGUF"},
      {"GGUF", corrupt, "ends at byte 4, in the middle of the version"},
      {"GGUF" + u32(3) + u64(0), corrupt, "in the middle of the number of metadata entries"},
      {"GGUF" + u32(3) + u64(0) + u64(1), corrupt, "1 metadata entries cannot lie in the 0 bytes"},
  });
}

TEST_CASE("another version or byte order is unsupported and named") {
  const ErrorCode unsupported = ErrorCode::unsupported;
  check_rows({
      {"GGUF" + u32(1) + u64(0) + u64(0), unsupported, "GGUF version 1; versions 2 and 3"},
      {"GGUF" + u32(4) + u64(0) + u64(0), unsupported, "GGUF version 4"},
      {std::string("GGUF\0\0\0\3", 8) + u64(0) + u64(0), unsupported, "big-endian"},
      {std::string("GGUF\0\0\0\2", 8) + u64(0) + u64(0), unsupported, "big-endian"},
  });
}

TEST_CASE("counts that the file has no room for are corrupt before anything is allocated") {
  const auto counts = [](uint64_t tensors, uint64_t entries) {
    return "GGUF" + u32(3) + u64(tensors) + u64(entries) + std::string(64, '\0');
  };
  const ErrorCode corrupt = ErrorCode::corrupt;
  const std::vector<BadBytes> rows = {
      {counts(0, UINT64_MAX), corrupt, "18446744073709551615 metadata entries cannot lie"},
      {counts(0, uint64_t{1} << 60), corrupt, "metadata entries cannot lie"},
      {counts(0, 5), corrupt, "5 metadata entries cannot lie in the 64 bytes"},
      {counts(UINT64_MAX, 0), corrupt, "tensors cannot lie"},
      {counts(uint64_t{1} << 61, 0), corrupt, "tensors cannot lie"},
      {counts(3, 0), corrupt, "3 tensors cannot lie in the 64 bytes"},
      bad({.entries = {entry("k", 9, array_value(0, UINT64_MAX, ""))}}, "elements of metadata 'k'"),
      bad({.entries = {entry("k", 9, array_value(10, uint64_t{1} << 61, ""))}}, "cannot lie"),
      bad({.entries = {entry("k", 9, array_value(8, uint64_t{1} << 40, ""))}}, "cannot lie"),
      bad({.entries = {entry("k", 9, array_value(9, uint64_t{1} << 40, ""))}}, "cannot lie"),
      bad({.entries = {entry("k", 8, u64(UINT64_MAX))}}, "a string reaches past the end"),
      bad({.entries = {entry("k", 9, array_value(8, 2, gguf_string("a") + u64(9)))}},
          "a string reaches past the end"),
      bad({.entries = {entry("k", 12, "1234")}}, "in the middle of metadata 'k'"),
      bad({.entries = {u64(UINT64_MAX) + std::string(20, 'x')}}, "a metadata key claims"),
  };
  for (const BadBytes& row : rows) {
    start_peak();
    size_t peak = 0;
    try {
      parse_gguf_bytes(row.bytes);
    } catch (const Error&) {
      peak = peak_bytes();
    }
    CHECK(peak > 0);
    CHECK(peak < 1500);
  }
  check_rows(rows);
}

TEST_CASE("a value of an unknown kind, a boolean of two and a bad key are corrupt and named") {
  std::string deep = array_value(0, 0, "");
  for (int i = 0; i < 4; ++i) deep = array_value(9, 1, deep);
  CHECK(parse_gguf_bytes(GgufBytes{.entries = {entry("k", 9, deep)}}.made()).metadata.size() == 1);
  std::string bomb;
  for (int i = 0; i < 100'000; ++i) bomb += u32(9) + u64(1);
  check_rows({
      bad({.entries = {entry("k", 13, "12345678")}}, "metadata 'k' has the unknown type 13"),
      bad({.entries = {entry("k", 0xFFFFFFFF, "12345678")}}, "the unknown type 4294967295"),
      bad({.entries = {entry("k", 9, array_value(13, 1, "12345678"))}},
          "array of the unknown type 13"),
      bad({.entries = {entry("k", 7, little(2, 1))}}, "metadata 'k' has a boolean of value 2"),
      bad({.entries = {entry("k", 9, array_value(7, 2, little(0xFF01, 2)))}},
          "a boolean of value 255"),
      bad({.entries = {entry("", 10, u64(1))}}, "a metadata key is empty"),
      bad({.entries = {entry(std::string_view("a\0b", 3), 0, "x")}}, "no text without NUL"),
      bad({.entries = {entry("\xFF", 0, "x")}}, "no text without NUL"),
      bad({.entries = {entry("k", 0, "x"), entry("l", 0, "x"), entry("k", 0, "y")}},
          "metadata 'k' occurs twice"),
      {GgufBytes{.entries = {entry("k", 9, array_value(9, 1, deep))}}.made(),
       ErrorCode::unsupported, "metadata 'k' nests arrays more than 4 deep"},
      {GgufBytes{.entries = {entry("k", 9, bomb)}}.made(), ErrorCode::unsupported,
       "more than 4 deep"},
  });
}

TEST_CASE("an alignment that is no power of two, or no number, is corrupt") {
  const auto aligned = [](uint32_t type, std::string_view value) {
    return GgufBytes{.entries = {entry("general.alignment", type, value)}};
  };
  check_rows({
      bad(aligned(4, u32(0)), "'general.alignment' must be a power of two"),
      bad(aligned(4, u32(24)), "a power of two"),
      bad(aligned(4, u32(0x80000000)), "a power of two"),
      bad(aligned(10, u64(uint64_t{1} << 63)), "a power of two"),
      bad(aligned(5, u32(0xFFFFFFE0)), "a power of two"),
      bad(aligned(8, gguf_string("32")), "a power of two"),
      bad(aligned(9, array_value(4, 1, u32(32))), "a power of two"),
      bad(aligned(6, float_bytes(32, 4)), "a power of two"),
  });
  CHECK(parse_gguf_bytes(aligned(4, u32(1)).made()).alignment == 1);
}

TEST_CASE("a tensor's entry that cannot be is corrupt before it is used") {
  const uint64_t k32 = uint64_t{1} << 32, k62 = uint64_t{1} << 62;
  check_rows({
      bad(one({32, k32, k32}, 64), "dimensions whose product does not fit in 63 bits"),
      bad(one({k32, k32, 0}, 64), "does not fit"),
      bad(one({32, k62, 4}, 64), "does not fit"),
      bad(one({k62, 2}, 64, 0, 99), "does not fit in 63 bits"),
      bad(one({uint64_t{1} << 63}, 64), "a dimension above 2^63"),
      bad(one({UINT64_MAX}, 64), "a dimension above 2^63"),
      bad(one({k62}, 64, 0, 0), "a size that does not fit in 64 bits"),
      bad(one({k62 - 32, 2}, 64, 0, 0), "a size that does not fit in 64 bits"),
      bad(one({uint64_t{1} << 40}, 64), "tensor 't' (Q8_0) ends at byte"),
      bad(one({33}, 64), "has rows of 33 elements, and Q8_0 comes in blocks of 32"),
      bad(one({}, 64), "has rows of 1 elements"),
      bad(one({32}, 64, 8), "has the offset 8, which is no multiple of the alignment 32"),
      bad(one({32}, 64, k62), "ends at byte"),
      bad(one({32}, 64, UINT64_MAX - 31), "ends at byte"),
      bad(one({32}, 33), "ends at byte"),
      bad({.tensors = {gguf_string("t") + u32(5) + std::string(60, '\0')}}, "has 5 dimensions"),
      bad({.tensors = {gguf_string("t") + u32(UINT32_MAX) + std::string(60, '\0')}},
          "has 4294967295 dimensions"),
      bad({.tensors = {tensor_entry("\xFF", {32}, 8, 0)}, .data = 64}, "no text without NUL"),
      bad({.tensors = {u64(1000) + std::string(40, 'x')}}, "a tensor's name claims 1000 bytes"),
  });
}

TEST_CASE("of tensors that overlap or share a name the name is reported") {
  const auto two = [](uint64_t second, const char* name = "b", uint32_t type = 0) {
    return GgufBytes{
        .tensors = {tensor_entry("a", {9}, 0, 32), tensor_entry(name, {8}, type, second)},
        .data = 128};
  };
  check_rows({
      bad(two(32), "inside tensor"),
      bad(two(64), "tensor 'b' begins at byte"),
      bad(two(0, "a"), "tensor 'a' occurs twice"),
      bad(two(64, "b", 99), "inside tensor 'a'"),
  });
  CHECK(parse_gguf_bytes(two(0).made()).tensors[0].name == "b");
  CHECK(parse_gguf_bytes(two(96).made()).tensors[1].name == "b");
}

TEST_CASE("the bytes of a tensor are refused only for types that cannot be computed with") {
  for (const uint32_t type : {16u, 20u, 39u, 4u, 99u, UINT32_MAX}) {
    const std::string bytes = one({256, 1}, 256, 0, type).made();
    const StorageRef storage =
        borrowed_storage(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());
    const GgufFile file = open_gguf(storage, "m.gguf");
    const std::string part =
        cat("m.gguf: tensor 't' is of the ggml type ", to_string(static_cast<GgmlType>(type)));
    expect_error([&] { file.bytes(file.header.tensors[0]); }, ErrorCode::unsupported, part);
  }
  const std::string bytes = one({256, 1}, 272, 0, 8).made();
  const StorageRef storage =
      borrowed_storage(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());
  const GgufFile file = open_gguf(storage, "m.gguf");
  CHECK(file.bytes(file.header.tensors[0]).size() == 272);
  CHECK(as_text(file.bytes(file.header.tensors[0])) == std::string(272, '\x5A'));
}
