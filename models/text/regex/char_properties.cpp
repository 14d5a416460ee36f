// SPDX-License-Identifier: Apache-2.0
// Properties by name; see char_properties.h.
#include "char_properties.h"

#include <algorithm>
#include <string>
#include <utility>

#include "../unicode/properties.h"

namespace tern::text {

namespace {

/// All categories whose name begins with one of the words of `names` ("l mn").
CharSet categories(std::string_view names) {
  uint32_t wanted = 0;
  for (size_t k = 0; k < kCategories.size(); ++k) {
    for (size_t i = 0; i < names.size();) {
      const size_t end = std::min(names.find(' ', i), names.size());
      if (kCategories[k].starts_with(names.substr(i, end - i))) wanted |= 1u << k;
      i = end + 1;
    }
  }
  CharSet set;
  for (const PropertyRun& r : category_runs()) {
    if (wanted >> r.value & 1) set.add(r.begin, r.end - 1);
  }
  return set;
}

CharSet derived(uint32_t bit) {
  CharSet set;
  for (const PropertyRun& r : derived_runs()) {
    if (r.value & bit) set.add(r.begin, r.end - 1);
  }
  return set;
}

CharSet with(CharSet set, const CharSet& more) {
  set.add(more);
  return set;
}

CharSet without(CharSet set, CharSet less) {
  less.invert();
  set.intersect(less);
  return set;
}

CharSet white_space() {
  return with(with(CharSet('\t', '\r'), CharSet(0x85)), categories("z"));
}

CharSet alphabetic() {
  return with(categories("l nl"), derived(kAlphabetic));
}

CharSet hex_digits() {
  return with(with(CharSet('0', '9'), CharSet('a', 'f')), CharSet('A', 'F'));
}

CharSet word() {
  return with(alphabetic(), categories("m nd pc"));
}

/// \w and \p{Word}; unlike [:word:] it has some digits and fractions of Latin-1.
CharSet word_escape() {
  CharSet set = word();
  for (const char32_t c : {0xB2u, 0xB3u, 0xB9u, 0xBCu, 0xBDu, 0xBEu}) set.add(c, c);
  return set;
}

CharSet graphic() {
  return without(CharSet::all(), with(white_space(), categories("cc cn cs")));
}

constexpr std::pair<std::string_view, std::string_view> kCategoryNames[] = {
    {"letter", "l"},
    {"casedletter", "lu ll lt"},
    {"lc", "lu ll lt"},
    {"uppercaseletter", "lu"},
    {"lowercaseletter", "ll"},
    {"titlecaseletter", "lt"},
    {"modifierletter", "lm"},
    {"otherletter", "lo"},
    {"mark", "m"},
    {"combiningmark", "m"},
    {"nonspacingmark", "mn"},
    {"spacingmark", "mc"},
    {"enclosingmark", "me"},
    {"number", "n"},
    {"decimalnumber", "nd"},
    {"letternumber", "nl"},
    {"othernumber", "no"},
    {"punctuation", "p"},
    {"connectorpunctuation", "pc"},
    {"dashpunctuation", "pd"},
    {"openpunctuation", "ps"},
    {"closepunctuation", "pe"},
    {"initialpunctuation", "pi"},
    {"finalpunctuation", "pf"},
    {"otherpunctuation", "po"},
    {"symbol", "s"},
    {"mathsymbol", "sm"},
    {"currencysymbol", "sc"},
    {"modifiersymbol", "sk"},
    {"othersymbol", "so"},
    {"separator", "z"},
    {"spaceseparator", "zs"},
    {"lineseparator", "zl"},
    {"paragraphseparator", "zp"},
    {"other", "c"},
    {"control", "cc"},
    {"format", "cf"},
    {"surrogate", "cs"},
    {"privateuse", "co"},
    {"unassigned", "cn"},
};

std::optional<CharSet> find_category(std::string_view name) {
  const bool major = name.size() == 1 && std::string_view("clmnpsz").find(name) != name.npos;
  const bool minor = std::find(kCategories.begin(), kCategories.end(), name) != kCategories.end();
  if (major || minor) return categories(name);
  for (const auto& [long_name, names] : kCategoryNames) {
    if (long_name == name) return categories(names);
  }
  return std::nullopt;
}

std::optional<CharSet> find_derived(std::string_view name) {
  if (name == "punct") return categories("p");  // other than [:punct:]
  if (name == "word") return word_escape();
  if (name == "any") return CharSet::all();
  if (name == "assigned") return without(CharSet::all(), categories("cn"));
  if (name == "alphabetic") return alphabetic();
  if (name == "lowercase") return find_posix_bracket("lower");
  if (name == "uppercase") return find_posix_bracket("upper");
  if (name == "whitespace") return white_space();
  if (name == "emoji") return derived(kEmoji);
  if (name == "emojipresentation") return derived(kEmojiPresentation);
  if (name == "extendedpictographic") return derived(kExtendedPictographic);
  return std::nullopt;
}

}  // namespace

std::optional<CharSet> find_posix_bracket(std::string_view name) {
  if (name == "alnum") return with(alphabetic(), categories("nd"));
  if (name == "alpha") return alphabetic();
  if (name == "ascii") return CharSet(0, 0x7F);
  if (name == "blank") return with(categories("zs"), CharSet('\t'));
  if (name == "cntrl") return categories("cc");
  if (name == "digit") return categories("nd");
  if (name == "graph") return graphic();
  if (name == "lower") return with(categories("ll"), derived(kLowercase));
  if (name == "print") return with(graphic(), categories("zs"));
  if (name == "punct") return categories("p s");
  if (name == "space") return white_space();
  if (name == "upper") return with(categories("lu"), derived(kUppercase));
  if (name == "xdigit") return hex_digits();
  if (name == "word") return word();
  return std::nullopt;
}

std::optional<CharSet> find_property(std::string_view name) {
  std::string flat;
  for (const char c : name) {
    if (c == '_' || c == '-' || c == ' ') continue;
    flat += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  }
  if (auto set = find_derived(flat)) return set;
  if (auto set = find_posix_bracket(flat)) return set;
  if (auto set = find_category(flat)) return set;
  const auto script = find_script(flat);
  if (!script) return std::nullopt;
  CharSet set;
  for (const PropertyRun& r : script_runs()) {
    if (r.value == *script) set.add(r.begin, r.end - 1);
  }
  return set;
}

}  // namespace tern::text
