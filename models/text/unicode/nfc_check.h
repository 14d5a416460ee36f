// SPDX-License-Identifier: Apache-2.0
// NfcCheck: whether a text is in normal form C already, told quickly and without error on the safe
// side: "no" may be wrong, "yes" is not.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <string_view>

namespace tern::text {

class NfcCheck {
 public:
  NfcCheck() = default;
  ~NfcCheck();
  NfcCheck(const NfcCheck&) = delete;
  NfcCheck& operator=(const NfcCheck&) = delete;

  /// `text` is valid UTF-8. Any number of threads may ask.
  bool is_nfc(std::string_view text) const;

 private:
  /// Characters that composition leaves alone, whatever stands beside them.
  using Page = std::bitset<256>;
  bool inert(char32_t c) const;
  const Page& make_page(size_t index) const;

  mutable std::array<std::atomic<const Page*>, 0x1100> pages_{};
};

}  // namespace tern::text
