// SPDX-License-Identifier: Apache-2.0
// Normal forms with a record of which source characters each result came from (Change).
// Linear in the text, except that a run of n combining marks is sorted in n log n.
#include <algorithm>
#include <optional>

#include "unicode.h"

namespace tern::text {

namespace {

struct Marked {
  char32_t c;
  int32_t change;
  uint8_t combining;
};

/// Canonical order of the characters that follow the last starter.
void reorder(std::vector<Marked>& chars, size_t begin) {
  std::stable_sort(chars.begin() + static_cast<std::ptrdiff_t>(begin), chars.end(),
                   [](const Marked& a, const Marked& b) { return a.combining < b.combining; });
}

std::vector<Marked> decomposed(std::string_view text, bool compat) {
  std::vector<Marked> out;
  out.reserve(text.size());
  size_t run = 0;  // where the current run of non-starters begins
  for (size_t i = 0; i < text.size();) {
    const char32_t c = next_char(text, i);
    const Decomposition parts = c < 0xA0 ? Decomposition{{c}, 1} : decompose(c, compat);
    for (size_t k = 0; k < parts.size; ++k) {
      const uint8_t combining = combining_class(parts.chars[k]);
      if (combining == 0) {
        if (out.size() - run > 1) reorder(out, run);
        run = out.size() + 1;
      }
      out.push_back({parts.chars[k], k == 0 ? 0 : 1, combining});
    }
  }
  if (out.size() > run + 1) reorder(out, run);
  return out;
}

/// Canonical composition: a character joins the last starter when nothing between blocks it.
class Composer {
 public:
  explicit Composer(std::vector<Change>& out) : out_(out) {}

  void add(const Marked& m) {
    if (!starter_) return begin_or_emit(m);
    const bool blocked = last_ >= 0 && last_ >= m.combining;
    const char32_t joined = blocked ? 0 : compose(starter_->c, m.c);
    if (joined != 0) {
      starter_->c = joined;
      starter_->change += m.change - 1;
    } else if (m.combining == 0) {
      flush();
      starter_ = Change{m.c, m.change};
    } else {
      pending_.push_back({m.c, m.change});
      last_ = m.combining;
    }
  }

  void flush() {
    if (starter_) out_.push_back(*starter_);
    out_.insert(out_.end(), pending_.begin(), pending_.end());
    pending_.clear();
    starter_.reset();
    last_ = -1;
  }

 private:
  void begin_or_emit(const Marked& m) {
    if (m.combining == 0)
      starter_ = Change{m.c, m.change};
    else
      out_.push_back({m.c, m.change});
  }

  std::vector<Change>& out_;
  std::vector<Change> pending_;
  std::optional<Change> starter_;
  int last_ = -1;  // combining class of the last pending character
};

}  // namespace

void normal_form(std::string_view text, NormalForm form, std::vector<Change>& out) {
  out.clear();
  const bool compat = form == NormalForm::nfkd || form == NormalForm::nfkc;
  const std::vector<Marked> chars = decomposed(text, compat);
  out.reserve(chars.size());
  if (form == NormalForm::nfd || form == NormalForm::nfkd) {
    for (const Marked& m : chars) out.push_back({m.c, m.change});
    return;
  }
  Composer composer(out);
  for (const Marked& m : chars) composer.add(m);
  composer.flush();
}

}  // namespace tern::text
