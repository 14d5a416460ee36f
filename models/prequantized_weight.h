// SPDX-License-Identifier: Apache-2.0
// A Linear's weight as AWQ (AutoAWQ's gemm version) and GPTQ store it: codes of `bits` bits in
// words of 32, from the low end, with a scale and a zero for each output and group of inputs.
//
//   weight[o, i] = (code[o, i] - zero[g, o]) · scale[g, o]       g = i / group, or g_idx[i]
//
//             AWQ (4 bits)         GPTQ (2, 3, 4 or 8 bits)
//   qweight   [in, out / 8]        [in · bits / 32, out], one stream of bits down each column
//   qzeros    [groups, out / 8]    [groups, out · bits / 32], one along each row; less one unless
//                                  checkpoint_format is "gptq_v2"
//   scales    [groups, out]        [groups, out]
//   g_idx                          [in], where inputs were taken in another order (desc_act)
//
// A word of AWQ has the columns 0, 2, 4, 6, 1, 3, 5, 7 of its eight. With scales of 16 bits the
// product is exact in f32 (at most 20 bits): the references' kernels for float16 round it.
// prequantized_checkpoint.cpp finds the parts in a checkpoint, prequantized_weight.cpp makes one
// weight of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weights.h"

namespace tern {

/// What quantization_config says of all such weights.
struct PrequantizedFormat {
  bool awq = false;
  int bits = 4;
  int64_t group = 0;      // inputs; 0: a row is one group
  bool less_one = false;  // zeros are stored so

  /// "gptq, 4 bits, groups of 128"
  std::string text() const;
};

/// nullopt when there is no quantization_config, or one of another method beside tensors that are
/// all floats: it then says how to quantise them. unsupported names the repository, the method or
/// the field, and what to do.
std::optional<PrequantizedFormat> prequantized_format(const Config& config,
                                                      const Checkpoint& checkpoint,
                                                      const std::string& repo);

struct PrequantizedWeight {
  PrequantizedFormat format;
  Tensor codes, zeros, scales;    // views of the file: i32, i32, f16 (or bf16, f32)
  std::vector<int32_t> group_of;  // [in], empty: input i is in group i / format.group
  int64_t in = 0, out = 0;

  uint64_t bytes() const noexcept { return codes.bytes() + zeros.bytes() + scales.bytes(); }
  /// The type of blocks that hold these very weights: none where inputs were reordered or scales
  /// have more than 16 bits, or where groups are no whole blocks.
  std::optional<DType> block_type() const;
};

/// A tensor of the weight's shape, [out, in] or [in, out], where its codes lie. Their bytes are not
/// its elements, which the type, u8, says to whoever knows nothing of prequantized weights.
Tensor stand_in(const PrequantizedWeight& weight, bool turned = false);

/// The weight [out, in] in f32, bf16, f16 (rounded once) or block_type(), in pages of its own; the
/// file's pages are given back. io names it when the file cannot be read any more.
Tensor unpacked(const PrequantizedWeight& weight, std::string_view name, DType dtype);

}  // namespace tern
