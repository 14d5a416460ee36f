// SPDX-License-Identifier: Apache-2.0
// For tests of row kernels over very many small cases: matrices of f32 or bf16 between forbidden
// pages that are mapped once, and the values they are filled with.
#pragma once

#include <algorithm>
#include <vector>

#include "buffers.h"

namespace tern::test {

using kernels::Format;

/// Cases per variant and op. Four variants (three where bf16 has no instruction of its own) make
/// more than 10^5.
constexpr int kRandomCases = 35000;

/// Round to nearest even, as integers; NaN keeps its upper payload and becomes quiet.
inline uint16_t bf16_from_float(float x) {
  const uint32_t bits = bits_from_float(x);
  if (std::isnan(x)) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// Pages between two forbidden ones. Each place() ends the life of the one before.
class Pen {
 public:
  static constexpr int64_t kBytes = 16384;

  Pen() : page_(sysconf(_SC_PAGESIZE)) {
    const size_t size = static_cast<size_t>(kBytes + 2 * page_);
    void* p = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    mapped_ = static_cast<unsigned char*>(p);
    inner_ = mapped_ + page_;
    if (mprotect(inner_, kBytes, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
  }
  ~Pen() { munmap(mapped_, static_cast<size_t>(kBytes + 2 * page_)); }
  Pen(const Pen&) = delete;
  Pen& operator=(const Pen&) = delete;

  /// `bytes` that end at the upper page, or begin `offset` bytes behind the lower one. All bytes
  /// are set to a value that intact() and a float (a small negative one) tell apart.
  unsigned char* place(int64_t bytes, bool at_end, int64_t offset) {
    memset(inner_, kCanary, kBytes);
    begin_ = at_end ? inner_ + kBytes - bytes : inner_ + std::min(offset, kBytes - bytes);
    end_ = begin_ + bytes;
    return begin_;
  }
  bool intact() const { return untouched(inner_, begin_) && untouched(end_, inner_ + kBytes); }
  static bool untouched(const unsigned char* from, const unsigned char* to) {
    return std::all_of(from, to, [](unsigned char c) { return c == kCanary; });
  }

 private:
  static constexpr unsigned char kCanary = 0xa5;
  int64_t page_;
  unsigned char *mapped_ = nullptr, *inner_ = nullptr, *begin_ = nullptr, *end_ = nullptr;
};

/// A matrix in a pen, at a random end of it, with a random distance between its rows.
class Rows {
 public:
  Rows(Pen& pen, Random& random, Format format, int64_t rows, int64_t cols)
      : pen_(pen), format_(format), rows_(rows), cols_(cols), stride_(cols + random.below(6)) {
    const int64_t count = rows > 0 && cols > 0 ? (rows - 1) * stride_ + cols : 0;
    data_ = pen.place(count * width(), random.below(2) == 0, random.below(17) * width());
  }

  void* data() const { return data_; }
  float* f32() const { return reinterpret_cast<float*>(data_); }
  uint16_t* bf16() const { return reinterpret_cast<uint16_t*>(data_); }
  int64_t stride() const { return stride_; }
  float at(int64_t i, int64_t j) const {
    const int64_t k = i * stride_ + j;
    return format_ == Format::f32 ? f32()[k] : float_from_bf16(bf16()[k]);
  }
  void fill(const std::vector<float>& values) {
    for (int64_t i = 0; i < rows_; ++i) {
      for (int64_t j = 0; j < cols_; ++j) {
        const float v = values[static_cast<size_t>(i * cols_ + j)];
        if (format_ == Format::f32) f32()[i * stride_ + j] = v;
        if (format_ == Format::bf16) bf16()[i * stride_ + j] = bf16_from_float(v);
      }
    }
  }
  std::vector<float> values() const {
    std::vector<float> v;
    for (int64_t i = 0; i < rows_; ++i) {
      for (int64_t j = 0; j < cols_; ++j) v.push_back(at(i, j));
    }
    return v;
  }
  /// Nothing was written around the matrix and between its rows.
  bool intact() const {
    bool ok = pen_.intact();
    for (int64_t i = 0; i + 1 < rows_ && cols_ > 0; ++i) {
      ok = ok && Pen::untouched(data_ + (i * stride_ + cols_) * width(),
                                data_ + (i + 1) * stride_ * width());
    }
    return ok;
  }

 private:
  int64_t width() const { return format_ == Format::f32 ? 4 : 2; }

  Pen& pen_;
  Format format_;
  int64_t rows_, cols_, stride_;
  unsigned char* data_;
};

/// Lengths around those that vectors, pairs and fours of them end at; now and then a long one.
inline int64_t random_length(Random& random) {
  const int64_t pick = random.below(16);
  if (pick == 0) return random.below(3);
  if (pick == 1) return 200 + random.below(400);
  return random.below(pick < 9 ? 36 : 140);
}

/// Values of one magnitude around a centre; denormals in one case of 16.
inline std::vector<float> random_values(Random& random, int64_t count, Format format) {
  std::vector<float> values(static_cast<size_t>(count));
  const bool denormal = random.below(16) == 0;
  const double spread =
      denormal ? 0x1p-128 : std::ldexp(1.0, static_cast<int>(random.below(24)) - 12);
  const double centre = random.below(4) == 0 ? spread * random.uniform(-8, 8) : 0;
  for (float& v : values) {
    v = static_cast<float>(centre + random.uniform(-spread, spread));
    if (format == Format::bf16) v = float_from_bf16(bf16_from_float(v));
  }
  return values;
}

inline bool same_values(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), same_bits);
}

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

}  // namespace tern::test
