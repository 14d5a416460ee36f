// SPDX-License-Identifier: Apache-2.0
// From the packed tables to runs; see properties.h.
#include "properties.h"

#include <algorithm>
#include <iterator>

#include "tables.h"

namespace tern::text {

namespace {

constexpr uint32_t kCategoryStarts[] = {
#include "unicode_categories.inc"
};
constexpr uint32_t kScriptStarts[] = {
#include "unicode_scripts.inc"
};
constexpr uint32_t kDerivedStarts[] = {
#include "unicode_derived.inc"
};
struct ScriptName {
  std::string_view name, code;
};
constexpr ScriptName kScriptNames[] = {
#include "unicode_script_names.inc"
};
constexpr MappedRun kFold[] = {
#include "unicode_fold.inc"
};
constexpr uint32_t kFoldSeveral[] = {
#include "unicode_fold_several.inc"
};

constexpr uint32_t kJoinedStarts[] = {
#include "unicode_joined_scripts.inc"
};

std::vector<PropertyRun> runs_of(std::span<const uint32_t> starts, int shift) {
  std::vector<PropertyRun> runs{{0, 0x110000, 0}};
  for (const uint32_t s : starts) {
    const char32_t c = s >> shift;
    runs.back().end = c;
    if (runs.back().begin == c) runs.pop_back();
    runs.push_back({c, 0x110000, s & ((1u << shift) - 1)});
  }
  return runs;
}

}  // namespace

std::vector<PropertyRun> category_runs() {
  return runs_of(kCategoryStarts, 5);
}

std::vector<PropertyRun> script_runs() {
  return runs_of(kScriptStarts, 8);
}

std::vector<PropertyRun> derived_runs() {
  return runs_of(kDerivedStarts, 6);
}

uint8_t joined_script(char32_t c) noexcept {
  return static_cast<uint8_t>(step_value(kJoinedStarts, 8, c));
}

std::optional<uint32_t> find_script(std::string_view name) {
  const auto at = std::find_if(std::begin(kScriptNames), std::end(kScriptNames),
                               [&](const auto& s) { return s.name == name || s.code == name; });
  if (at == std::end(kScriptNames)) return std::nullopt;
  return static_cast<uint32_t>(at - std::begin(kScriptNames));
}

std::vector<Folding> foldings() {
  std::vector<Folding> all;
  for (const MappedRun& r : kFold) {
    for (uint32_t k = 0, c = r.first; k < r.count; ++k, c += r.stride) {
      all.push_back({c, {r.apply(c)}, 1});
    }
  }
  for (size_t i = 0; i < std::size(kFoldSeveral);) {
    const Several entry = several_at(kFoldSeveral, i);
    Folding f{entry.c, {}, 0};
    f.size = std::min(entry.to.size(), f.folded.size());
    std::copy_n(entry.to.begin(), f.size, f.folded.begin());
    all.push_back(f);
    i = entry.next;
  }
  return all;
}

}  // namespace tern::text
