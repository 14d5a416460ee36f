// SPDX-License-Identifier: Apache-2.0
// What lies between a tensor as a file stores it and one that layers can run from. Called by
// weights.cpp.
#pragma once

#include <string_view>

#include "weights.h"

namespace tern {

/// What becomes of blocks: they stay, but for those without products that nothing else holds;
/// those, or all, become `dtype`.
struct BlockUse {
  bool keep = false;
  DType dtype = DType::f32;
};

/// Dense f32, bf16 or f16 at an aligned address: `stored` itself, or a copy when it is unaligned,
/// strided, f64 (rounded to f32) or f8 (e4m3fn or e5m2; to bf16, which holds every value). While it
/// is copied the file's pages are let go, so that memory holds the tensor once; a large copy lies
/// in pages of its own. unsupported names the tensor when it has another type. Blocks stay or not,
/// as `use` says.
Tensor runnable(const Tensor& stored, std::string_view name, const BlockUse& use = {});

/// Reads in the pages of a view of a file, at once: touching one that a cut file lacks raises
/// SIGBUS. io, which calls it `what`, when the file lacks one.
void read_in(const Tensor& x, std::string_view what);

/// The same piece by piece, each given back before the next comes: all can be read now.
void read_through(const Tensor& x, std::string_view what);

/// Bytes between the first and past the last element of a tensor with any strides, none of them in
/// blocks.
size_t extent(const Tensor& x);

/// A dense copy of a strided view, block by block of its rows; after each the pages between the
/// view's first and last element are let go, for any of them may hold a part of it.
Tensor gathered(const Tensor& stored);

/// What the class has: a copy of `stored` with what an export changed undone. corrupt names the
/// tensor when its rows are no pairs in each head.
Tensor restored(const Tensor& stored, const Stored& changes, std::string_view name);

/// The same elements of the same memory.
bool same_view(const Tensor& a, const Tensor& b);

/// The same type, shape and bits.
bool same_values(const Tensor& a, const Tensor& b);

}  // namespace tern
