// SPDX-License-Identifier: Apache-2.0
// The compression functions under hash.h: `count` blocks of 64 bytes into `state` (8 words for
// SHA-256, the first 5 for SHA-1). Called by hash.cpp only.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tern::hub {

using CompressBlocks = void (*)(uint32_t* state, const std::byte* blocks, size_t count);

extern const uint32_t kSha256Rounds[64];

void sha256_portable(uint32_t* state, const std::byte* blocks, size_t count);
void sha1_portable(uint32_t* state, const std::byte* blocks, size_t count);

/// nullptr unless this CPU has the SHA instructions.
CompressBlocks sha256_instructions() noexcept;
CompressBlocks sha1_instructions() noexcept;

}  // namespace tern::hub
