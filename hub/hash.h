// SPDX-License-Identifier: Apache-2.0
// The two hashes that name files in a hub repository: SHA-256 (FIPS 180-4) of the content for large
// files, and for small ones git's blob id, the SHA-1 of "blob <size>\0" and the content. About
// 2 GB/s where the CPU has SHA instructions. Called while a download is written and by the
// verbs verify and cache.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "../engine/base/api.h"
#include "../engine/base/bytes.h"

namespace tern::hub {

enum class HashKind { sha256, git_sha1 };

class TERN_API Hasher {
 public:
  /// `size`: bytes that will come, which git's id begins with; SHA-256 does not need it.
  Hasher(HashKind kind, uint64_t size);
  void update(Bytes bytes);
  /// Lower-case hexadecimal digits, 64 or 40. Ends the hash: update may not follow.
  std::string finish();

 private:
  void compress(const std::byte* blocks, size_t count);

  HashKind kind_;
  std::array<uint32_t, 8> state_;
  std::array<std::byte, 64> partial_;
  size_t filled_ = 0;
  uint64_t total_ = 0;
};

/// The hash of a file of `size` bytes, not of what a link at its path leads to; `read` hears how
/// many bytes were read at a time. io, not_found, denied: it cannot be read.
TERN_API std::string hash_file(const std::string& path, HashKind kind, uint64_t size,
                               const std::function<void(uint64_t)>& read);

/// 64 digits are a SHA-256, 40 a git id; false for anything else.
TERN_API bool is_hash(std::string_view text) noexcept;
/// The kind a valid hash is of.
TERN_API HashKind hash_kind(std::string_view hash) noexcept;

}  // namespace tern::hub
