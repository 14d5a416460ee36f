// SPDX-License-Identifier: Apache-2.0
// ScannerChain: scanners of which each cuts the pieces of the one before, as if each piece stood
// alone. One walk over the text gives the pieces of the last.
#pragma once

#include <array>
#include <vector>

#include "scanners.h"

namespace tern::text {

class ScannerChain {
 public:
  static constexpr size_t kMost = 8;

  /// `scanner` must outlive this, or become its own. False when there are kMost.
  bool add(const Scanner& scanner) {
    if (scanners_.size() == kMost) return false;
    scanners_.push_back(&scanner);
    return true;
  }
  bool add(std::unique_ptr<const Scanner> scanner) {
    owned_.push_back(std::move(scanner));
    return add(*owned_.back());
  }
  bool empty() const noexcept { return scanners_.empty(); }

  /// One walk over a text of valid UTF-8.
  class Walk {
   public:
    Walk(const ScannerChain& chain, std::string_view text) : chain_(chain), text_(text) {}
    /// The end of the piece that begins at `from`, which is where the last one ended.
    size_t next(size_t from) {
      size_t end = text_.size();
      for (size_t i = 0; i < chain_.scanners_.size(); ++i) {
        if (ends_[i] <= from) {
          ends_[i] = chain_.scanners_[i]->next(text_.substr(0, end), from).end;
        }
        end = ends_[i];
      }
      return end;
    }

   private:
    const ScannerChain& chain_;
    std::string_view text_;
    std::array<size_t, kMost> ends_{};  // of the current piece of each scanner
  };

 private:
  std::vector<const Scanner*> scanners_;
  std::vector<std::unique_ptr<const Scanner>> owned_;
};

}  // namespace tern::text
