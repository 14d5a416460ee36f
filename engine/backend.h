// SPDX-License-Identifier: Apache-2.0
// What a device must implement. ops.h has checked every shape and type before these are called, and
// has made the output tensors; cpu/ (and cuda/) implement it. Backends are stateless and
// thread-safe; what a call needs is in its Context.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "conv.h"
#include "tensor.h"
#include "threads.h"

namespace tern {

class Context;
class WeightStream;

/// Activation functions: see kernels/isa.h for the formulas.
enum class Act { none, gelu, gelu_tanh, quick_gelu, relu, tanh, silu, sigmoid };

/// One sequence of a packed batch: rows [begin, end) of the token tensors. Attention takes its keys
/// and values from rows [key_begin, key_end) of k and v (a cache, or an encoder's output) when
/// key_end is given, else from the same rows; its queries are the last ones: query begin + i stands
/// at position() + i, counted in keys. `skipped` keys before these are no longer there, blocks of
/// kernels::kAttentionBlock that the window hides from all queries; bits are as if they were.
struct Segment {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t key_begin = 0;
  int64_t key_end = -1;
  int64_t skipped = 0;

  int64_t queries() const noexcept { return end - begin; }
  int64_t first_key() const noexcept { return key_end < 0 ? begin : key_begin; }
  int64_t keys() const noexcept { return key_end < 0 ? end - begin : key_end - key_begin; }
  int64_t position() const noexcept { return keys() - queries(); }
};

/// Where the sequences of a packed batch lie. key_mask, when not null, has one byte per row of k; a
/// row with 0 is no key for anybody. A token of the batch that is no key is still a query.
struct Segments {
  std::span<const Segment> sequences;
  const uint8_t* key_mask = nullptr;

  int64_t tokens() const noexcept { return sequences.empty() ? 0 : sequences.back().end; }
};

/// How the weights of a matrix product are kept:
///   f32, bf16   as named; x is rounded to bf16 too
///   f16         as stored; x is f32
///   int8        int8 in groups along k, x likewise, both rotated (kernels/gemm_int8)
///   int4        int4 in groups of 32 along k, x in int8 likewise (kernels/gemm_block)
enum class WeightFormat { f32, bf16, f16, int8, int4 };

/// Panels of weights that were packed before, perhaps by another process. Linear asks it
/// before it reads a weight, and hands it what it had to pack. Called by the thread that loads.
class TERN_API PackedStore {
 public:
  virtual ~PackedStore() = default;
  /// Those of `weights` (as Backend::pack takes them, before any conversion); empty: none.
  virtual StorageRef find(std::span<const Tensor> weights, bool woven) = 0;
  virtual void keep(std::span<const Tensor> weights, bool woven, const StorageRef& panels) = 0;
};

/// When the matrices of a model that were left in their files are packed: the first call runs from
/// the files, then each packs some, in the order in which they were made, so that no call waits for
/// all. Used by the thread that loads.
class PackingTurns {
 public:
  /// The call, counted from 0, that packs a matrix of so many bytes.
  int64_t next(uint64_t bytes) noexcept {
    const uint64_t before = bytes_;
    bytes_ += bytes;
    return 1 + static_cast<int64_t>(before / kEach);
  }
  static constexpr uint64_t kEach = uint64_t{256} << 20;

 private:
  uint64_t bytes_ = 0;
};

struct LinearFormat {
  WeightFormat weights = WeightFormat::f32;
  /// What results that only matrix products and attention read are kept in: f32 or bf16.
  DType narrow = DType::f32;
  /// Where Linear looks for packed weights first; null: nowhere. Matrices do not keep it.
  std::shared_ptr<PackedStore> store = {};
  /// Weights that a Linear does not pack once but for each product; null: none. Nor this.
  std::shared_ptr<WeightStream> stream = {};
  /// Views of files are packed some calls later; null: at once. Nor this.
  std::shared_ptr<PackingTurns> turns = {};

  /// Unquantised weights of a model that runs in `dtype`: f32, bf16 or f16.
  static LinearFormat of(DType dtype) noexcept {
    if (dtype == DType::bf16) return {WeightFormat::bf16, DType::bf16};
    return {dtype == DType::f16 ? WeightFormat::f16 : WeightFormat::f32, DType::f32};
  }
};

/// Weight panels of a matrix product in the device's layout. Made by Backend::pack.
class TERN_API PackedMatrix {
 public:
  virtual ~PackedMatrix() = default;
  int64_t out_features() const noexcept { return n_; }
  int64_t in_features() const noexcept { return k_; }
  const LinearFormat& format() const noexcept { return format_; }
  virtual size_t bytes() const noexcept = 0;

 protected:
  PackedMatrix(int64_t n, int64_t k, LinearFormat format)
      : n_(n), k_(k), format_(std::move(format)) {}
  int64_t n_, k_;
  LinearFormat format_;
};

struct LinearOptions {
  Act act = Act::none;
  /// The shape of the result, f32, added last.
  Tensor residual = {};
  /// The columns alternate between gate and up: the result is act(gate) · up, [tokens, out / 2].
  bool gate = false;
  /// The result is read by matrix products and attention only: the backend may keep it in the
  /// format's narrow type. Otherwise the result is f32.
  bool matmul_input = false;
};

struct AttentionOptions {
  Segments segments = {};
  /// Default 1/sqrt(head_dim).
  float scale = 0;
  /// Scores become softcap · tanh(score / softcap) before biases and masks. 0: as they are.
  float softcap = 0;
  /// A query sees no keys behind its position.
  bool causal = false;
  /// A query sees keys whose distance from its position is below this (Mistral: 4096). 0: all.
  int64_t window = 0;
  /// Added to the scores: [heads, 2·span - 1] f32, entry (h, span - 1 + j - p) for the query at
  /// position p, key j counted within a sequence; span ≥ the longest sequence. Empty: none.
  Tensor relative_bias = {};
  /// Added to the scores: [heads or 1, tokens, the longest sequence's keys or more] f32, entry (h,
  /// i, j) for token i of the batch, key j counted within its sequence; -inf hides a key. Empty:
  /// none.
  Tensor bias = {};
};

struct EmbeddingInput {
  Tensor table;                  // [entries, hidden] f32, bf16, f16 or blocks that have products
  std::span<const int64_t> ids;  // [tokens]
};

struct RmsNormOptions {
  float eps = 1e-6F;
  /// A bf16 x: what is normalised is rounded to bf16 before it meets the weight (Llama), instead of
  /// once at the end (Gemma).
  bool round_first = true;
  /// f32 or bf16, the type of the result; empty: that of x.
  std::optional<DType> result = {};
};

struct GroupNormOptions {
  int64_t groups = 1;
  Tensor weight = {}, bias = {};  // [channels] f32 or empty
  float eps = 1e-5F;
  /// Each is normalised by itself; empty: all rows are one sample.
  std::span<const Segment> sequences = {};
};

struct RopeAngles {
  Tensor cos, sin;           // [tokens, rotary_dim / 2] f32: one row per token
  bool interleaved = false;  // pairs (2i, 2i + 1) instead of (i, i + rotary_dim / 2)
};

class TERN_API Backend {
 public:
  virtual ~Backend() = default;
  virtual const char* name() const noexcept = 0;
  /// Products of bf16 are faster than those of f32.
  virtual bool multiplies_bf16() const noexcept = 0;

  /// Packs the rows of `parts` (each [n_i, k], f32/bf16/f16 or blocks that have products, same k),
  /// one below the other, or, woven, the two parts of one shape and type row by row: gate, up,
  /// gate, …. Floats are kept in `format`; blocks as they are, and x meets them in int8. Pages of a
  /// file mapping are given back as they are consumed.
  virtual std::shared_ptr<const PackedMatrix> pack(ThreadPool& pool, std::span<const Tensor> parts,
                                                   LinearFormat format, bool woven) = 0;
  /// The same matrix while its weights stay where they are: each product makes the panels that it
  /// needs, with the same bits, in memory that belongs to its threads. A first product costs less
  /// so, many of them more.
  virtual std::shared_ptr<const PackedMatrix> in_place(std::span<const Tensor> parts,
                                                       LinearFormat format, bool woven) const = 0;
  /// The bytes of a matrix that pack() made of floats, for adopt(); empty where they are not in one
  /// piece, of a multiple of kAlignment.
  virtual StorageRef panels(const PackedMatrix& w) const = 0;
  /// The matrix [n, k] whose panels these are, a multiple of kAlignment in memory. They were packed
  /// in the same format, under the same packed_layout(); null when their size cannot be right.
  virtual std::shared_ptr<const PackedMatrix> adopt(int64_t n, int64_t k, LinearFormat format,
                                                    StorageRef panels) const = 0;
  /// Names all that decides the bits of panels beside the weights: version, format, kernel.
  virtual std::string packed_layout(LinearFormat format) const = 0;

  // x is [tokens, features], f32 or the type linear_output() names; y is the result.
  virtual DType linear_output(const PackedMatrix& w, const LinearOptions& options) const = 0;
  virtual void linear(Context& ctx, const Tensor& x, const PackedMatrix& w, const Tensor& bias,
                      const LinearOptions& options, Tensor& y) = 0;
  /// q, y: [tokens, heads, head_dim]; k, v: [keys, kv_heads, head_dim], kv_heads divides heads;
  /// last dimension contiguous.
  virtual void attention(Context& ctx, const Tensor& q, const Tensor& k, const Tensor& v,
                         const AttentionOptions& options, Tensor& y) = 0;
  virtual void layer_norm(Context& ctx, const Tensor& x, const Tensor& weight, const Tensor& bias,
                          float eps, Tensor& y) = 0;
  virtual void rms_norm(Context& ctx, const Tensor& x, const Tensor& weight,
                        const RmsNormOptions& options, Tensor& y) = 0;
  virtual void group_norm(Context& ctx, const Tensor& x, const GroupNormOptions& options,
                          Tensor& y) = 0;
  virtual void rope(Context& ctx, const Tensor& x, const RopeAngles& angles) = 0;
  virtual void embedding(Context& ctx, std::span<const EmbeddingInput> inputs, Tensor& y) = 0;
  virtual void activation(Context& ctx, const Tensor& x, Act act, Tensor& y) = 0;
  virtual void add(Context& ctx, const Tensor& a, const Tensor& b, Tensor& y) = 0;
  virtual void scale(Context& ctx, const Tensor& x, float factor, Tensor& y) = 0;
  /// y[rows[i], :] += factors[i] · x[i, :], in ascending order of i.
  virtual void scatter_add(Context& ctx, const Tensor& x, std::span<const int64_t> rows,
                           std::span<const float> factors, Tensor& y) = 0;
  virtual void softmax(Context& ctx, const Tensor& x, Tensor& y) = 0;
  virtual void convert(Context& ctx, const Tensor& x, Tensor& y) = 0;
  virtual void gather_rows(Context& ctx, const Tensor& x, std::span<const int64_t> rows,
                           Tensor& y) = 0;

  enum class Pooling { cls, mean, max, mean_sqrt_len, weighted_mean, last };
  /// y [sequences, hidden] from x [tokens, hidden]; masked tokens do not count.
  virtual void pool(Context& ctx, const Tensor& x, const Segments& segments, Pooling mode,
                    Tensor& y) = 0;
  virtual void normalize(Context& ctx, const Tensor& x, Tensor& y) = 0;

  /// weight: [out, in / groups, kernel_h, kernel_w] dense f32, bf16 or f16; scale: [out] f32 that
  /// it is multiplied by, or empty. Channels and kernel sizes of `geometry` are those of the
  /// weight.
  virtual std::shared_ptr<const PackedConv> pack_conv(ThreadPool& pool, const Tensor& weight,
                                                      const Tensor& scale,
                                                      const ConvGeometry& geometry,
                                                      DType dtype) = 0;
  /// x [n, h, w, c], or [n, c, h, w] for planar weights; y [n, out_h, out_w, out_c].
  virtual void conv(Context& ctx, const Tensor& x, const PackedConv& w, const Tensor& bias,
                    const ConvOptions& options, Tensor& y) = 0;
  virtual void pool2d(Context& ctx, const Tensor& x, const Pool2dOptions& options, Tensor& y) = 0;
};

/// The CPU backend. Lives for the whole process.
TERN_API Backend& cpu_backend();
/// The instruction set in force: "avx512_bf16"; when TERN_ISA lowers it, "avx2 of avx512_bf16".
TERN_API std::string cpu_isa();

}  // namespace tern
