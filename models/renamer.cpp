// SPDX-License-Identifier: Apache-2.0
#include "renamer.h"

#include <span>
#include <string_view>

#include "../engine/base/error.h"
#include "../engine/base/format.h"

namespace tern {

namespace {

/// For all models: TensorFlow's names in the first PyTorch checkpoints.
constexpr Rename kGlobalRenames[] = {{"LayerNorm.gamma", "LayerNorm.weight"},
                                     {"LayerNorm.beta", "LayerNorm.bias"}};

/// Weight normalisation before PyTorch 2.1; only at the end of a name.
constexpr Rename kEndRenames[] = {{".weight_g", ".parametrizations.weight.original0"},
                                  {".weight_v", ".parametrizations.weight.original1"}};

std::string by_table(std::string name, std::span<const Rename> renames) {
  for (const Rename& rule : renames) {
    const size_t at = name.find(rule.from);
    if (at != std::string::npos) name.replace(at, rule.from.size(), rule.to);
  }
  return name;
}

std::string replaced(const text::Regex& pattern, std::string name, std::string_view replacement) {
  std::vector<text::Regex::Match> matches;
  pattern.find_all(name, matches);
  for (size_t i = matches.size(); i-- > 0;) {
    name.replace(matches[i].begin, matches[i].end - matches[i].begin, replacement);
  }
  return name;
}

}  // namespace

Renamer::Renamer(const WeightsOptions& options) : options_(options) {
  for (const auto& [pattern, replacement] : options.key_mapping) {
    if (replacement.find('\\') != std::string::npos) {
      fail(ErrorCode::unsupported, cat("key_mapping: the replacement '", replacement,
                                       "' refers to a group; only plain texts are supported"));
    }
    patterns_.push_back(text::Regex::compile(pattern, "key_mapping"));
  }
}

std::string Renamer::operator()(std::string name) const {
  for (size_t i = 0; i < patterns_.size(); ++i) {
    name = replaced(*patterns_[i], std::move(name), options_.key_mapping[i].second);
  }
  for (const Rename& rule : kEndRenames) {
    if (!name.ends_with(rule.from)) continue;
    name.replace(name.size() - rule.from.size(), rule.from.size(), rule.to);
  }
  return by_table(by_table(std::move(name), kGlobalRenames), options_.renames);
}

}  // namespace tern
