// SPDX-License-Identifier: Apache-2.0
// Choosing among an op's variants. Each op's table begins with {name, isa}; its variants stand in
// <op>.inc best first, so the first whose level is allowed wins.
#pragma once

#include "isa.h"

namespace tern::kernels {

/// A non-owning list of an op's tables, best first. Includes those this CPU cannot run: compare
/// table.isa with hardware_isa().
template <class Table>
struct Variants {
  const Table* const* tables;
  int count;

  const Table* const* begin() const { return tables; }
  const Table* const* end() const { return tables + count; }
  /// The best variant at or below `level`; the last one, generic, always fits.
  const Table& best(Isa level) const {
    for (const Table* t : *this) {
      if (static_cast<int>(t->isa) <= static_cast<int>(level)) return *t;
    }
    return *tables[count - 1];
  }
};

}  // namespace tern::kernels
