// SPDX-License-Identifier: Apache-2.0
// Prequantized weights as numbers, or as the blocks that products run from; see
// prequantized_weight.h.
#include "prequantized_weight.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/context.h"
#include "../engine/nn.h"
#include "key_names.h"
#include "stored_tensor.h"

namespace tern {

namespace {

constexpr int64_t kTile = 32;                 // outputs whose codes are taken apart at a time
constexpr int64_t kChunk = int64_t{1} << 20;  // weights that lie in f32 before they are rounded

/// Where the eight columns of a word lie in it.
constexpr std::array<unsigned, 8> kAwqShifts = {0, 16, 4, 20, 8, 24, 12, 28};

uint32_t word_at(const Tensor& words, int64_t index) {
  uint32_t word;
  std::memcpy(&word, words.raw() + static_cast<size_t>(index) * sizeof word, sizeof word);
  return word;
}

/// Field `i` of a stream of bits; the word behind its last is read too.
uint8_t field(const uint32_t* words, size_t i, size_t bits) {
  const size_t at = i * bits;
  const uint64_t two = words[at / 32] | uint64_t{words[at / 32 + 1]} << 32;
  return static_cast<uint8_t>(two >> at % 32 & ((1U << bits) - 1));
}

class Unpacker {
 public:
  Unpacker(const PrequantizedWeight& w, std::string_view name)
      : w_(w),
        bits_(static_cast<size_t>(w.format.bits)),
        stride_(w.in + 64),  // rows that do not fall on the same lines of the cache
        stored_scales_(runnable(w.scales, name)),
        scales_(to_f32(stored_scales_)),
        codes_(static_cast<size_t>(pool_.threads() * kTile * stride_)) {
    if (w.format.awq) {
      read_awq_zeros();
    } else {
      read_gptq_zeros();
    }
  }

  /// Calls row(o, codes of the output o) for outputs [begin, end), on the pool.
  template <class Row>
  void for_rows(int64_t begin, int64_t end, const Row& row) {
    // Made before the region: a tile must not throw, so it does not allocate.
    pool_.parallel_for((end - begin + kTile - 1) / kTile, [&](int64_t tile, int worker) {
      const int64_t first = begin + tile * kTile, count = std::min(kTile, end - first);
      uint8_t* codes = codes_.data() + worker * kTile * stride_;
      if (w_.format.awq) {
        read_awq(first, count, codes);
      } else {
        read_gptq(first, count, codes);
      }
      for (int64_t j = 0; j < count; ++j) row(first + j, codes + j * stride_);
    });
  }

  void write_floats(int64_t o, const uint8_t* codes, float* out) const {
    const float* scales = scales_.data<float>() + o;
    const uint8_t* zeros = zeros_.data() + o;
    const auto weight = [&](int64_t g, int64_t i) {
      return static_cast<float>(codes[i] - zeros[g * w_.out]) * scales[g * w_.out];
    };
    if (!w_.group_of.empty()) {
      for (int64_t i = 0; i < w_.in; ++i) out[i] = weight(w_.group_of[static_cast<size_t>(i)], i);
      return;
    }
    for (int64_t begin = 0, g = 0; begin < w_.in; begin += w_.format.group, ++g) {
      const int64_t end = std::min(w_.in, begin + w_.format.group);
      for (int64_t i = begin; i < end; ++i) out[i] = weight(g, i);
    }
  }

  /// {f16 scale, zero, codes}, as kernels/gemm_block/blocks.h has them.
  void write_blocks(int64_t o, const uint8_t* codes, BlockSize block, std::byte* out) const {
    const auto elements = static_cast<int64_t>(block.elements);
    for (int64_t i = 0; i < w_.in; i += elements, codes += elements, out += block.bytes) {
      const int64_t at = i / w_.format.group * w_.out + o;
      std::memcpy(out, stored_scales_.raw() + 2 * at, 2);
      out[2] = std::byte{zeros_[static_cast<size_t>(at)]};
      if (bits_ == 8) {
        std::memcpy(out + 3, codes, block.elements);
        continue;
      }
      for (size_t j = 0; j < block.elements / 2; ++j) {
        const uint8_t* low = codes + j / 16 * 32 + j % 16;
        out[3 + j] = static_cast<std::byte>(low[0] | low[16] << 4);
      }
    }
  }

 private:
  void read_gptq(int64_t first, int64_t count, uint8_t* codes) const {
    const size_t words = bits_ == 3 ? 3 : 1, fields = words * 32 / bits_;
    const auto units = static_cast<size_t>(w_.codes.dim(0)) / words;
    for (size_t unit = 0; unit < units; ++unit) {
      for (int64_t j = 0; j < count; ++j) {
        std::array<uint32_t, 4> stream{};
        for (size_t k = 0; k < words; ++k) {
          const auto row = static_cast<int64_t>(unit * words + k);
          stream[k] = word_at(w_.codes, row * w_.out + first + j);
        }
        uint8_t* to = codes + j * stride_ + unit * fields;
        for (size_t k = 0; k < fields; ++k) to[k] = field(stream.data(), k, bits_);
      }
    }
  }

  void read_awq(int64_t first, int64_t count, uint8_t* codes) const {
    for (int64_t i = 0; i < w_.in; ++i) {
      for (int64_t j = 0; j < count; j += 8) {
        const uint32_t word = word_at(w_.codes, (i * w_.out + first + j) / 8);
        for (int64_t k = 0; k < 8; ++k) {
          codes[(j + k) * stride_ + i] = word >> kAwqShifts[static_cast<size_t>(k)] & 15;
        }
      }
    }
  }

  void read_awq_zeros() {
    for (int64_t i = 0; i < w_.zeros.numel(); ++i) {
      const uint32_t word = word_at(w_.zeros, i);
      for (const unsigned shift : kAwqShifts) zeros_.push_back(word >> shift & 15);
    }
  }

  /// One is added as GPTQModel took it away, from the word as a whole: zeros of 0, which borrow
  /// from their neighbours, come back. Codes of 3 bits cross words and have one added each.
  void read_gptq_zeros() {
    const unsigned mask = (1U << bits_) - 1, one = w_.format.less_one ? 1 : 0;
    const uint32_t ones = bits_ == 3 ? 0 : one * (UINT32_MAX / mask);
    const int64_t words = w_.zeros.dim(1);
    std::vector<uint32_t> stream(static_cast<size_t>(words) + 1);
    for (int64_t g = 0; g < w_.zeros.dim(0); ++g) {
      for (int64_t i = 0; i < words; ++i) {
        stream[static_cast<size_t>(i)] = word_at(w_.zeros, g * words + i) + ones;
      }
      for (size_t o = 0; o < static_cast<size_t>(w_.out); ++o) {
        const unsigned zero = field(stream.data(), o, bits_);
        zeros_.push_back(static_cast<uint8_t>(bits_ == 3 ? (zero + one) & mask : zero));
      }
    }
  }

  const PrequantizedWeight& w_;
  ThreadPool& pool_ = ThreadPool::shared();
  size_t bits_;
  int64_t stride_;
  Tensor stored_scales_, scales_;  // [groups, out]
  std::vector<uint8_t> zeros_;     // [groups, out]
  std::vector<uint8_t> codes_;     // of each worker [kTile, stride]
};

}  // namespace

std::optional<DType> PrequantizedWeight::block_type() const {
  const auto fits = [&](int64_t block) {
    return in % block == 0 && (format.group % block == 0 || format.group >= in);
  };
  if (!group_of.empty() || scales.dtype() != DType::f16 || !fits(32)) return std::nullopt;
  if (format.bits == 8) return fits(128) ? DType::int8_g128_zp : DType::int8_g32_zp;
  return fits(128) ? DType::int4_g128_zp : DType::int4_g32_zp;
}

Tensor stand_in(const PrequantizedWeight& w, bool turned) {
  const std::array<int64_t, 2> strides = {0, 0};
  const auto offset = static_cast<size_t>(w.codes.raw() - w.codes.storage()->data());
  const Shape shape = turned ? Shape({w.in, w.out}) : Shape({w.out, w.in});
  return Tensor(w.codes.storage(), DType::u8, shape, strides, offset);
}

Tensor unpacked(const PrequantizedWeight& w, std::string_view name, DType dtype) {
  for (const Tensor* part : {&w.codes, &w.zeros, &w.scales}) {
    if (part->storage()->populate(part->raw(), part->bytes())) continue;
    fail(ErrorCode::io, cat("'", printable_name(name),
                            "' cannot be read any more: was its file cut, or does its disk fail?"));
  }
  Tensor out = Tensor::empty(dtype, {w.out, w.in}, page_storage);
  Unpacker unpacker(w, name);
  const BlockSize block = block_size(dtype);
  const size_t row = row_bytes(dtype, static_cast<size_t>(w.in));
  if (block) {
    unpacker.for_rows(0, w.out, [&](int64_t o, const uint8_t* codes) {
      unpacker.write_blocks(o, codes, block, out.raw() + static_cast<size_t>(o) * row);
    });
  } else if (dtype == DType::f32) {
    unpacker.for_rows(0, w.out, [&](int64_t o, const uint8_t* codes) {
      unpacker.write_floats(o, codes, out.data<float>() + o * w.in);
    });
  } else {
    const int64_t each = std::min(
        w.out, kTile * std::max<int64_t>(ThreadPool::shared().threads(), kChunk / (kTile * w.in)));
    const Tensor wide = Tensor::empty(DType::f32, {each, w.in}, page_storage);
    Context ctx;
    for (int64_t begin = 0; begin < w.out; begin += each) {
      const int64_t end = std::min(begin + each, w.out);
      unpacker.for_rows(begin, end, [&](int64_t o, const uint8_t* codes) {
        unpacker.write_floats(o, codes, wide.data<float>() + (o - begin) * w.in);
      });
      Tensor rounded = out.slice(0, begin, end);
      ctx.backend().convert(ctx, wide.slice(0, 0, end - begin), rounded);
    }
  }
  for (const Tensor* part : {&w.codes, &w.zeros, &w.scales}) {
    part->storage()->drop_pages(part->raw(), part->bytes());
  }
  return out;
}

}  // namespace tern
