// SPDX-License-Identifier: Apache-2.0
// The pickle interpreter: values of every opcode that weights need, and that nothing else happens:
// globals outside the list, opcodes that make objects, and bombs are Errors.
#include <doctest/doctest.h>

#include <memory>

#include "../../allocations.h"
#include "../expect_error.h"
#include "gadgets.h"
#include "torch_bytes.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;
using namespace std::string_literals;
using Kind = Pickle::Kind;

namespace {

constexpr PickleGlobal kGlobals[] = {
    {"collections", "OrderedDict", PickleGlobal::Use::dict},
    {"torch", "Size", PickleGlobal::Use::call},
    {"torch", "FloatStorage"},
};

/// `bytes` must outlive the result.
Pickle parse_view(const std::string& bytes) {
  return Pickle::parse({.bytes = as_bytes(bytes),
                        .offset = 1000,
                        .what = "model.bin",
                        .globals = kGlobals,
                        .file_size = bytes.size()});
}

/// A pickle with the bytes that its values point into.
struct KeptPickle : Pickle {
  std::shared_ptr<const std::string> bytes;
  explicit KeptPickle(std::shared_ptr<const std::string> kept)
      : Pickle(parse_view(*kept)), bytes(std::move(kept)) {}
};

KeptPickle parse(const std::string& bytes) {
  return KeptPickle(std::make_shared<const std::string>(bytes));
}

/// `code` between PROTO 2 and STOP. Call it with a body that leaves one value.
std::string body(const std::string& code) {
  return pickled::kBegin + code + pickled::kEnd;
}

struct Row {
  const char* what;
  std::string code;
  ErrorCode error;
  const char* message;
};

const Row kRows[] = {
    {"nothing", "", ErrorCode::corrupt, "stack is empty"},
    {"two values at the end", "NN", ErrorCode::corrupt, "left over"},
    {"a mark at the end", "N(", ErrorCode::corrupt, "stack is empty"},
    {"a value behind a mark at the end", "(N", ErrorCode::corrupt, "left over"},
    {"a byte that is no opcode", "\xFF", ErrorCode::corrupt, "255 is no opcode"},
    {"PROTO in the middle", "\x80\x02N", ErrorCode::corrupt, "no opcode"},
    {"POP", "NN0", ErrorCode::denied, "POP"},
    {"DUP", "N2", ErrorCode::denied, "DUP"},
    {"POP_MARK", "N(1", ErrorCode::denied, "POP_MARK"},
    {"NEWOBJ", "ctorch\nSize\n)\x81", ErrorCode::denied, "NEWOBJ"},
    {"NEWOBJ_EX", "ctorch\nSize\n)}\x92", ErrorCode::denied, "NEWOBJ_EX"},
    {"OBJ", "(ctorch\nSize\no", ErrorCode::denied, "OBJ"},
    {"INST", "(iposix\nsystem\n", ErrorCode::denied, "INST"},
    {"EXT1", "\x82\x01", ErrorCode::denied, "EXT1"},
    {"EXT2", "\x83\x01\x01", ErrorCode::denied, "EXT2"},
    {"EXT4", "\x84\x01\x01\x01\x01", ErrorCode::denied, "EXT4"},
    {"PERSID", "Pjunk\n", ErrorCode::denied, "PERSID"},
    {"text forms", "I1\n", ErrorCode::denied, "INT"},
    {"NEXT_BUFFER", "\x97", ErrorCode::denied, "NEXT_BUFFER"},
    {"BYTEARRAY8", "\x96", ErrorCode::denied, "BYTEARRAY8"},
    {"an empty set", "\x8F", ErrorCode::denied, "EMPTY_SET"},
    {"a global outside the list", "cposix\nsystem\n", ErrorCode::denied, "'posix.system'"},
    {"a global of a known module", "ctorch\nload\n", ErrorCode::denied, "'torch.load'"},
    {"a known name of another module", "cos\nSize\n", ErrorCode::denied, "'os.Size'"},
    {"a dotted name", "ctorch\nSize.__class__\n", ErrorCode::denied, "'torch.Size.__class__'"},
    {"a module with a blank", "ctorch \nSize\n", ErrorCode::denied, "'torch .Size'"},
    {"STACK_GLOBAL of another", "\x8C\x05posix\x8C\x06system\x93", ErrorCode::denied,
     "'posix.system'"},
    {"STACK_GLOBAL of a number", "K\x01\x8C\x06system\x93", ErrorCode::corrupt, "no text"},
    {"STACK_GLOBAL of one", "\x8C\x06system\x93", ErrorCode::corrupt, "stack is empty"},
    {"a global without end", "ctorch\nSize", ErrorCode::corrupt, "without end"},
    {"a call of a type", "ctorch\nFloatStorage\n)R", ErrorCode::denied, "torch.FloatStorage"},
    {"a call of a text", "\x8C\x01x)R", ErrorCode::denied, "no global"},
    {"a call of a call", "ctorch\nSize\n)R)R", ErrorCode::denied, "no global"},
    {"a call with a list", "ctorch\nSize\n]R", ErrorCode::corrupt, "no tuple"},
    {"a dict of two arguments", "ccollections\nOrderedDict\nNN\x86R", ErrorCode::corrupt, "more"},
    {"a dict of a number", "ccollections\nOrderedDict\nK\x01\x85R", ErrorCode::corrupt, "pairs"},
    {"a dict of numbers",
     "ccollections\nOrderedDict\n](K\x01K\x02"
     "e\x85R",
     ErrorCode::corrupt, "pairs"},
    {"a dict of a triple",
     "ccollections\nOrderedDict\n]NNN\x87"
     "a\x85R",
     ErrorCode::corrupt, "pairs"},
    {"SETITEM on a list", "]NNs", ErrorCode::corrupt, "no dict"},
    {"SETITEM on a number", "K\x01NNs", ErrorCode::corrupt, "no dict"},
    {"SETITEM on a tuple", ")NNs", ErrorCode::corrupt, "no dict"},
    {"SETITEM on a persistent", "NQNNs", ErrorCode::corrupt, "no dict"},
    {"SETITEM on a call", "ctorch\nSize\n)RNNs", ErrorCode::corrupt, "no dict"},
    {"SETITEM without a dict", "NNs", ErrorCode::corrupt, "stack is empty"},
    {"SETITEMS of three", "}(NNNu", ErrorCode::corrupt, "no value"},
    {"SETITEMS without a mark", "}NNu", ErrorCode::corrupt, "no mark"},
    {"SETITEMS across a mark", "}((NNu", ErrorCode::corrupt, "stack is empty"},
    {"APPEND to a dict", "}Na", ErrorCode::corrupt, "no list"},
    {"APPENDS to a text", "\x8C\x01x(Ne", ErrorCode::corrupt, "no list"},
    {"APPENDS to nothing", "(Ne", ErrorCode::corrupt, "stack is empty"},
    {"a tuple across a mark", "N(\x85", ErrorCode::corrupt, "stack is empty"},
    {"a tuple of more than there is", "NN\x87", ErrorCode::corrupt, "stack is empty"},
    {"TUPLE without a mark", "Nt", ErrorCode::corrupt, "no mark"},
    {"BUILD on a list", "]}b", ErrorCode::denied, "BUILD"},
    {"BUILD on a call", "ctorch\nSize\n)R}b", ErrorCode::denied, "BUILD"},
    {"BUILD with a tuple",
     "}N}\x86"
     "b",
     ErrorCode::denied, "BUILD"},
    {"BUILD with nothing", "}b", ErrorCode::corrupt, "stack is empty"},
    {"BINPERSID of nothing", "Q", ErrorCode::corrupt, "stack is empty"},
    {"an unknown memo entry", "h\x07", ErrorCode::corrupt, "no entry 7"},
    {"a gap in the memo", "Nq\x07h\x03", ErrorCode::corrupt, "no entry 3"},
    {"a memo of nothing", "q\x01", ErrorCode::corrupt, "stack is empty"},
    {"MEMOIZE of nothing", "\x94", ErrorCode::corrupt, "stack is empty"},
    {"a memo bomb", "Nr\xFF\xFF\xFF\xFF", ErrorCode::corrupt, "out of proportion"},
    {"a text beyond the end",
     "X\xFF\xFF\x00\x00"
     "abc"s,
     ErrorCode::corrupt, "cut off"},
    {"a text of 4 GB", "X\xFF\xFF\xFF\xFF", ErrorCode::corrupt, "a text or number of 4294967295"},
    {"a text of 2^64 bytes", "\x8D\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", ErrorCode::corrupt, "a text"},
    {"a negative LONG4", "\x8B\xFF\xFF\xFF\xFF", ErrorCode::corrupt, "a text or number"},
    {"a number cut off", "J\x01\x02"s, ErrorCode::corrupt, "cut off"},
    {"a frame beyond the end", "\x95\xFF\x00\x00\x00\x00\x00\x00\x00N"s, ErrorCode::corrupt,
     "frame"},
};

/// Bodies that grow out of proportion to their bytes.
std::string repeated(const std::string& what, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += what;
  return out;
}

}  // namespace

TEST_CASE("numbers, texts and containers of protocols 2 to 5 are read") {
  const KeptPickle p =
      parse(body("(NK\x05M\x01\x02J\xFE\xFF\xFF\xFF\x8A\x00\x8A\x01\xFF"s +
                 "\x8A\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F\x88\x89X\x02\x00\x00\x00hi"s +
                 "U\x01y\x8C\x01z\x8D\x01\x00\x00\x00\x00\x00\x00\x00wt"s));
  const auto items = p.items(p.root());
  REQUIRE(p.root().kind() == Kind::tuple);
  REQUIRE(items.size() == 13);
  CHECK(items[0].kind() == Kind::none);
  const int64_t numbers[] = {5, 513, -2, 0, -1, INT64_MAX};
  for (size_t i = 0; i < 6; ++i) CHECK(p.integer(items[i + 1]) == numbers[i]);
  CHECK(p.boolean(items[7]) == true);
  CHECK(p.boolean(items[8]) == false);
  const char* texts[] = {"hi", "y", "z", "w"};
  for (size_t i = 0; i < 4; ++i) CHECK(p.text(items[i + 9]) == texts[i]);
  CHECK_FALSE(p.integer(items[9]).has_value());
  CHECK_FALSE(p.text(items[1]).has_value());
  CHECK_FALSE(p.boolean(items[1]).has_value());

  const KeptPickle big = parse(body("\x8A\x0A"s + std::string(10, '\x11')));
  CHECK_FALSE(big.integer(big.root()).has_value());
  CHECK(big.long_bytes(big.root())->size() == 10);

  for (const char protocol : {'\2', '\3', '\4', '\5'}) {
    const std::string framed = "\x80"s + protocol + "\x95\x02\x00\x00\x00\x00\x00\x00\x00N."s;
    CHECK(parse(framed).root().kind() == Kind::none);
    CHECK(parse(framed + "rest").size() == framed.size());
  }
  expect_error([] { parse("\x80\x01N."); }, ErrorCode::corrupt, "protocol 1");
  expect_error([] { parse("\x80\x06N."); }, ErrorCode::corrupt, "protocol 6");
  expect_error([] { parse("N."); }, ErrorCode::corrupt, "begins with byte 128");
  expect_error([] { parse(""); }, ErrorCode::corrupt, "cut off");
}

TEST_CASE("lists and dicts grow in turns and keep their order, and the memo shares them") {
  std::string turns = "(]q\x01]q\x02}q\x03t";
  // APPEND leaves its list on the stack; the tuple at the end collects them. The dict holds the
  // first list.
  std::string grown = "("s + turns;
  for (char i = 0; i < 20; ++i) {
    grown += "h\x01K"s + i + "a"s + "h\x02K"s + i + "aNh\x03\x8C\x01"s +
             static_cast<char>('a' + i) + "h\x01s";
  }
  const KeptPickle p = parse(body(grown + "t"));
  const auto outer = p.items(p.items(p.root())[0]);
  for (const size_t list : {size_t{0}, size_t{1}}) {
    const auto items = p.items(outer[list]);
    REQUIRE(items.size() == 20);
    for (size_t i = 0; i < 20; ++i) CHECK(p.integer(items[i]) == static_cast<int64_t>(i));
  }
  const auto members = p.items(outer[2]);
  REQUIRE(members.size() == 40);
  CHECK(p.text(members[38]) == "t");
  CHECK(members[39] == outer[0]);
}

TEST_CASE("calls and persistent ids are data: callee, arguments, where they were made") {
  const KeptPickle p = parse(body("(ctorch\nSize\n(K\x02K\x03tR"s + "\x8C\x02idQ"s +
                                  "ccollections\nOrderedDict\n)R\x8C\x01kK\x07s}bt"));
  const auto items = p.items(p.root());
  REQUIRE(items.size() == 3);
  CHECK(items[0].kind() == Kind::call);
  CHECK(p.global(p.items(items[0])[0]) == size_t{1});
  CHECK(p.items(p.items(items[0])[1]).size() == 2);
  CHECK(p.where(items[0]) == 1000 + 21);
  CHECK(items[1].kind() == Kind::persistent);
  CHECK(p.text(p.items(items[1])[0]) == "id");
  CHECK(p.persistents() == std::vector<Pickle::Value>{items[1]});
  REQUIRE(items[2].kind() == Kind::dict);
  CHECK(p.integer(p.items(items[2])[1]) == 7);
}

TEST_CASE("an OrderedDict of pairs, as Python 2 wrote it, is a dict") {
  const KeptPickle p =
      parse(body("ccollections\nOrderedDict\n](](U\x01"
                 "aK\x01"
                 "e](U\x01"
                 "bK\x02"
                 "ee\x85R"));
  REQUIRE(p.root().kind() == Kind::dict);
  const auto items = p.items(p.root());
  REQUIRE(items.size() == 4);
  CHECK(p.text(items[2]) == "b");
  CHECK(p.integer(items[3]) == 2);
}

TEST_CASE("whatever else a pickle says is refused with its byte") {
  for (const Row& row : kRows) {
    CAPTURE(std::string(row.what));
    expect_error([&] { parse(body(row.code)); }, row.error, row.message);
    expect_error([&] { parse(body(row.code)); }, row.error, "model.bin: byte 10");
  }
}

TEST_CASE("every known gadget is denied and named, in both ways of naming a global") {
  size_t count = 0;
  for (const Gadget& gadget : kGadgets) {
    const std::string name = std::string(gadget.module) + "."s + gadget.name;
    CAPTURE(name);
    expect_error(
        [&] {
          open_torch(torch_zip(pickled::dict({{"x", pickled::global(gadget.module, gadget.name) +
                                                        "(\x8C\x02id"
                                                        "tR"}}),
                               {})
                         .bytes);
        },
        ErrorCode::denied, name);
    const std::string stacked = pickled::text(gadget.module) + pickled::text(gadget.name) + "\x93";
    expect_error(
        [&] {
          open_torch(kOldHead + pickled::dict({{"x", stacked + "(\x8C\x02id"
                                                               "tR"}}));
        },
        ErrorCode::denied, name);
    ++count;
  }
  CHECK(count >= 150);
}

TEST_CASE("no pickle takes memory out of proportion to the file") {
  constexpr size_t kCount = 4'000'000;
  const std::pair<const char*, std::string> bombs[] = {
      {"values", repeated("N", kCount)},
      {"marks", repeated("(", kCount)},
      {"dicts", repeated("}", kCount)},
      {"lists of lists", "]"s + repeated("]a", kCount)},
      {"tuples of tuples", ")"s + repeated("\x85", kCount)},
      {"pairs of one thing", ")q\x01"s + repeated("h\x01\x86", kCount / 3)},
      {"memo entries", "N"s + repeated("\x94", kCount)},
      {"persistents of persistents", "N"s + repeated("Q", kCount)},
      {"dicts by call", "ccollections\nOrderedDict\nq\x01"s + repeated("h\x01)R", kCount / 4)},
      {"growing in turns", "]q\x01]q\x02"s + repeated("h\x01Nah\x02Na", kCount / 8)},
      {"the memo's end", "Nr"s + little(40'000'000, 4)},
  };
  for (const auto& bomb : bombs) {
    CAPTURE(std::string(bomb.first));
    const std::string bytes = body(bomb.second);
    start_peak();
    expect_error([&] { parse_view(bytes); }, ErrorCode::corrupt, "");
    CHECK(peak_bytes() <= 4 * bytes.size() + (size_t{4} << 20));
  }
}

TEST_CASE("a pickle of endless steps ends") {
  // Frames cost nothing but steps.
  const std::string bytes = body(repeated("\x95"s + std::string(8, '\0'), 11'000'000));
  expect_error([&] { parse(bytes); }, ErrorCode::corrupt, "steps");
}
