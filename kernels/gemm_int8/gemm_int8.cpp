// SPDX-License-Identifier: Apache-2.0
// The registry of gemm_int8. Called by engine/cpu once per Linear, by tests and benchmarks to
// enumerate.
#include "gemm_int8.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const GemmInt8Table symbol;
#include "gemm_int8.inc"
#undef TERN_VARIANT

namespace {

#define TERN_VARIANT(symbol, level) &symbol,
const GemmInt8Table* const kAll[] = {
#include "gemm_int8.inc"
};
#undef TERN_VARIANT

}  // namespace

Variants<GemmInt8Table> gemm_int8_variants() {
  return {kAll, static_cast<int>(sizeof kAll / sizeof kAll[0])};
}

}  // namespace tern::kernels
