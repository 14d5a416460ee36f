// SPDX-License-Identifier: Apache-2.0
#include "../../../hub/formats/msgpack.h"

#include <doctest/doctest.h>

#include "../expect_error.h"
#include "msgpack_bytes.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;
using Kind = MsgpackValue::Kind;

namespace {

MsgpackValue only(const std::string& bytes) {
  MsgpackReader reader(as_bytes(bytes), "a.msgpack");
  const MsgpackValue value = reader.next();
  CHECK(reader.at_end());
  return value;
}

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out.push_back(static_cast<char>(value));
  return out;
}

}  // namespace

TEST_CASE("every kind of MessagePack value is read as the specification writes it") {
  CHECK(only(bytes({0xC0})).kind == Kind::nil);
  CHECK(only(bytes({0xC3})).flag);
  CHECK_FALSE(only(bytes({0xC2})).flag);
  const std::pair<std::string, uint64_t> unsigned_ones[] = {
      {bytes({0x7F}), 127},
      {bytes({0xCC, 0xFF}), 255},
      {bytes({0xCD, 1, 2}), 0x0102},
      {bytes({0xCE, 1, 2, 3, 4}), 0x01020304},
      {bytes({0xCF, 255, 2, 3, 4, 5, 6, 7, 8}), 0xFF02030405060708},
      {bytes({0xD0, 5}), 5},
      {bytes({0xD3, 0x7F, 2, 3, 4, 5, 6, 7, 8}), 0x7F02030405060708}};
  for (const auto& [file, expected] : unsigned_ones) {
    const MsgpackValue value = only(file);
    CHECK(value.kind == Kind::unsigned_integer);
    CHECK(value.count == expected);
  }
  for (const std::string& file :
       {bytes({0xE0}), bytes({0xFF}), bytes({0xD0, 0x80}), bytes({0xD1, 0xFF, 0xFE}),
        bytes({0xD2, 0x80, 0, 0, 0}), bytes({0xD3, 0x80, 0, 0, 0, 0, 0, 0, 0})}) {
    CHECK(only(file).kind == Kind::negative_integer);
  }
  CHECK(only(bytes({0xCA, 0x3F, 0x80, 0, 0})).kind == Kind::floating);
  CHECK(only(bytes({0xCB, 0xC0, 0, 0, 0, 0, 0, 0, 0})).kind == Kind::floating);
  for (const std::string& file :
       {bytes({0xA2}), bytes({0xD9, 2}), bytes({0xDA, 0, 2}), bytes({0xDB, 0, 0, 0, 2})}) {
    const std::string whole = file + "ab";
    const MsgpackValue value = only(whole);
    CHECK(value.kind == Kind::text);
    CHECK(as_text(value.bytes).data() == whole.data() + file.size());
    CHECK(as_text(value.bytes) == "ab");
  }
  for (const std::string& file :
       {bytes({0xC4, 2}), bytes({0xC5, 0, 2}), bytes({0xC6, 0, 0, 0, 2})}) {
    const std::string whole = file + "ab";
    CHECK(only(whole).kind == Kind::binary);
    CHECK(as_text(only(whole).bytes) == "ab");
  }
  const std::pair<std::string, size_t> extensions[] = {
      {bytes({0xD4}), 1},       {bytes({0xD5}), 2},
      {bytes({0xD6}), 4},       {bytes({0xD7}), 8},
      {bytes({0xD8}), 16},      {bytes({0xC7, 3}), 3},
      {bytes({0xC8, 0, 3}), 3}, {bytes({0xC9, 0, 0, 0, 3}), 3}};
  for (const auto& [file, length] : extensions) {
    const std::string whole = file + bytes({0xFE}) + std::string(length, 'x');
    const MsgpackValue value = only(whole);
    CHECK(value.kind == Kind::extension);
    CHECK(value.type == -2);
    CHECK(as_text(value.bytes) == std::string(length, 'x'));
  }
}

TEST_CASE("MessagePack lists and maps give their count, and what is inside can be passed over") {
  for (const std::string& file : {bytes({0x92}), bytes({0xDC, 0, 2}), bytes({0xDD, 0, 0, 0, 2})}) {
    const std::string whole = file + bytes({0x81, 0xA1, 'k', 0x93, 1, 2, 3, 0xC4, 1, 'x', 0x07});
    MsgpackReader reader(as_bytes(whole), "a.msgpack");
    const MsgpackValue list = reader.next();
    CHECK(list.kind == Kind::array);
    CHECK(list.count == 2);
    reader.skip_inside(list);
    CHECK(reader.offset() == whole.size() - 1);
    CHECK(reader.next().count == 7);
  }
  for (const std::string& file : {bytes({0x81}), bytes({0xDE, 0, 1}), bytes({0xDF, 0, 0, 0, 1})}) {
    const std::string whole = file + bytes({1, 2});
    MsgpackReader reader(as_bytes(whole), "a.msgpack");
    const MsgpackValue map = reader.next();
    CHECK(map.kind == Kind::map);
    CHECK(map.count == 1);
    reader.skip_inside(map);
    CHECK(reader.at_end());
  }
}

TEST_CASE("cut and reserved MessagePack is corrupt, by the byte; a count is never believed") {
  const auto read_all = [](const std::string& file) {
    MsgpackReader reader(as_bytes(file), "a.msgpack", 1000);
    reader.skip_inside(reader.next());
  };
  expect_errors(
      {{"", ErrorCode::corrupt, "a.msgpack: byte 1000: 1 bytes are announced, 0 are there"},
       {bytes({0xC1}), ErrorCode::corrupt, "byte 1001: 0xC1, which MessagePack never uses"},
       {bytes({0xA2, 'a'}), ErrorCode::corrupt, "2 bytes are announced, 1 are there"},
       {bytes({0xCE, 1, 2}), ErrorCode::corrupt, "4 bytes are announced"},
       {bytes({0xC6, 255, 255, 255, 255}), ErrorCode::corrupt, "4294967295 bytes are announced"},
       {bytes({0xDD, 255, 255, 255, 255}), ErrorCode::corrupt, "a list of 4294967295"},
       {bytes({0xDF, 255, 255, 255, 255, 1}), ErrorCode::corrupt, "a map of 4294967295"},
       {bytes({0x82, 1, 2, 3}), ErrorCode::corrupt, "a map of 2"},
       {bytes({0x92, 0x91, 1}), ErrorCode::corrupt, "lists that end behind the end"},
       {bytes({0xD8, 1, 2}), ErrorCode::corrupt, "16 bytes are announced"}},
      read_all);
}

TEST_CASE("a million nested MessagePack lists do not recurse, and greedy ones end in an Error") {
  std::string deep(1'000'000, static_cast<char>(0x91));
  deep += '\x01';
  MsgpackReader reader(as_bytes(deep), "a.msgpack");
  reader.skip_inside(reader.next());
  CHECK(reader.at_end());
  // Each list claims all that follows: the sum is noticed, and not multiplied out.
  std::string greedy;
  for (int i = 0; i < 100'000; ++i) greedy += bytes({0xDD, 0, 0, 1, 0});
  MsgpackReader other(as_bytes(greedy), "a.msgpack");
  expect_error([&] { other.skip_inside(other.next()); }, ErrorCode::corrupt, "a.msgpack: byte ");
}
