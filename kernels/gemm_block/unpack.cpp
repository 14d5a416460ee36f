// SPDX-License-Identifier: Apache-2.0
// Block formats without products; see unpack.h. Portable code: loaded once.
#include "unpack.h"

#include <math.h>
#include <string.h>

namespace tern::kernels {

#include "../simd/generic.inc"

namespace {

uint16_t half_at(const uint8_t* p) {
  return static_cast<uint16_t>(p[0] | p[1] << 8);
}

// {f16 d, [f16 m,] 32 fifth bits, 16 bytes of halves}: byte i holds the codes i and i + 16.
void read_codes_5(const uint8_t* fifth, uint8_t* q) {
  const uint8_t* halves = fifth + 4;
  for (int i = 0; i < 32; i++) {
    const int half = halves[i % 16] >> (i / 16 * 4) & 15;
    q[i] = static_cast<uint8_t>(half | (fifth[i / 8] >> (i % 8) & 1) << 4);
  }
}

void unpack_q5(bool minimum, const uint8_t* p, float* out) {
  uint8_t q[32];
  read_codes_5(p + (minimum ? 4 : 2), q);
  const float d = f16_to_f32(half_at(p));
  const float m = minimum ? f16_to_f32(half_at(p + 2)) : 0;
  for (int i = 0; i < 32; i++) {
    const float product = d * static_cast<float>(minimum ? q[i] : q[i] - 16);
    out[i] = minimum ? product + m : product;
  }
}

// Pairs of bits, 32 bytes for each 128 codes: pair j of byte i is code 32 j + i.
int pair_of_bits(const uint8_t* pairs, int i) {
  return pairs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
}

// {16 bytes: scale in the low, minimum in the high half; 64 bytes of codes; f16 d, f16 dmin}.
void unpack_q2_k(const uint8_t* p, float* out) {
  const float d = f16_to_f32(half_at(p + 80)), dmin = f16_to_f32(half_at(p + 82));
  for (int i = 0; i < 256; i++) {
    const uint8_t scales = p[i / 16];
    const float scale = d * static_cast<float>(scales & 15);
    const float minimum = dmin * static_cast<float>(scales >> 4);
    out[i] = scale * static_cast<float>(pair_of_bits(p + 16, i)) - minimum;
  }
}

// {32 bytes: bit b of byte i is the third bit of code 32 b + i; 64 bytes of pairs; 12 bytes of
// scales; f16 d}. Of the scales, low halves of bytes 0 … 7 belong to 0 … 7, high ones to 8 … 15;
// pair j of byte 8 + i to 4 j + i.
int code_q3_k(const uint8_t* p, int i) {
  const int third = p[i % 32] >> (i / 32) & 1;
  return pair_of_bits(p + 32, i) | third << 2;
}
int scale_q3_k(const uint8_t* p, int i) {
  const uint8_t* packed = p + 96;
  const int low = packed[i % 8] >> (i / 8 * 4) & 15;
  return (low | (packed[8 + i % 4] >> (i / 4 * 2) & 3) << 4) - 32;
}

void unpack_q3_k(const uint8_t* p, float* out) {
  const float d = f16_to_f32(half_at(p + 108));
  for (int i = 0; i < 256; i++) {
    const float scale = d * static_cast<float>(scale_q3_k(p, i / 16));
    out[i] = scale * static_cast<float>(code_q3_k(p, i) - 4);
  }
}

void repack_q5_0(const uint8_t* p, uint8_t* out) {
  uint8_t q[32];
  read_codes_5(p + 2, q);
  memcpy(out, p, 2);
  for (int i = 0; i < 32; i++) out[2 + i] = static_cast<uint8_t>(q[i] - 16);
}

// q6_k's layout: blocks.inc.
void repack_q3_k(const uint8_t* p, uint8_t* out) {
  memset(out, 0, 192);
  for (int i = 0; i < 256; i++) {
    const int q = code_q3_k(p, i) - 4 + 32, group = i / 32;
    uint8_t* low = out + group / 4 * 64 + group % 2 * 32 + i % 32;
    uint8_t* upper = out + 128 + group / 4 * 32 + i % 32;
    *low = static_cast<uint8_t>(*low | (q & 15) << (group % 4 / 2 * 4));
    *upper = static_cast<uint8_t>(*upper | q >> 4 << (group % 4 * 2));
  }
  for (int i = 0; i < 16; i++) out[192 + i] = static_cast<uint8_t>(scale_q3_k(p, i));
  memcpy(out + 208, p + 108, 2);
}

}  // namespace

void unpack_row(UnpackFormat format, const void* row, int64_t k, float* out) {
  const uint8_t* p = static_cast<const uint8_t*>(row);
  for (int64_t at = 0; at < k;) {
    switch (format) {
      case UnpackFormat::q5_0:
      case UnpackFormat::q5_1: {
        const bool minimum = format == UnpackFormat::q5_1;
        unpack_q5(minimum, p, out + at);
        p += minimum ? 24 : 22;
        at += 32;
        break;
      }
      case UnpackFormat::q2_k:
        unpack_q2_k(p, out + at);
        p += 84;
        at += 256;
        break;
      case UnpackFormat::q3_k:
        unpack_q3_k(p, out + at);
        p += 110;
        at += 256;
        break;
    }
  }
}

void repack_row(UnpackFormat format, const void* row, int64_t k, void* out) {
  const uint8_t* p = static_cast<const uint8_t*>(row);
  uint8_t* q = static_cast<uint8_t*>(out);
  if (format == UnpackFormat::q5_0) {
    for (int64_t at = 0; at < k; at += 32, p += 22, q += 34) repack_q5_0(p, q);
  } else {
    for (int64_t at = 0; at < k; at += 256, p += 110, q += 210) repack_q3_k(p, q);
  }
}

}  // namespace tern::kernels
