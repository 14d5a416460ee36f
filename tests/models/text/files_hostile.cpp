// SPDX-License-Identifier: Apache-2.0
// Damaged and hostile vocabulary files are Errors that name what is wrong; any damage to a
// SentencePiece file is an Error or a tokenizer that runs.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../../models/text/base64.h"
#include "../../../models/text/files/sentencepiece.h"
#include "../../../models/text/files/splits.h"
#include "cases.h"

using namespace tern;
using namespace tern::test;
using hub::Json;

namespace {

using Files = std::map<std::string, std::string>;

std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}

std::string block(uint64_t field, const std::string& bytes) {
  return varint(field << 3 | 2) + varint(bytes.size()) + bytes;
}

std::string piece(const std::string& text, float score, uint64_t type) {
  std::string bits(4, '\0');
  std::copy_n(reinterpret_cast<const char*>(&score), 4, bits.data());
  return block(1, block(1, text) + varint(2 << 3 | 5) + bits + varint(3 << 3) + varint(type));
}

std::string model(const std::string& more = "") {
  return piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3) + piece("▁", -1, 1) +
         piece("a", -2, 1) + piece("▁a", -3, 1) + more;
}

struct Bad {
  Files files;
  ErrorCode code;
  const char* message;
};

void check_error(const Bad& bad) {
  std::string all;
  for (const auto& [name, text] : bad.files) all += cat(name, ": ", text.substr(0, 150), "\n");
  CAPTURE(all);
  try {
    from_files(bad.files);
    FAIL_CHECK("accepted");
  } catch (const Error& e) {
    const std::string message = e.what();
    CAPTURE(message);
    CHECK(e.code() == bad.code);
    CHECK(message.find(bad.message) != std::string::npos);
  }
}

Files with_class(const char* name, Files files, const char* more = "") {
  files["tokenizer_config.json"] = cat("{\"tokenizer_class\":\"", name, "\"", more, "}");
  return files;
}

Files pieces(const std::string& bytes, const char* name = "T5Tokenizer", const char* more = "") {
  return with_class(name, {{"tokenizer.model", bytes}}, more);
}

Files tekken(const std::string& text) {
  return with_class("PreTrainedTokenizerFast", {{"tekken.json", text}});
}

constexpr auto kCorrupt = ErrorCode::corrupt;

}  // namespace

TEST_CASE("damaged SentencePiece, tiktoken and tekken files are Errors that name what is wrong") {
  const std::string ok = model();
  const std::string float_nan("\x15\x00\x00\xC0\x7F", 5);
  const std::string special = R"("special_tokens":[{"rank":0,"token_str":"<s>"}])";
  const std::string vocab = R"("vocab":[{"token_bytes":"YQ=="}])";
  const Bad all[] = {
      {pieces(""), kCorrupt, "no pieces"},
      {pieces(ok + varint(1 << 3 | 2) + varint(1ull << 63)), kCorrupt, "as many bytes"},
      {pieces(ok + varint(1 << 3 | 2) + std::string(11, '\xFF')), kCorrupt, "varint"},
      {pieces(ok + '\x0B'), kCorrupt, "wire type"},
      {pieces(ok + std::string(2, '\0')), kCorrupt, "number"},
      {pieces(ok + "\x15\x01"), kCorrupt, "number"},
      {pieces(ok + block(1, block(1, "\xFF"))), kCorrupt, "UTF-8"},
      {pieces(ok + block(1, block(1, "x") + float_nan)), kCorrupt, "not finite"},
      {pieces(ok + block(3, block(2, "\x08\x01\x00\x00zz"))), kCorrupt, "charsmap"},
      {pieces(ok + block(2, varint(40 << 3) + varint(77)), "XLNetTokenizer"), kCorrupt, "77"},
      {pieces(ok, "PegasusTokenizer"), kCorrupt, "no piece '<unk>'"},
      {pieces(ok, "AlbertTokenizer"), kCorrupt, "'[CLS]'"},
      {pieces(ok, "BertTokenizer"), ErrorCode::unsupported, "BertTokenizer"},
      {pieces(ok, "MarianTokenizer"), ErrorCode::unsupported, "MarianTokenizer"},
      {pieces(ok, "T5Tokenizer", ",\"extra_ids\":1e9"), kCorrupt, "extra_ids"},
      {pieces(ok, "T5Tokenizer", ",\"extra_ids\":\"x\""), kCorrupt, "extra_ids"},
      {pieces(ok, "PegasusTokenizer", ",\"offset\":-1"), kCorrupt, "offset"},
      {pieces(ok, "AlbertTokenizer", ",\"keep_accents\":1"), kCorrupt, "keep_accents"},
      {pieces("YQ== 0\nYg== x\n"), kCorrupt, "line 2"},
      {pieces("YQ==0\n"), kCorrupt, "line 1"},
      {pieces("YQ== 1\n"), kCorrupt, "ranks"},
      {pieces("Y*== 0\n"), kCorrupt, "base64"},
      {pieces("== 0\n"), kCorrupt, "empty"},
      {pieces("YQ== 0\n", "T5Tokenizer",
              R"(,"added_tokens_decoder":{"999999999":{"content":"x"}})"),
       kCorrupt, "999999999"},
      {with_class("T5Tokenizer", {{"tiktoken.model", ok}}), kCorrupt, "tiktoken.model: line"},
      {tekken("{"), kCorrupt, "tekken.json"},
      {tekken("[]"), kCorrupt, "config.pattern"},
      {tekken(R"({"config":{"pattern":"a"},"vocab":{}})"), kCorrupt, "'vocab'"},
      {tekken(cat(R"({"config":{"pattern":"a"},)", vocab, "}")), ErrorCode::unsupported,
       "special_tokens"},
      {tekken(cat(R"({"config":{"pattern":"("},)", vocab, ",", special, "}")), kCorrupt, "Split"},
      {tekken(cat(R"({"config":{"pattern":"a"},"vocab":[{}],)", special, "}")), kCorrupt,
       "token_bytes"},
      {tekken(cat(R"({"config":{"pattern":"a"},"vocab":[{"token_bytes":""}],)", special, "}")),
       kCorrupt, "empty"},
      {tekken(cat(R"({"config":{"pattern":"a"},)", vocab,
                  R"(,"special_tokens":[{"rank":1,"token_str":"x"}]})")),
       kCorrupt, "ranks"},
      {tekken(cat(R"({"config":{"pattern":"a","default_num_special_tokens":1e15},)", vocab, ",",
                  special, "}")),
       kCorrupt, "default_num_special_tokens"},
      {tekken(
           cat(R"({"config":{"pattern":"a","default_vocab_size":0},)", vocab, ",", special, "}")),
       kCorrupt, "default_vocab_size"},
  };
  for (const Bad& bad : all) check_error(bad);
  CHECK(from_files(pieces(ok)).encode("a").ids == std::vector<int64_t>{5, 2});
}

TEST_CASE("damaged vocab.txt, vocab.json, merges.txt and settings are Errors") {
  const auto gpt2 = [](const char* vocab, const char* merges, const char* more = "") {
    return with_class("GPT2Tokenizer", {{"vocab.json", vocab}, {"merges.txt", merges}}, more);
  };
  const auto bert = [](const char* more) {
    return with_class("BertTokenizer", {{"vocab.txt", "[UNK]\n[CLS]\n[SEP]\n"}}, more);
  };
  const char* abc = R"({"a":0,"b":1,"ab":2})";
  const Bad all[] = {
      {gpt2("[]", ""), kCorrupt, "vocab.json"},
      {gpt2("{\"a\":0", ""), kCorrupt, "vocab.json"},
      {gpt2("{\"a\":-1}", ""), kCorrupt, "'a'"},
      {gpt2("{\"a\":1.0}", ""), kCorrupt, "'a'"},
      {gpt2("{\"a\":4294967296}", ""), kCorrupt, "4294967296"},
      {gpt2(abc, "a b\n\n"), kCorrupt, "line 2"},
      {gpt2(abc, "a b \n"), kCorrupt, "line 1"},
      {gpt2(abc, "#v\n"), kCorrupt, "line 1"},
      {gpt2(abc, "a c\n"), kCorrupt, "c"},
      {gpt2(abc, "a \xFF\n"), kCorrupt, "UTF-8"},
      {with_class("GPT2Tokenizer", {{"vocab.json", abc}}), ErrorCode::not_found, "merges.txt"},
      {with_class("GPT2Tokenizer", {{"merges.txt", ""}}), ErrorCode::not_found, "vocab.json"},
      {with_class("LlamaTokenizer", {}), ErrorCode::not_found, "tokenizer.model"},
      {with_class("BertTokenizer", {{"vocab.txt", "\xFF"}}), kCorrupt, "UTF-8"},
      {with_class("LukeTokenizer", {{"vocab.txt", "a"}}), ErrorCode::unsupported, "LukeTokenizer"},
      {bert(",\"do_lower_case\":\"yes\""), kCorrupt, "lowercase"},
      {bert(",\"cls_token\":null"), kCorrupt, "cls_token"},
      {bert(",\"added_tokens_decoder\":{\"x\":{}}"), kCorrupt, "'x'"},
      {bert(",\"added_tokens_decoder\":{\"1\":\"t\"}"), kCorrupt, "'1'"},
      {{{"vocab.txt", "a"}, {"tokenizer_config.json", "[]"}}, kCorrupt, "tokenizer_config.json"},
      {{{"vocab.txt", "a"}, {"added_tokens.json", "{\"t\":\"1\"}"}}, kCorrupt, "'t'"},
      {gpt2(abc, "a b\n", ",\"add_bos_token\":3"), kCorrupt, "add_bos_token"},
      {with_class("WhisperTokenizer", {{"vocab.json", abc}, {"merges.txt", ""}},
                  ",\"language\":\"klingon\""),
       kCorrupt, "klingon"},
  };
  for (const Bad& bad : all) check_error(bad);
  CHECK(from_files(gpt2(abc, "#version\na b\r\n")).encode("ab").ids == std::vector<int64_t>{2});
}

TEST_CASE("a SentencePiece file damaged anywhere is an Error or a tokenizer that runs") {
  const std::string whole =
      model(block(2, varint(3 << 3) + varint(2)) + block(3, varint(24) + '\1'));
  size_t built = 0;
  const auto run = [&](const std::string& bytes) {
    for (const char* name : {"T5Tokenizer", "LlamaTokenizer", "PreTrainedTokenizerFast"}) {
      try {
        const Tokenizer t = from_files(pieces(bytes, name));
        ++built;
        t.decode(t.encode("a b <s>").ids);
      } catch (const Error&) {
      }
    }
  };
  for (size_t end = 0; end <= whole.size(); ++end) run(whole.substr(0, end));
  std::mt19937 random(3);
  for (size_t i = 0; i < whole.size() * 4; ++i) {
    std::string damaged = whole;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    run(damaged);
  }
  CHECK(built > 100);
}

TEST_CASE("every way to cut a token into two is found, in time linear in the bytes") {
  using text::all_splits;
  const std::vector<std::string_view> tokens{"a", "b", "ab", "abc", "c", "", "bc", "ab", "é", "éa"};
  std::vector<std::string> found;
  for (const text::Split& s : all_splits(tokens)) {
    found.push_back(cat(s.whole, "=", s.left, "+", s.right));
  }
  // Of the two "ab" the last one stands for both.
  CHECK(found == std::vector<std::string>{"3=0+6", "3=7+4", "6=1+4", "7=0+1", "9=8+0"});
  std::string letters(1 << 20, 'a');
  std::vector<std::string_view> long_ones{std::string_view(letters)};
  for (size_t n = 1; n < 200; ++n) long_ones.push_back(std::string_view(letters).substr(0, n));
  CHECK(all_splits(long_ones).size() == 199 * 198 / 2);
}
