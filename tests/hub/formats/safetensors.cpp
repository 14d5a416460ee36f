// SPDX-License-Identifier: Apache-2.0
// Rules of the format, one table row per way to break one.
#include "../../../hub/formats/safetensors.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "../../../engine/base/format.h"
#include "../expect_error.h"
#include "safetensors_bytes.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace {

void check_rows(const std::vector<BadBytes>& rows) {
  expect_errors(rows, parse_safetensors_bytes);
}

BadBytes bad(std::string_view header, std::string_view part, size_t buffer = 0) {
  return {safetensors_bytes(header, buffer), ErrorCode::corrupt, part};
}

// A header of one F32 tensor named t whose entry holds these shape and offsets.
std::string one(std::string_view shape, std::string_view offsets, std::string_view dtype = "F32") {
  return cat(R"({"t":{"dtype":")", dtype, R"(","shape":)", shape, R"(,"data_offsets":)", offsets,
             "}}");
}

}  // namespace

TEST_CASE("the header's tensors come in order of their bytes, with metadata") {
  const std::string header =
      R"( {"b":{"dtype":"I64","shape":[],"data_offsets":[16,24]},"__metadata__":{"format":"pt",)"
      R"("k":"\u00e9\n"},"a":{"data_offsets":[0,16],"shape":[2,2],"dtype":"F32"},)"
      R"("empty":{"dtype":"F32","shape":[0,7],"data_offsets":[16,16]}}   )";
  const auto parsed = parse_safetensors_bytes(safetensors_bytes(header.substr(1), 24));
  REQUIRE(parsed.tensors.size() == 3);
  const size_t buffer = 8 + header.size() - 1;
  CHECK(parsed.tensors[0].name == "a");
  CHECK(parsed.tensors[0].dtype == DType::f32);
  CHECK(parsed.tensors[0].shape == std::vector<int64_t>{2, 2});
  CHECK(parsed.tensors[0].begin == buffer);
  CHECK(parsed.tensors[0].end == buffer + 16);
  CHECK(parsed.tensors[1].name == "empty");
  CHECK(parsed.tensors[1].shape == std::vector<int64_t>{0, 7});
  CHECK(parsed.tensors[2].name == "b");
  CHECK(parsed.tensors[2].shape.empty());
  CHECK(parsed.tensors[2].end == buffer + 24);
  REQUIRE(parsed.metadata.size() == 2);
  CHECK(parsed.metadata[0] == std::pair<std::string, std::string>("format", "pt"));
  CHECK(parsed.metadata[1] == std::pair<std::string, std::string>("k", "\xC3\xA9\n"));
}

TEST_CASE("a header without tensors is a valid file") {
  CHECK(parse_safetensors_bytes(safetensors_bytes("{}")).tensors.empty());
  const auto only = parse_safetensors_bytes(safetensors_bytes(R"({"__metadata__":{}}  )"));
  CHECK(only.tensors.empty());
  CHECK(only.metadata.empty());
}

TEST_CASE("every dtype of the format is read with its width") {
  const std::pair<std::string_view, size_t> kBits[] = {
      {"BOOL", 8}, {"U8", 8},   {"I8", 8},      {"I16", 16},    {"U16", 16},    {"I32", 32},
      {"U32", 32}, {"I64", 64}, {"U64", 64},    {"F16", 16},    {"BF16", 16},   {"F32", 32},
      {"F64", 64}, {"C64", 64}, {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"F6_E2M3", 6},
      {"F6_E3M2", 6}, {"F4", 4}};
  for (const auto& entry : kBits) {
    const auto& name = entry.first;  // clang 14 captures no structured binding
    const size_t width = entry.second;
    CAPTURE(name);
    const auto parsed =
        parse_safetensors_bytes(safetensors_bytes(one("[8]", cat("[0,", width, "]"), name), width));
    CHECK(safetensors_name(parsed.tensors[0].dtype) == name);
    CHECK(bits(parsed.tensors[0].dtype) == width);
  }
}

TEST_CASE("a wrong header length is corrupt and names length and file size") {
  const std::string valid = safetensors_bytes("{}");
  const auto with_length = [&](uint64_t n) { return length_bytes(n) + valid.substr(8); };
  const ErrorCode corrupt = ErrorCode::corrupt;
  check_rows({
      {"", corrupt, "the file has 0 bytes"},
      {"\x02", corrupt, "the file has 1 bytes"},
      {valid.substr(0, 7), corrupt, "the file has 7 bytes"},
      {valid.substr(0, 8), corrupt, "the header has 2 bytes but the file only 8"},
      {valid.substr(0, 9), corrupt, "the header has 2 bytes but the file only 9"},
      {with_length(0), corrupt, "the header length is 0 (file of 10 bytes)"},
      {with_length(3), corrupt, "the header has 3 bytes but the file only 10"},
      {with_length(100'000'000), corrupt, "the header has 100000000 bytes but the file only 10"},
      {with_length(100'000'001), corrupt, "100000001 is above the limit of 100000000"},
      {with_length(uint64_t{1} << 63), corrupt, "9223372036854775808 is above the limit"},
      {with_length(UINT64_MAX), corrupt, "18446744073709551615 is above the limit"},
      {with_length(UINT64_MAX - 7), corrupt, "is above the limit"},
      {with_length(1), corrupt, "expected '"},
  });
}

TEST_CASE("a file that is something else is named as what it probably is") {
  const ErrorCode corrupt = ErrorCode::corrupt;
  check_rows({
      {"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", corrupt, "git lfs pull"},
      {"<!DOCTYPE html><html></html>", corrupt, "a web page"},
      {std::string("PK\x03\x04\0\0\x08\x08", 8) + "archive", corrupt, "a zip archive, or a PyTorch .bin file?"},
      {std::string("GGUF\3\0\0\0 and more", 17), corrupt, "a GGUF file?"},
  });
}

TEST_CASE("a header that is no plain JSON object is corrupt at the byte") {
  const std::string deep = R"({"t":{"dtype":)" + std::string(20, '[') + std::string(20, ']') + "}}";
  check_rows({
      bad("[]", "does not begin with '{'"),
      bad(" {}", "does not begin with '{'"),
      bad("\xEF\xBB\xBF{}", "does not begin with '{'"),
      bad(std::string("\0{}", 3), "does not begin with '{'"),
      bad("{", "header byte 9"),
      bad("{}x", "something other than spaces follows"),
      bad("{}}", "header byte 10: something other than spaces"),
      bad(std::string("{}\0", 3), "something other than spaces"),
      bad("{\"\xFF\":1}", "header byte 10: not valid UTF-8"),
      bad("{\"\xC0\xAF\":1}", "not valid UTF-8"),
      bad("{\"\xED\xA0\x80\":1}", "not valid UTF-8"),
      bad("{\"\xF4\x90\x80\x80\":1}", "not valid UTF-8"),
      bad("{\"\xE2\x82\":1}", "not valid UTF-8"),
      bad(R"({"\ud800":{}})", "a lone surrogate"),
      bad(R"({"\udc00x":{}})", "a lone surrogate"),
      bad(R"({"\u12g4":{}})", "four hexadecimal digits"),
      bad(R"({"\x":{}})", "an unknown escape"),
      bad("{\"a\nb\":{}}", "a control character"),
      bad("{\"a", "a string without closing quote"),
      bad("{\"a\\", "a string without closing quote"),
      bad("{\"a\\u12", "four hexadecimal digits"),
      bad(R"({"t"})", "expected ':' after a key"),
      bad(R"({"t":})", "expected '{' around a tensor's entry"),
      bad(R"({"t":[]})", "expected '{' around a tensor's entry"),
      bad(R"({"t":null})", "expected '{' around a tensor's entry"),
      bad(R"({t:{}})", "expected '\"' that begins a string"),
      bad(R"({"t":{}})", "tensor 't' lacks dtype"),
      bad(R"({"__metadata__":{},})", "expected '\"' that begins a string"),
      bad(R"({"__metadata__":{} "t":{}})", "expected '}' around the header"),
      bad(R"({"__metadata__":"x"})", "expected '{' around __metadata__"),
      bad(R"({"__metadata__":null})", "expected '{' around __metadata__"),
      bad(R"({"__metadata__":{"k":1}})", "the value of metadata 'k' is no string"),
      bad(R"({"__metadata__":{"k":{"x":"y"}}})", "the value of metadata 'k' is no string"),
      bad(std::string("{\"a\0b\":{}}", 10), "a control character"),
      bad(R"({"a\u0000b":{"dtype":"U8","shape":[],"data_offsets":[0,1]}})", "a NUL in its name", 1),
      bad(deep, "has a dtype that is no string"),
  });
}

TEST_CASE("an entry needs exactly dtype, shape and data_offsets") {
  check_rows({
      bad(R"({"t":{"shape":[1],"data_offsets":[0,4]}})", "tensor 't' lacks dtype", 4),
      bad(R"({"t":{"dtype":"F32","data_offsets":[0,4]}})", "tensor 't' lacks shape", 4),
      bad(R"({"t":{"dtype":"F32","shape":[1]}})", "tensor 't' lacks data_offsets", 4),
      bad(R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", "unknown key 'x'", 4),
      bad(R"({"t":{"dtype":1,"shape":[1],"data_offsets":[0,4]}})", "a dtype that is no string", 4),
      bad(one("{}", "[0,4]"), "a shape that is no list", 4),
      bad(one("4", "[0,4]"), "a shape that is no list", 4),
      bad(one("[1 2]", "[0,4]"), "expected ']' after a shape", 4),
      bad(one("[1,]", "[0,4]"), "shape has an entry that is no whole number", 4),
      bad(one("[\"1\"]", "[0,4]"), "shape has an entry that is no whole number", 4),
      bad(one("[null]", "[0,4]"), "shape has an entry that is no whole number", 4),
      bad(one("[1]", "4"), "data_offsets that are no list", 4),
      bad(one("[1]", "[]"), "data_offsets has an entry that is no whole number", 4),
      bad(one("[1]", "[0]"), "expected ',' between data_offsets", 4),
      bad(one("[1]", "[0,4,8]"), "expected ']' after the two data_offsets", 4),
      bad(one("[1]", "[0,-4]"), "data_offsets has an entry that is no whole number", 4),
      bad(one("[1]", "[00,4]"), "data_offsets has an entry that is no whole number", 4),
      bad(one("[1]", "[0,18446744073709551616]"), "above 2^64", 4),
  });
}

TEST_CASE("a duplicate key is corrupt and named") {
  check_rows({
      bad(R"({"t":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}})", "two dtype", 1),
      bad(R"({"t":{"dtype":"U8","shape":[],"shape":[],"data_offsets":[0,1]}})", "two shape", 1),
      bad(R"({"t":{"dtype":"U8","data_offsets":[0,1],"shape":[],"data_offsets":[0,1]}})",
          "two data_offsets", 1),
      bad(R"({"t":{"dtype":"U8","\u0064type":"U8","shape":[],"data_offsets":[0,1]}})", "two dtype",
          1),
      bad(R"({"__metadata__":{},"__metadata__":{}})", "a second __metadata__"),
      bad(R"({"__metadata__":{"k":"1","l":"2","\u006b":"3"}})", "metadata 'k' occurs twice"),
  });
}

TEST_CASE("of any two tensors with one name the name is reported") {
  constexpr size_t kCount = 7;
  for (size_t i = 0; i < kCount; ++i) {
    for (size_t j = i + 1; j < kCount; ++j) {
      std::string header = "{";
      for (size_t k = 0; k < kCount; ++k) {
        const std::string name = k == j ? cat("layer.", i) : cat("layer.", k);
        header += cat(k ? "," : "", "\"", name, R"(":{"dtype":"U8","shape":[1],"data_offsets":[)", k,
                      ",", k + 1, "]}");
      }
      check_rows({bad(header + "}", cat("tensor 'layer.", i, "' occurs twice"), kCount)});
    }
  }
}

TEST_CASE("a shape that cannot be is corrupt before it is used") {
  std::string many = "[1";
  for (int i = 0; i < 100'000; ++i) many += ",1";
  check_rows({
      bad(one("[4294967296,4294967296]", "[0,4]"), "does not fit in 64 bits", 4),
      bad(one("[9223372036854775807,2]", "[0,4]"), "does not fit in 64 bits", 4),
      bad(one("[9223372036854775807]", "[0,4]"), "does not fit in 64 bits", 4),
      bad(one("[4294967296,4294967296,0]", "[0,0]"), "does not fit in 64 bits"),
      bad(one("[9223372036854775808]", "[0,4]"), "shape has an entry above 2^63", 4),
      bad(one("[18446744073709551616]", "[0,4]"), "shape has an entry above 2^64", 4),
      bad(one("[99999999999999999999999999999]", "[0,4]"), "above 2^64", 4),
      bad(one("[-1]", "[0,4]"), "no whole number", 4),
      bad(one("[1e3]", "[0,4000]"), "no whole number", 4000),
      bad(one("[4.0]", "[0,16]"), "no whole number", 16),
      bad(one("[01]", "[0,4]"), "no whole number", 4),
      bad(one("[+1]", "[0,4]"), "no whole number", 4),
      bad(one(many + "]", "[0,4]"), "more than 64 dimensions", 4),
      bad(one("[1]", "[0,3]"), "has 3 bytes (data_offsets 0 to 3) but its shape and F32 need 4", 3),
      bad(one("[2]", "[0,4]"), "need 8", 4),
      bad(one("[]", "[0,0]"), "need 4"),
      bad(one("[0]", "[0,4]"), "need 0", 4),
  });
  const std::string full = cat(many.substr(0, 2 * 64), "]");
  CHECK(parse_safetensors_bytes(safetensors_bytes(one(full, "[0,4]"), 4)).tensors[0].shape.size() ==
        64);
}

TEST_CASE("an unknown dtype is unsupported and named with its tensor") {
  const auto unknown = [](std::string_view dtype, std::string_view part) {
    return BadBytes{safetensors_bytes(one("[1]", "[0,4]", dtype), 4), ErrorCode::unsupported, part};
  };
  check_rows({
      unknown("I4", "tensor 't' has the unknown dtype 'I4'"),
      unknown("f32", "unknown dtype 'f32'"),
      unknown("", "unknown dtype ''"),
      unknown("F32 ", "unknown dtype 'F32 '"),
      unknown("Q4_0", "unknown dtype 'Q4_0'"),
  });
}

TEST_CASE("sub-byte tensors fill whole bytes") {
  check_rows({
      bad(one("[3]", "[0,2]", "F4"), "has 12 bits (F4), no whole number of bytes", 2),
      bad(one("[1]", "[0,1]", "F6_E2M3"), "has 6 bits (F6_E2M3)", 1),
      bad(one("[4]", "[0,4]", "F6_E3M2"), "need 3", 4),
  });
  CHECK(parse_safetensors_bytes(safetensors_bytes(one("[4]", "[0,3]", "F6_E3M2"), 3)).tensors[0].end);
}

TEST_CASE("a tensor may lie at any alignment") {
  const std::string header =
      R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
      R"("b":{"dtype":"F64","shape":[1],"data_offsets":[3,11]}})";
  const auto parsed = parse_safetensors_bytes(safetensors_bytes(header, 11));
  CHECK(parsed.tensors[1].begin == 8 + header.size() + 3);
}

TEST_CASE("holes, overlaps and bytes that belong to no tensor are named") {
  const auto two = [](std::string_view first, std::string_view second) {
    return cat(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)", first,
               R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)", second, "}}");
  };
  const size_t buffer = 8 + two("[0,4]", "[4,8]").size();
  const auto at = [buffer](size_t offset) { return cat(buffer + offset); };
  check_rows({
      bad(two("[0,4]", "[5,9]"), cat("bytes ", at(4), " to ", at(5), " before tensor 'b'"), 9),
      bad(two("[1,5]", "[5,9]"), cat("bytes ", at(0), " to ", at(1), " before tensor 'a'"), 9),
      bad(two("[5,9]", "[0,4]"), "before tensor 'a' belong to no tensor", 9),
      bad(two("[0,4]", "[3,7]"), cat("tensor 'b' begins at byte ", at(3), ", inside tensor 'a'"), 7),
      bad(two("[0,4]", "[0,4]"), "inside tensor", 4),
      bad(two("[4,8]", "[0,4]"), cat("bytes ", at(8), " to ", at(9), " after tensor 'a'"), 9),
      bad(two("[4,0]", "[4,8]"), "tensor 'a' ends (0) before it begins (4)", 8),
      bad(two("[0,4]", "[4,8]"), cat("tensor 'b' ends at byte ", at(8), " but the file has ", at(7)),
          7),
      bad(two("[0,4]", "[4,8]"), "an incomplete download?"),
      bad(one("[1]", "[18446744073709551611,18446744073709551615]"), "ends at byte", 4),
      bad("{}", "after the header belong to no tensor", 1),
  });
}

TEST_CASE("of random layouts exactly those are accepted that cover the buffer") {
  constexpr unsigned kSeed = 20240611;
  CAPTURE(kSeed);
  std::mt19937 random(kSeed);
  const auto below = [&random](size_t n) { return static_cast<size_t>(random() % n); };
  size_t accepted = 0;
  for (int round = 0; round < 200'000; ++round) {
    // Cut [0, buffer) into pieces, then, mostly, move one border of one piece.
    const size_t count = 1 + below(5);
    std::vector<std::pair<size_t, size_t>> pieces;
    size_t end = 0;
    for (size_t i = 0; i < count; ++i) {
      const size_t begin = end;
      end += below(4);
      pieces.emplace_back(begin, end);
    }
    size_t buffer = end;
    auto& piece = pieces[below(count)];
    switch (below(4)) {
      case 0: piece.first = below(buffer + 2); break;
      case 1: piece.second = below(buffer + 2); break;
      case 2: buffer = below(buffer + 3); break;
      default: break;
    }
    std::shuffle(pieces.begin(), pieces.end(), random);
    std::string header = "{";
    std::vector<int> covered(buffer, 0);
    bool valid = true;
    for (size_t i = 0; i < count; ++i) {
      const auto [begin, stop] = pieces[i];
      const size_t size = stop >= begin ? stop - begin : 0;
      header += cat(i ? "," : "", "\"", i, R"(":{"dtype":"U8","shape":[)", size,
                    R"(],"data_offsets":[)", begin, ",", stop, "]}");
      valid = valid && begin <= stop && stop <= buffer;
      for (size_t k = begin; k < stop && k < buffer; ++k) ++covered[k];
    }
    valid = valid && std::all_of(covered.begin(), covered.end(), [](int n) { return n == 1; });
    // An empty tensor may lie on a border but not inside another one.
    for (const auto& [begin, stop] : pieces) {
      for (const auto& [other, other_stop] : pieces) {
        if (begin == stop && begin > other && begin < other_stop) valid = false;
      }
    }
    bool parsed = true;
    try {
      parse_safetensors_bytes(safetensors_bytes(header + "}", buffer));
    } catch (const Error& error) {
      parsed = false;
      CHECK(error.code() == ErrorCode::corrupt);
    }
    CAPTURE(header);
    CAPTURE(buffer);
    REQUIRE(parsed == valid);
    accepted += parsed;
  }
  CHECK(accepted > 40'000);
  CHECK(accepted < 160'000);
}

TEST_CASE("at most 65536 metadata entries are read") {
  std::string header = R"({"__metadata__":{"k":"")";
  for (int i = 0; i < 65536; ++i) header += cat(",\"", i, "\":\"\"");
  check_rows({bad(header + "}}", "too many metadata entries")});
}

TEST_CASE("a long or odd name is shown cut and escaped") {
  const std::string name(1000, 'n');
  const std::string header =
      cat(R"({"\n)", name, R"(":{"dtype":"U8","shape":[],"data_offsets":[0,0]}})");
  try {
    parse_safetensors_bytes(safetensors_bytes(header));
    FAIL("no error");
  } catch (const Error& error) {
    const std::string_view message = error.what();
    CHECK(message.size() < 400);
    CHECK(message.find("'\\nnnn") != std::string_view::npos);
    CHECK(message.find("n…'") != std::string_view::npos);
  }
}

TEST_CASE("less than the whole header is a mistake of the caller") {
  const std::string file = safetensors_bytes(one("[1]", "[0,4]"), 4);
  expect_error([&] { parse_safetensors(as_bytes(file).first(20), file.size(), "model.safetensors"); },
               ErrorCode::invalid_argument, "needs the whole header");
}
