// SPDX-License-Identifier: Apache-2.0
// Properties of Unicode 16 as runs, of which regular expressions and their scanners make sets and
// tables of code points; and the scripts that a pre-tokenizer tells apart, of Unicode 9.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tern::text {

/// Runs of code points [begin, end) with one value, in order, all code points covered.
struct PropertyRun {
  char32_t begin, end;
  uint32_t value;
};

/// Values are indices of kCategories.
std::vector<PropertyRun> category_runs();
inline constexpr std::array<std::string_view, 30> kCategories{
    "cn", "cc", "cf", "co", "cs", "ll", "lm", "lo", "lt", "lu", "mc", "me", "mn", "nd", "nl",
    "no", "pc", "pd", "pe", "pf", "pi", "po", "ps", "sc", "sk", "sm", "so", "zl", "zp", "zs"};

/// Values are what find_script() gives.
std::vector<PropertyRun> script_runs();
/// By its name or its four letters, in lower case without '_', '-' and ' '.
std::optional<uint32_t> find_script(std::string_view name);

/// Values are bits; what the category implies (letters, Nl, Ll, Lu) is left out of the first three.
enum DerivedBit : uint32_t {
  kAlphabetic = 1,
  kLowercase = 2,
  kUppercase = 4,
  kEmoji = 8,
  kEmojiPresentation = 16,
  kExtendedPictographic = 32,
};
std::vector<PropertyRun> derived_runs();

/// Full case folding: to `folded[0 .. size)`. All that fold to themselves are left out.
struct Folding {
  char32_t c;
  std::array<char32_t, 3> folded;
  size_t size;
};
std::vector<Folding> foldings();

/// What the pre-tokenizer UnicodeScripts takes for one script: a number for each, kana being Han; 0
/// joins any (a blank, what has no script). Of Unicode 9.
uint8_t joined_script(char32_t c) noexcept;

}  // namespace tern::text
