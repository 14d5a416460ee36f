// SPDX-License-Identifier: Apache-2.0
// Renamer: the names of a file become those of the class. Called by weights.cpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/regex/regex.h"
#include "weights.h"

namespace tern {

class Renamer {
 public:
  /// Keeps `options`. unsupported: a replacement of key_mapping that refers to a group; what
  /// Regex::compile refuses.
  explicit Renamer(const WeightsOptions& options);

  /// key_mapping first, then names of old versions, then the architecture's renames.
  std::string operator()(std::string name) const;

 private:
  const WeightsOptions& options_;
  std::vector<std::unique_ptr<const text::Regex>> patterns_;
};

}  // namespace tern
