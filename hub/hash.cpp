// SPDX-License-Identifier: Apache-2.0
#include "hash.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "../engine/base/format.h"
#include "cache.h"
#include "hash_blocks.h"

namespace tern::hub {

const uint32_t kSha256Rounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

namespace {

constexpr size_t kBlock = 64, kPiece = 1 << 20;
constexpr size_t kLengthAt = 56;  // the last block ends with the length in bits

uint32_t big_endian(const std::byte* p) {
  return std::to_integer<uint32_t>(p[0]) << 24 | std::to_integer<uint32_t>(p[1]) << 16 |
         std::to_integer<uint32_t>(p[2]) << 8 | std::to_integer<uint32_t>(p[3]);
}

}  // namespace

void sha256_portable(uint32_t* state, const std::byte* block, size_t count) {
  for (; count > 0; --count, block += kBlock) {
    uint32_t w[64];
    for (size_t i = 0; i < 16; ++i) w[i] = big_endian(block + i * 4);
    for (size_t i = 16; i < 64; ++i) {
      const uint32_t a = w[i - 15], b = w[i - 2];
      w[i] = w[i - 16] + w[i - 7] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) +
             (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
    }
    uint32_t s[8];
    std::copy_n(state, 8, s);
    for (size_t i = 0; i < 64; ++i) {
      const uint32_t a = s[0], e = s[4];
      const uint32_t one = s[7] + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                           ((e & s[5]) ^ (~e & s[6])) + kSha256Rounds[i] + w[i];
      const uint32_t two = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) +
                           ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
      std::copy_backward(s, s + 7, s + 8);
      s[4] += one;
      s[0] = one + two;
    }
    for (size_t i = 0; i < 8; ++i) state[i] += s[i];
  }
}

void sha1_portable(uint32_t* state, const std::byte* block, size_t count) {
  for (; count > 0; --count, block += kBlock) {
    uint32_t w[80];
    for (size_t i = 0; i < 16; ++i) w[i] = big_endian(block + i * 4);
    for (size_t i = 16; i < 80; ++i)
      w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (size_t i = 0; i < 80; ++i) {
      uint32_t f = b ^ c ^ d, k = i < 40 ? 0x6ed9eba1 : 0xca62c1d6;
      if (i < 20) {
        f = (b & c) | (~b & d);
        k = 0x5a827999;
      } else if (i >= 40 && i < 60) {
        f = (b & c) | (b & d) | (c & d);
        k = 0x8f1bbcdc;
      }
      const uint32_t next = std::rotl(a, 5) + f + e + k + w[i];
      e = d;
      d = c;
      c = std::rotl(b, 30);
      b = a;
      a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
  }
}

namespace {

CompressBlocks compressor(HashKind kind) {
  static const CompressBlocks sha256 =
      sha256_instructions() ? sha256_instructions() : sha256_portable;
  static const CompressBlocks sha1 = sha1_instructions() ? sha1_instructions() : sha1_portable;
  return kind == HashKind::sha256 ? sha256 : sha1;
}

}  // namespace

Hasher::Hasher(HashKind kind, uint64_t size) : kind_(kind) {
  if (kind == HashKind::sha256) {
    state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
              0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    return;
  }
  state_ = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0, 0, 0, 0};
  std::string header = cat("blob ", size);
  header += '\0';
  update(as_bytes(header));
}

void Hasher::compress(const std::byte* blocks, size_t count) {
  compressor(kind_)(state_.data(), blocks, count);
}

void Hasher::update(Bytes bytes) {
  total_ += bytes.size();
  if (filled_ > 0) {
    const size_t piece = std::min(kBlock - filled_, bytes.size());
    std::copy_n(bytes.data(), piece, partial_.data() + filled_);
    filled_ += piece;
    bytes = bytes.subspan(piece);
    if (filled_ < kBlock) return;
    compress(partial_.data(), 1);
  }
  compress(bytes.data(), bytes.size() / kBlock);
  const Bytes rest = bytes.last(bytes.size() % kBlock);
  std::copy_n(rest.data(), rest.size(), partial_.data());
  filled_ = rest.size();
}

std::string Hasher::finish() {
  const uint64_t bits = total_ * 8;
  std::array<std::byte, 2 * kBlock> end{};
  std::copy_n(partial_.data(), filled_, end.data());
  end[filled_] = std::byte{0x80};
  const size_t blocks = filled_ < kLengthAt ? 1 : 2;
  for (size_t i = 0; i < 8; ++i) {
    end[blocks * kBlock - 1 - i] = static_cast<std::byte>(bits >> (8 * i));
  }
  compress(end.data(), blocks);
  std::string hex;
  const size_t words = kind_ == HashKind::sha256 ? 8 : 5;
  for (size_t i = 0; i < words * 8; ++i) {
    hex += "0123456789abcdef"[state_[i / 8] >> (28 - 4 * (i % 8)) & 15];
  }
  return hex;
}

std::string hash_file(const std::string& path, HashKind kind, uint64_t size,
                      const std::function<void(uint64_t)>& read) {
  const OpenedFile file(path, OpenMode::read);
  Hasher hasher(kind, size);
  std::vector<std::byte> piece(kPiece);
  for (uint64_t at = 0;;) {
    const size_t got = env().read_at(*file, path, piece, at);
    if (got == 0) return hasher.finish();
    hasher.update(Bytes(piece).first(got));
    at += got;
    read(got);
  }
}

bool is_hash(std::string_view text) noexcept {
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return (text.size() == 40 || text.size() == 64) && std::all_of(text.begin(), text.end(), hex);
}

HashKind hash_kind(std::string_view hash) noexcept {
  return hash.size() == 64 ? HashKind::sha256 : HashKind::git_sha1;
}

}  // namespace tern::hub
