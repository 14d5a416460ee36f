// SPDX-License-Identifier: Apache-2.0
#include "../../../hub/formats/flax.h"

#include <doctest/doctest.h>

#include <set>

#include "../../../engine/base/bytes.h"
#include "../../allocations.h"
#include "../expect_error.h"
#include "corruption.h"
#include "msgpack_bytes.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;
namespace mp = tern::test::packed;

namespace {

FlaxFile open(const std::string& file) {
  return open_flax(borrowed_storage(as_bytes(file).data(), file.size()), "model.msgpack");
}

std::string_view bytes_of(const FlaxTensor& tensor, size_t size) {
  return as_text({tensor.storage->data() + tensor.begin, size});
}

const std::string kMark = mp::text("__msgpack_chunked_array__") + mp::head(0xC3);

/// {"w": a map that begins with the mark and goes on as `rest` of so many pairs}.
std::string marked(unsigned pairs, const std::string& rest) {
  return mp::head(0x81) + mp::text("w") + mp::head(0x80 + pairs) + kMark + rest;
}

std::string two_floats(const std::string& dtype = "float32") {
  return mp::array({2}, "aaaabbbb", dtype);
}

}  // namespace

TEST_CASE("a Flax file's arrays are views of it, by the names of the maps they lie in") {
  const std::string file = mp::map(
      {{"bert", mp::map({{"dense", mp::map({{"kernel", mp::array({2, 1}, "12345678")},
                                            {"bias", mp::array({1}, "ab", "bfloat16")}})},
                         {"empty", mp::map({})}})},
       {"step", mp::number(7)},
       {"notes", mp::list({mp::text("a"), mp::map({{"b", mp::number(1)}})})},
       {"scale",
        mp::extension(3, mp::list({mp::shape({}), mp::text("float16"), mp::binary("xy")}))},
       {"none", mp::array({0, 3}, "", "int64")},
       {"old", mp::extension(1, mp::list({mp::shape({1}), mp::binary("uint8"), mp::text("z")}))}});
  const FlaxFile opened = open(file);
  REQUIRE(opened.tensors.size() == 5);
  CHECK(opened.other_names == std::vector<std::string>{"step", "notes"});
  const auto check = [&](size_t i, const char* name, DType dtype, std::vector<int64_t> shape,
                         std::string_view bytes) {
    const FlaxTensor& tensor = opened.tensors[i];
    CHECK(tensor.name == name);
    CHECK(tensor.dtype == dtype);
    CHECK(tensor.shape == shape);
    CHECK(bytes_of(tensor, bytes.size()) == bytes);
    CHECK(reinterpret_cast<const char*>(tensor.storage->data()) == file.data());
  };
  check(0, "bert.dense.kernel", DType::f32, {2, 1}, "12345678");
  check(1, "bert.dense.bias", DType::bf16, {1}, "ab");
  check(2, "scale", DType::f16, {}, "xy");
  check(3, "none", DType::i64, {0, 3}, "");
  check(4, "old", DType::u8, {1}, "z");
}

TEST_CASE(
    "an array that Flax cut into chunks is put together in their order, whatever the file's") {
  std::vector<std::pair<std::string, std::string>> chunks;
  std::string expected;
  for (const int i : {0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9}) {  // as sorted names lie
    chunks.emplace_back(std::to_string(i),
                        mp::array({1}, std::string(4, static_cast<char>('a' + i))));
  }
  for (int i = 0; i < 12; ++i) expected += std::string(4, static_cast<char>('a' + i));
  const std::string dims = mp::map({{"1", mp::number(4)}, {"0", mp::number(3)}});
  const std::string file =
      mp::map({{"a", mp::map({{"w", mp::chunked(dims, mp::map(chunks))}, {"x", two_floats()}})}});
  const FlaxFile opened = open(file);
  REQUIRE(opened.tensors.size() == 2);
  CHECK(opened.tensors[0].name == "a.w");
  CHECK(opened.tensors[0].shape == std::vector<int64_t>{3, 4});
  CHECK(bytes_of(opened.tensors[0], 48) == expected);
  CHECK(opened.tensors[1].name == "a.x");

  const std::string single = mp::map(
      {{"w", mp::chunked(mp::map({{"0", mp::number(2)}}), mp::map({{"0", two_floats()}}))}});
  const FlaxFile one = open(single);
  CHECK(reinterpret_cast<const char*>(one.tensors.at(0).storage->data()) == single.data());
  CHECK(bytes_of(one.tensors[0], 8) == "aaaabbbb");
}

TEST_CASE("Flax files that contradict themselves are refused by name") {
  const auto w = [](const std::string& value) { return mp::map({{"w", value}}); };
  const auto array = [&](const std::vector<std::string>& parts) {
    return w(mp::extension(1, mp::list(parts)));
  };
  const std::string one = mp::map({{"0", mp::number(2)}}), chunk = mp::map({{"0", two_floats()}});
  const std::string dims = mp::text("shape") + one, chunks = mp::text("chunks") + chunk;
  const auto chunked = [&](const std::string& shape, const std::string& parts) {
    return w(mp::chunked(shape, parts));
  };
  const ErrorCode corrupt = ErrorCode::corrupt;
  expect_errors(
      {{"", corrupt, "model.msgpack: byte 0"},
       {"PK\x03\x04", corrupt, "begins with no map of names"},
       {mp::list({}), corrupt, "begins with no map of names"},
       {mp::head(0x81) + mp::number(1) + mp::number(2), corrupt,
        "the next key of its map is no text"},
       {mp::map({{"", two_floats()}}), corrupt, "a key of 0 bytes"},
       {mp::map({{std::string(4097, 'n'), two_floats()}}), corrupt, "a key of 4097 bytes"},
       {w(two_floats()) + "x", corrupt, "the weights end here, but the file goes on"},
       {w(mp::array({3}, "aaaabbbb")), corrupt,
        "tensor 'w': its shape and dtype need 12 bytes, it has 8"},
       {w(mp::array({UINT32_MAX, UINT32_MAX, UINT32_MAX}, "")), corrupt, "need too many bytes"},
       {w(mp::array({UINT64_MAX}, "")), corrupt, "something other than sizes"},
       {w(mp::array({2}, "aaaabbbb", "float31")), ErrorCode::unsupported,
        "has the dtype 'float31'"},
       {w(mp::array({2}, "a", "float4_e2m1fn_x2")), ErrorCode::unsupported, "has the dtype"},
       {array({mp::shape({1}), mp::text("uint8")}), corrupt, "not [shape, dtype, bytes]"},
       {array({mp::number(1), mp::text("uint8"), mp::binary("a")}), corrupt,
        "its shape is no short list"},
       {array({mp::list({mp::head(0xFF)}), mp::text("uint8"), mp::binary("a")}), corrupt,
        "something other than sizes"},
       {array({mp::shape({1}), mp::number(1), mp::binary("a")}), corrupt, "its dtype is no text"},
       {array({mp::shape({1}), mp::text("uint8"), mp::number(1)}), corrupt,
        "its elements are no bytes"},
       {w(mp::extension(1, mp::list({mp::shape({1}), mp::text("uint8"), mp::binary("a")}) + "x")),
        corrupt, "something follows its elements"},
       {mp::map({{"w", two_floats()}, {"w", two_floats()}}), corrupt, "the name 'w' occurs twice"},
       {mp::map({{"w", mp::map({{"x", two_floats()}})}, {"w", mp::map({{"y", two_floats()}})}}),
        corrupt, "the name 'w' occurs twice"},
       {mp::map({{"w", mp::map({{"x", two_floats()}})}, {"w.x", two_floats()}}), corrupt,
        "the name 'w.x' occurs twice"},
       {mp::map({{"w", two_floats()}, {"w", mp::number(1)}}), corrupt, "the name 'w' occurs twice"},
       {mp::map({{"x", two_floats()}, {"__msgpack_chunked_array__", mp::head(0xC3)}}), corrupt,
        "chunks that do not begin with their mark"},
       {mp::map({{"__msgpack_chunked_array__", mp::head(0xC3)}, {"shape", one}, {"chunks", chunk}}),
        corrupt, "chunks that do not begin with their mark"},
       {w(mp::map(
            {{"__msgpack_chunked_array__", mp::head(0xC2)}, {"shape", one}, {"chunks", chunk}})),
        corrupt, "chunks of another form"},
       {marked(2, chunks), corrupt, "chunks of another form"},
       {marked(3, dims + dims), corrupt, "chunks of another form"},
       {marked(3, chunks + mp::text("more") + one), corrupt, "chunks of another form"},
       {chunked(one, mp::map({})), corrupt, "it has no chunks"},
       {chunked(one, mp::number(1)), corrupt, "its chunks are no map"},
       {chunked(mp::number(1), chunk), corrupt, "its shape is no short map"},
       {chunked(mp::map({{"1", mp::number(2)}}), chunk), corrupt,
        "its dimensions have the key '1'; there are 1"},
       {chunked(mp::map({{"0", mp::number(2)}, {"0", mp::number(2)}}), chunk), corrupt,
        "other than sizes"},
       {chunked(mp::map({{"0", mp::number(3)}}), chunk), corrupt,
        "needs 12 bytes, its chunks have 8"},
       {chunked(mp::map({{"0", mp::number(UINT32_MAX)},
                         {"1", mp::number(UINT32_MAX)},
                         {"2", mp::number(UINT32_MAX)}}),
                chunk),
        corrupt, "needs too many bytes"},
       {chunked(one, mp::map({{"00", two_floats()}})), corrupt, "its chunks have the key '00'"},
       {chunked(one, mp::map({{"-1", two_floats()}})), corrupt, "its chunks have the key '-1'"},
       {chunked(one, mp::map({{"0", two_floats()}, {"0", two_floats()}})), corrupt,
        "is there twice"},
       {chunked(one, mp::map({{"0", mp::number(1)}})), corrupt, "chunk 0 is no array"},
       {chunked(one,
                mp::map({{"0", mp::array({1}, "aaaa")}, {"1", mp::array({1}, "bbbb", "int32")}})),
        corrupt, "two dtypes"}},
      open);
}

TEST_CASE("Flax maps nested too deeply or of tiny leaves, and many chunks, take little memory") {
  std::string deep;
  // A map of one, whose key is "a".
  for (int i = 0; i < 1'000'000; ++i) deep.append({'\x81', '\xA1', 'a'});
  expect_error([&] { open(deep + mp::number(1)); }, ErrorCode::corrupt, "more than 64 deep");

  std::string wide = mp::map({{std::string(4000, 'n'), ""}}) + mp::head(0xDF) + mp::big(200'000, 4);
  for (int i = 0; i < 200'000; ++i) wide += mp::text(std::to_string(i)) + mp::head(0xC0);
  start_peak();
  expect_error([&] { open(wide); }, ErrorCode::corrupt, "take more memory than the file");
  CHECK(peak_bytes() <= 4 * wide.size() + (size_t{4} << 20));

  // Chunks of nothing, each with a shape of the highest rank.
  constexpr size_t kChunks = 40'000;
  std::string chunks = mp::head(0xDE) + mp::big(kChunks, 2);
  const std::string empty =
      mp::extension(1, mp::list({mp::head(0xDC) + mp::big(64, 2) + std::string(64, '\0'),
                                 mp::text("uint8"), mp::binary("")}));
  for (size_t i = 0; i < kChunks; ++i) chunks += mp::text(std::to_string(i)) + empty;
  const std::string many = mp::map({{"w", mp::chunked(mp::map({{"0", mp::number(0)}}), chunks)}});
  start_peak();
  CHECK(open(many).tensors.size() == 1);
  CHECK(peak_bytes() <= 4 * many.size() + (size_t{4} << 20));
}

namespace {

std::vector<std::string> valid_files() {
  return {
      mp::map({{"bert", mp::map({{"kernel", mp::array({2, 1}, "12345678")},
                                 {"bias", mp::array({1}, "ab", "bfloat16")}})},
               {"step", mp::number(7)}}),
      mp::map({{"w", mp::chunked(mp::map({{"0", mp::number(3)}}),
                                 mp::map({{"0", two_floats()}, {"1", mp::array({1}, "cccc")}}))},
               {"x", two_floats("int32")}}),
      mp::map({{"l", mp::list({mp::text("a"), mp::map({{"b", mp::number(1)}})})},
               {"s", mp::extension(
                         3, mp::list({mp::shape({}), mp::text("float16"), mp::binary("xy")}))}})};
}

constexpr std::string_view kHeads =
    "\x80\x81\x82\x90\x91\x93\xA0\xA1\xC0\xC1\xC2\xC3\xC4\xC6\xC7\xC9\xCA\xCC\xCF\xD0\xD3\xD4\xD9"
    "\xDC\xDE\xDD\xDF\xE0\xFF\x01\x03";

void change(Corruptor& c, size_t at) {
  if (at < c.file.size()) c.file[at] = c.any(kHeads);
}

const char* contradiction(const std::string& file) {
  const FlaxFile opened = open(file);
  std::set<std::string_view> names;
  for (const FlaxTensor& tensor : opened.tensors) {
    if (!names.insert(tensor.name).second) return "a name twice";
    uint64_t size = bits(tensor.dtype) / 8;
    for (const int64_t dim : tensor.shape) size *= static_cast<uint64_t>(dim);
    if (tensor.begin > tensor.storage->size()) return "it begins outside its storage";
    if (size > tensor.storage->size() - tensor.begin) return "it ends outside its storage";
    if (tensor.storage->size() > file.size()) return "more bytes than the file";
  }
  return nullptr;
}

}  // namespace

TEST_CASE("any of a million corruptions of a Flax file gives an Error or arrays inside the file") {
  const Counts counts =
      check_corruptions({.files = valid_files(), .seed = 4409, .own = change}, contradiction);
  CHECK(counts.accepted > kRounds / 50);
  CHECK(counts.corrupt > kRounds / 4);
}
