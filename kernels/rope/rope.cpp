// SPDX-License-Identifier: Apache-2.0
// The registry of rotary embedding: the lines of rope.inc in their order, best first; and the
// tables of angles, which are made once per model.

#include "rope.h"

#include <math.h>

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const RopeTable symbol;
#include "rope.inc"
#undef TERN_VARIANT

Variants<RopeTable> rope_variants() {
  static constexpr const RopeTable* kTables[] = {
#define TERN_VARIANT(symbol, level) &symbol,
#include "rope.inc"
#undef TERN_VARIANT
  };
  return {kTables, static_cast<int>(sizeof(kTables) / sizeof(kTables[0]))};
}

void rope_angles(const RopeAngles& a) {
  for (int64_t p = 0; p < a.count; ++p) {
    const float position = static_cast<float>(a.first + p);
    for (int64_t i = 0; i < a.pairs; ++i) {
      const double angle = static_cast<double>(position * a.inv_freq[i]);
      a.cos[p * a.pairs + i] = static_cast<float>(cos(angle)) * a.attention_factor;
      a.sin[p * a.pairs + i] = static_cast<float>(sin(angle)) * a.attention_factor;
    }
  }
}

}  // namespace tern::kernels
