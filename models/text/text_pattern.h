// SPDX-License-Identifier: Apache-2.0
// TextPattern: what a Split or Replace looks for, a literal text or a regular expression.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../../hub/formats/json.h"
#include "regex/regex.h"

namespace tern::text {

class TextPattern {
 public:
  TextPattern() = default;
  explicit TextPattern(std::string literal) : text_(std::move(literal)) {}
  explicit TextPattern(std::unique_ptr<const Regex> regex) : regex_(std::move(regex)) {}

  /// {"String": …} or {"Regex": …}; `what` names the component in errors.
  static TextPattern parse(const hub::Json& json, std::string_view what);

  /// Every match in `text`, which is valid UTF-8, from left to right; they do not overlap and may
  /// be empty. None in an empty text, whatever the pattern: so does the reference. Error deadline
  /// as of Regex.
  void find_all(std::string_view text, Regex::Deadline deadline,
                std::vector<Regex::Match>& out) const;
  /// Of a text that stands alone.
  void find_all(std::string_view text, std::vector<Regex::Match>& out) const {
    find_all(text, Regex::deadline_for(text), out);
  }

  /// The literal text, or what the regular expression was parsed from.
  const std::string& text() const noexcept { return text_; }
  /// Null when this is a literal text.
  const Regex* regex() const noexcept { return regex_.get(); }

 private:
  std::string text_;
  std::unique_ptr<const Regex> regex_;
};

}  // namespace tern::text
