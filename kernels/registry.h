// SPDX-License-Identifier: Apache-2.0
// Choosing among an op's variants. Each op's table begins with {name, isa}; its variants stand in
// <op>.inc best first, so the first that runs_at the level wins.
#pragma once

#include "isa.h"

namespace tern::kernels {

/// Whether this CPU runs the table when `level` is in force. A table that needs a Feature says so in
/// a member `needs`.
template <class Table>
bool runs_at(const Table& table, Isa level) {
  if (static_cast<int>(table.isa) > static_cast<int>(level)) return false;
  if constexpr (requires { table.needs; }) return hardware_has(table.needs);
  return true;
}

/// A non-owning list of an op's tables, best first. Includes those this CPU cannot run: ask
/// runs_at(table, hardware_isa()).
template <class Table>
struct Variants {
  const Table* const* tables;
  int count;

  const Table* const* begin() const { return tables; }
  const Table* const* end() const { return tables + count; }
  /// The best variant at or below `level`; the last one, generic, always fits.
  const Table& best(Isa level) const {
    for (const Table* t : *this) {
      if (runs_at(*t, level)) return *t;
    }
    return *tables[count - 1];
  }
};

}  // namespace tern::kernels
