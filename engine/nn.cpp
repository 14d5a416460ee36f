// SPDX-License-Identifier: Apache-2.0
#include "nn.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <new>
#include <utility>
#include <vector>

#include "../kernels/rope/rope.h"
#include "base/format.h"
#include "blocks.h"
#include "context.h"
#include "weight_stream.h"

namespace tern {

namespace {

template <class T>
void transpose(const T* x, int64_t rows, int64_t columns, T* y) {
  constexpr int64_t kColumns = 64;  // of columns: their lines of y stay in the cache
  for (int64_t first = 0; first < columns; first += kColumns) {
    const int64_t last = std::min(columns, first + kColumns);
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = first; j < last; ++j) y[j * rows + i] = x[i * columns + j];
    }
  }
}

/// Types a backend packs from directly; others are widened to f32 first.
bool packs_directly(DType dtype) {
  return dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16 || has_products(dtype);
}

void check_widths(std::span<const Tensor> weights) {
  for (const Tensor& w : weights) {
    if (w.shape().rank() == 2 && w.dim(1) == weights[0].dim(1)) continue;
    fail(ErrorCode::invalid_argument,
         cat("Linear: a weight has shape ", w.shape().to_string(), ", expected [out, in]",
             " with the same in as ", weights[0].shape().to_string()));
  }
}

/// Matrices of one width as a backend packs them.
std::vector<Tensor> packable(std::span<const Tensor> weights, bool woven) {
  std::vector<Tensor> parts;
  for (const Tensor& w : weights) {
    if (w.dense()) {
      parts.push_back(packs_directly(w.dtype()) ? aligned(w) : to_f32(w));
    } else {
      parts.push_back(is_turned(w) ? transposed(aligned(turned(w))) : to_f32(w));
    }
  }
  const bool alike = !woven || parts[0].dtype() == parts[1].dtype();
  return alike ? parts : std::vector{to_f32(parts[0]), to_f32(parts[1])};
}

/// Panels from the format's store or, where it has none, made and given to it.
std::shared_ptr<const PackedMatrix> packed(std::span<const Tensor> weights, LinearFormat format,
                                           bool woven) {
  Backend& backend = cpu_backend();
  const std::shared_ptr<PackedStore> store = std::exchange(format.store, nullptr);
  if (StorageRef known = store ? store->find(weights, woven) : StorageRef()) {
    int64_t n = 0;
    for (const Tensor& w : weights) n += w.dim(0);
    if (auto made = backend.adopt(n, weights[0].dim(1), format, std::move(known))) return made;
  }
  const auto made = backend.pack(ThreadPool::shared(), packable(weights, woven), format, woven);
  const StorageRef panels = store ? backend.panels(*made) : StorageRef();
  if (panels) store->keep(weights, woven, panels);
  return made;
}

/// One value of each in turn: [2 · out] f32, or empty when both are.
Tensor woven(const Tensor& gate, const Tensor& up) {
  if (!gate && !up) return {};
  const Tensor a = to_f32(gate), b = to_f32(up);
  Tensor out = Tensor::empty(DType::f32, {2 * a.numel()});
  for (int64_t i = 0; i < a.numel(); ++i) {
    out.data<float>()[2 * i] = a.data<float>()[i];
    out.data<float>()[2 * i + 1] = b.data<float>()[i];
  }
  return out;
}

}  // namespace

Tensor aligned(const Tensor& x) {
  constexpr size_t kPiece = size_t{4} << 20;
  const size_t width = bits(x.dtype()) / 8;
  if (width == 0 || reinterpret_cast<uintptr_t>(x.raw()) % width == 0) return x;
  Tensor out = Tensor::empty(x.dtype(), x.shape(), page_storage);
  for (size_t begin = 0; begin < x.bytes(); begin += kPiece) {
    const size_t size = std::min(kPiece, x.bytes() - begin);
    std::copy_n(x.raw() + begin, size, out.raw() + begin);
    x.storage()->drop_pages(x.raw() + begin, size);
  }
  return out;
}

bool is_turned(const Tensor& x) noexcept {
  return x.shape().rank() == 2 && x.stride(0) == 1 && x.stride(1) == x.dim(0);
}

Tensor turned(const Tensor& x) {
  const std::array<int64_t, 2> strides = {1, x.dim(1)};
  const auto offset = static_cast<size_t>(x.raw() - x.storage()->data());
  const Shape shape = {x.dim(1), x.dim(0)};
  return x.dense() ? Tensor(x.storage(), x.dtype(), shape, strides, offset)
                   : Tensor(x.storage(), x.dtype(), shape, offset);
}

Tensor transposed(const Tensor& x) {
  const Tensor source = bits(x.dtype()) == 16 ? x : to_f32(x);
  const int64_t rows = x.dim(0), columns = x.dim(1);
  Tensor out = Tensor::empty(source.dtype(), {columns, rows}, page_storage);
  if (source.dtype() == DType::f32) {
    transpose(source.data<float>(), rows, columns, out.data<float>());
  } else {
    transpose(source.data<uint16_t>(), rows, columns, out.data<uint16_t>());
  }
  x.storage()->drop_pages(x.raw(), x.bytes());
  return out;
}

Tensor to_f32(const Tensor& x) {
  if (x.dtype() == DType::f32 && x.dense()) return x;
  const Tensor source = x.dense() ? x : x.clone();
  if (source.dtype() == DType::f32) return source;
  if (block_size(source.dtype())) return dequantized(source);
  Tensor out = Tensor::empty(DType::f32, x.shape());
  const bool known = packs_directly(source.dtype()) || source.dtype() == DType::f64;
  if (!known) {
    fail(ErrorCode::unsupported, cat("a weight of type ", to_string(x.dtype()), " cannot be widened to float32"));
  }
  Context ctx;
  ctx.backend().convert(ctx, source, out);
  return out;
}

/// Weights that stay in their file, for disk offload; only one product's are in memory.
struct Linear::Streamed {
  std::shared_ptr<WeightStream> stream;
  size_t number;
  LinearFormat format;
  bool woven;

  Tensor multiply(Context& ctx, const Tensor& x, const Tensor& bias,
                  const LinearOptions& options) const {
    stream->enter(number);
    const std::vector<Tensor>& weights = stream->weights(number);
    const auto matrix = ctx.backend().in_place(packable(weights, woven), format, woven);
    Tensor y = linear(ctx, x, *matrix, bias, options);
    for (const Tensor& w : weights) w.storage()->drop_pages(w.raw(), w.bytes());
    return y;
  }
};

/// Weights that run from their file until it is their turn to be packed.
struct Linear::Mapped {
  Mapped(std::span<const Tensor> weights_, LinearFormat format_, bool woven_, int64_t turn_)
      : weights(weights_.begin(), weights_.end()),
        format(std::move(format_)),
        woven(woven_),
        turn(turn_),
        in_place(cpu_backend().in_place(weights, format, woven)) {}

  std::vector<Tensor> weights;
  LinearFormat format;
  bool woven;
  int64_t turn;
  std::shared_ptr<const PackedMatrix> in_place;
  mutable std::atomic<int64_t> calls{0};
  mutable std::shared_ptr<const PackedMatrix> packed;  // once `ready`
  mutable std::atomic<bool> ready{false};

  const PackedMatrix& matrix(Context& ctx) const {
    if (ready.load(std::memory_order_acquire)) return *packed;
    if (calls.fetch_add(1, std::memory_order_relaxed) == turn) pack(ctx);
    return ready.load(std::memory_order_acquire) ? *packed : *in_place;
  }
  /// Of many calls at once one packs; the others go on in place.
  void pack(Context& ctx) const {
    try {
      packed = ctx.backend().pack(ctx.pool(), weights, format, woven);
      ready.store(true, std::memory_order_release);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::out_of_memory) throw;  // else it stays as it is
    } catch (const std::bad_alloc&) {
    }
  }
};

namespace {

/// Whether a product may take them from where they are, and that costs little: views of files, of
/// which panels are made by moving numbers. Blocks are not: unpacking them costs more than memory.
bool runs_in_place(std::span<const Tensor> weights, const LinearFormat& format, bool woven) {
  if (format.weights == WeightFormat::int8 || format.weights == WeightFormat::int4) return false;
  const auto good = [](const Tensor& w) {
    return w.storage()->read_only() && w.dense() && packs_directly(w.dtype()) &&
           !block_size(w.dtype()) &&
           reinterpret_cast<uintptr_t>(w.raw()) % (bits(w.dtype()) / 8) == 0;
  };
  const bool alike = !woven || weights[0].dtype() == weights[1].dtype();
  return alike && std::all_of(weights.begin(), weights.end(), good);
}

}  // namespace

void Linear::hold(std::span<const Tensor> weights, LinearFormat format, bool woven) {
  in_ = weights.empty() ? 0 : weights[0].dim(1);
  for (const Tensor& w : weights) out_ += w.dim(0);
  const std::shared_ptr<WeightStream> stream = std::exchange(format.stream, nullptr);
  const std::shared_ptr<PackingTurns> turns = std::exchange(format.turns, nullptr);
  if (stream && stream->has(weights)) {
    const size_t number = stream->join({weights.begin(), weights.end()});
    format.store = nullptr;
    streamed_ = std::make_shared<Streamed>(Streamed{stream, number, std::move(format), woven});
  } else if (turns && !format.store && out_ > 0 && runs_in_place(weights, format, woven)) {
    size_t bytes = 0;
    for (const Tensor& w : weights) bytes += w.bytes();
    mapped_ = std::make_shared<Mapped>(weights, std::move(format), woven, turns->next(bytes));
  } else {
    weight_ = packed(weights, std::move(format), woven);
  }
}

Linear::Linear(const Tensor& weight, const Tensor& bias, LinearFormat format)
    : Linear(std::span(&weight, 1), std::span(&bias, 1), std::move(format)) {}

Linear Linear::gate_up(const GateUp& w, LinearFormat format) {
  const Tensor &gate = w.gate, &up = w.up;
  const std::array parts = {gate, up};
  check_widths(parts);
  if (!(gate.shape() == up.shape())) {
    fail(ErrorCode::invalid_argument, cat("Linear: gate has shape ", gate.shape().to_string(), ", up ",
                                          up.shape().to_string(), "; expected the same"));
  }
  Linear made;
  made.hold(parts, std::move(format), true);
  made.bias_ = woven(w.gate_bias, w.up_bias);
  return made;
}

Linear::Linear(std::span<const Tensor> weights, std::span<const Tensor> biases, LinearFormat format) {
  check_widths(weights);
  hold(weights, std::move(format), false);

  bool any = false;
  for (const Tensor& b : biases) any = any || static_cast<bool>(b);
  if (!any) return;
  bias_ = Tensor::empty(DType::f32, {out_});
  float* out = bias_.data<float>();
  for (size_t i = 0; i < weights.size(); ++i) {
    const int64_t n = weights[i].dim(0);
    if (biases[i]) {
      const Tensor b = to_f32(biases[i]);
      std::copy_n(b.data<float>(), n, out);
    } else {
      std::fill_n(out, n, 0.0F);
    }
    out += n;
  }
}

Tensor Linear::operator()(Context& ctx, const Tensor& x, const LinearOptions& options) const {
  if (streamed_) return streamed_->multiply(ctx, x, bias_, options);
  return linear(ctx, x, mapped_ ? mapped_->matrix(ctx) : *weight_, bias_, options);
}

size_t Linear::bytes() const noexcept {
  const bool ready = mapped_ && mapped_->ready.load(std::memory_order_acquire);
  const PackedMatrix* const panels = ready ? &*mapped_->packed : weight_.get();
  return (panels ? panels->bytes() : 0) + (bias_ ? bias_.bytes() : 0);
}

LayerNorm::LayerNorm(const Tensor& weight, const Tensor& bias, double eps)
    : weight_(to_f32(weight)), bias_(bias ? to_f32(bias) : Tensor()), eps_(static_cast<float>(eps)) {}

Tensor LayerNorm::operator()(Context& ctx, const Tensor& x) const {
  return layer_norm(ctx, x, weight_, bias_, eps_);
}

RMSNorm::RMSNorm(const Tensor& weight, double eps, Weight kind) : weight_(to_f32(weight)) {
  options_.eps = static_cast<float>(eps);
  if (kind == Weight::plain) return;
  options_.round_first = false;
  weight_ = weight_.clone();
  float* w = weight_.data<float>();
  for (int64_t i = 0; i < weight_.numel(); ++i) w[i] += 1;
}

Tensor RMSNorm::operator()(Context& ctx, const Tensor& x, std::optional<DType> result) const {
  RmsNormOptions options = options_;
  options.result = result;
  return rms_norm(ctx, x, weight_, options);
}

RopeAngles Rope::angles(Context& ctx, std::span<const int64_t> positions) const {
  const auto tokens = static_cast<int64_t>(positions.size());
  const auto pairs = static_cast<int64_t>(inv_freq_.size());
  RopeAngles out = {.cos = ctx.arena().tensor(DType::f32, {tokens, pairs}),
                    .sin = ctx.arena().tensor(DType::f32, {tokens, pairs}),
                    .interleaved = interleaved_};
  for (int64_t t = 0; t < tokens; ++t) {
    kernels::rope_angles({.first = positions[static_cast<size_t>(t)],
                          .count = 1,
                          .pairs = pairs,
                          .inv_freq = inv_freq_.data(),
                          .attention_factor = attention_factor_,
                          .cos = out.cos.data<float>() + t * pairs,
                          .sin = out.sin.data<float>() + t * pairs});
  }
  if (dtype_ != DType::bf16) return out;
  for (Tensor* t : {&out.cos, &out.sin}) *t = convert(ctx, convert(ctx, *t, DType::bf16), DType::f32);
  return out;
}

Embedding::Embedding(const Tensor& table) : table_(packs_directly(table.dtype()) ? table : to_f32(table)) {}

}  // namespace tern
