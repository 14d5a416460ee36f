// SPDX-License-Identifier: Apache-2.0
#include "../../hub/hash.h"

#include <doctest/doctest.h>

#include <random>

#include "../../hub/hash_blocks.h"

using namespace tern;
using namespace tern::hub;

namespace {

std::string hash_of(HashKind kind, std::string_view text) {
  Hasher hasher(kind, text.size());
  hasher.update(as_bytes(text));
  return hasher.finish();
}

}  // namespace

TEST_CASE("SHA-256 gives the published values") {
  CHECK(hash_of(HashKind::sha256, "") ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hash_of(HashKind::sha256, "abc") ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hash_of(HashKind::sha256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hash_of(HashKind::sha256, std::string(1000000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("git's blob id is what git hash-object gives") {
  CHECK(hash_of(HashKind::git_sha1, "") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  CHECK(hash_of(HashKind::git_sha1, "test content\n") ==
        "d670460b4b4aece5915caf5c68d12f560a9fe3e4");
  CHECK(hash_of(HashKind::git_sha1, std::string(1000000, 'a')) ==
        "de1fbf0c2f34f67f01f355f31ed0cf7319643c5e");
}

TEST_CASE("a hash does not depend on how its bytes come in pieces") {
  std::mt19937 random(7);
  for (const HashKind kind : {HashKind::sha256, HashKind::git_sha1}) {
    for (size_t size = 0; size < 300; ++size) {
      std::string text(size, '\0');
      for (char& c : text) c = static_cast<char>(random());
      Hasher pieces(kind, size);
      for (size_t at = 0; at < size;) {
        const size_t piece = std::min<size_t>(size - at, random() % 80);
        pieces.update(as_bytes(std::string_view(text).substr(at, piece)));
        at += piece;
      }
      CHECK(pieces.finish() == hash_of(kind, text));
    }
  }
}

TEST_CASE("the CPU's SHA instructions and the portable code agree on any state and block") {
  std::mt19937 random(8);
  const struct {
    CompressBlocks fast, portable;
  } pairs[] = {{sha256_instructions(), sha256_portable}, {sha1_instructions(), sha1_portable}};
  for (const auto& [fast, portable] : pairs) {
    if (!fast) continue;
    for (int round = 0; round < 2000; ++round) {
      uint32_t a[8], b[8];
      std::byte blocks[3 * 64];
      for (size_t i = 0; i < 8; ++i) a[i] = b[i] = static_cast<uint32_t>(random());
      for (std::byte& byte : blocks) byte = static_cast<std::byte>(random());
      fast(a, blocks, 3);
      portable(b, blocks, 3);
      for (size_t i = 0; i < 8; ++i) REQUIRE(a[i] == b[i]);
    }
  }
}

TEST_CASE("only 40 or 64 lower-case hexadecimal digits are a hash") {
  CHECK(is_hash(std::string(40, 'a')));
  CHECK(is_hash(std::string(64, '0')));
  for (const std::string& text : {std::string(), std::string(41, 'a'), std::string(64, 'A'),
                                  std::string(40, 'g'), "../" + std::string(37, 'a')}) {
    CHECK(!is_hash(text));
  }
}
