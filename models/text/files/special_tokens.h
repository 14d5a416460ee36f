// SPDX-License-Identifier: Apache-2.0
// Special tokens of a repository as Transformers takes them: from the files, else from the class.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "classes.h"

namespace tern::text {

using NamedTokens = std::vector<std::pair<std::string, GivenToken>>;

class SpecialTokens {
 public:
  /// Both must outlive this. `row`: null when the class is not in the table.
  SpecialTokens(const Arguments& arguments, const TokenizerClass* row);

  /// What kTokenNames[which] is where the files are silent; it must outlive this.
  const char*& usual(size_t which) noexcept { return usual_[which]; }

  /// "bos_token" …, or one of own(); nullopt: there is none.
  std::optional<GivenToken> named(std::string_view key) const;
  /// The seven, as far as there are, then own().
  NamedTokens all_named() const;
  /// Named tokens beyond the seven: the class's in its order, then those that only the files have.
  NamedTokens own() const;
  /// Those beside the named ones.
  std::vector<GivenToken> extra() const;

  /// What a tokenizer gets that has the tokens `there`: the listed ones in the order of their ids,
  /// even when they are there, then the special tokens that are not.
  std::vector<GivenToken> to_add(const std::map<int64_t, GivenToken>& listed,
                                 std::set<std::string> there) const;

 private:
  const Arguments& arguments_;
  const TokenizerClass* row_;
  const char* usual_[std::size(kTokenNames)] = {};
};

}  // namespace tern::text
