// SPDX-License-Identifier: Apache-2.0
// What every kernel test needs: buffers whose neighbours are forbidden, reproducible random data,
// and error measures. Header-only; used by all tests in this folder.
#pragma once

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include "../../kernels/registry.h"

namespace tern::test {

/// Which end of a GuardedBuffer touches a forbidden page: reading or writing one element past it
/// ends the program. The page-sized slack at the other end is checked for stray writes on request.
enum class Edge { back, front };

/// `count` elements of T between two pages that may not be touched. With Edge::back the last byte
/// lies right before the upper page, so the address is as misaligned as count makes it; with
/// Edge::front the first lies right behind the lower page plus `offset` elements.
template <class T>
class GuardedBuffer {
 public:
  explicit GuardedBuffer(int64_t count, Edge edge = Edge::back, int64_t offset = 0)
      : count_(static_cast<size_t>(count)) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t shift = static_cast<size_t>(offset) * sizeof(T);
    const size_t bytes = count_ * sizeof(T);
    inner_bytes_ = (bytes + shift + page - 1) / page * page + page;  // a page of slack
    mapped_bytes_ = inner_bytes_ + 2 * page;
    void* p = mmap(nullptr, mapped_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    mapped_ = static_cast<unsigned char*>(p);
    inner_ = mapped_ + page;
    if (mprotect(inner_, inner_bytes_, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
    memset(inner_, kCanary, inner_bytes_);
    data_ = inner_ + (edge == Edge::back ? inner_bytes_ - bytes : shift);
  }
  ~GuardedBuffer() { munmap(mapped_, mapped_bytes_); }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  T* data() { return reinterpret_cast<T*>(data_); }
  const T* data() const { return reinterpret_cast<const T*>(data_); }
  int64_t size() const { return static_cast<int64_t>(count_); }
  T& operator[](int64_t i) { return data()[i]; }
  const T& operator[](int64_t i) const { return data()[i]; }
  T* begin() { return data(); }
  T* end() { return data() + count_; }

  /// From now on a write to the buffer ends the program: for a kernel's inputs.
  void make_read_only() { mprotect(inner_, inner_bytes_, PROT_READ); }

  /// False when a byte of the slack around the elements has been written.
  bool slack_intact() const {
    const unsigned char* end = data_ + count_ * sizeof(T);
    for (const unsigned char* p = inner_; p < inner_ + inner_bytes_; ++p) {
      if ((p < data_ || p >= end) && *p != kCanary) return false;
    }
    return true;
  }

 private:
  static constexpr unsigned char kCanary = 0xa5;
  size_t count_, inner_bytes_ = 0, mapped_bytes_ = 0;
  unsigned char *mapped_ = nullptr, *inner_ = nullptr, *data_ = nullptr;
};

/// SplitMix64 (Steele 2014): the same numbers everywhere for one seed.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t bits() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// 0 … n - 1.
  int64_t below(int64_t n) { return static_cast<int64_t>(bits() % static_cast<uint64_t>(n)); }
  double uniform(double low, double high) {
    return low + (high - low) * static_cast<double>(bits() >> 11) * 0x1p-53;
  }
  template <class T>
  void fill(GuardedBuffer<T>& b, double low, double high) {
    for (T& v : b) v = static_cast<T>(uniform(low, high));
  }

 private:
  uint64_t state_;
};

inline float float_from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

inline uint32_t bits_from_float(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

inline float float_from_bf16(uint16_t h) {
  return float_from_bits(static_cast<uint32_t>(h) << 16);
}

/// Distance of neighbouring floats at |x|: a unit of the last place; of the smallest denormal below
/// the normal range.
inline double float_unit(double x) {
  int exponent = 0;
  if (x != 0) std::frexp(x, &exponent);
  if (x == 0 || exponent < -125) exponent = -125;
  return std::ldexp(1.0, exponent - 24);
}

/// |found - exact| in units of the last place of exact. 0 when both are NaN, or both round to the
/// same infinity; infinity when only one does.
inline double ulps(double exact, float found) {
  const double infinity = std::numeric_limits<double>::infinity();
  if (std::isnan(exact) || std::isnan(found)) {
    return std::isnan(exact) && std::isnan(found) ? 0 : infinity;
  }
  if (std::isinf(found)) {
    const bool overflows = std::fabs(exact) >= 0x1.ffffffp127;  // half a unit above FLT_MAX
    return overflows && (exact > 0) == (found > 0) ? 0 : infinity;
  }
  return std::fabs(static_cast<double>(found) - exact) / float_unit(exact);
}

/// Same value, or both NaN; -0 and +0 differ.
inline bool same_bits(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) || bits_from_float(a) == bits_from_float(b);
}

inline int64_t different(const std::vector<float>& a, const std::vector<float>& b) {
  int64_t count = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < std::min(a.size(), b.size()); i++) count += !same_bits(a[i], b[i]);
  return count;
}

/// Bound of the rounding error of a float sum of n terms whose magnitudes add up to `magnitude`, in
/// any order (Higham 2002, (3.4) with products): n u / (1 - n u) · magnitude, u = 2^-24.
inline double sum_tolerance(int64_t n, double magnitude) {
  const double nu = static_cast<double>(n + 1) * 0x1p-24;
  return nu / (1 - nu) * magnitude + 0x1p-149;
}

/// Calls f(table) for every variant that this CPU runs; its name stands in the failure message.
template <class Table, class F>
void for_each_variant(const kernels::Variants<Table>& variants, F f) {
  int ran = 0;
  for (const Table* table : variants) {
    if (!kernels::runs_at(*table, kernels::hardware_isa())) continue;
    const std::string variant = table->name;
    CAPTURE(variant);
    f(*table);
    ++ran;
  }
  CHECK(ran > 0);
}

}  // namespace tern::test
