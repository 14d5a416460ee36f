// SPDX-License-Identifier: Apache-2.0
// NfcCheck: whether a text is in normal form C already, told quickly and without error on the safe
// side: "no" may be wrong, "yes" is not.
#pragma once

#include <bitset>
#include <string_view>

#include "lazy_pages.h"

namespace tern::text {

class NfcCheck {
 public:
  /// `text` is valid UTF-8. Any number of threads may ask.
  bool is_nfc(std::string_view text) const;

 private:
  /// Characters that composition leaves alone, whatever stands beside them.
  LazyPages<std::bitset<256>> inert_;
};

}  // namespace tern::text
