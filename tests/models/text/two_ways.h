// SPDX-License-Identifier: Apache-2.0
// One tokenizer.json twice: as it is loaded, with the passes that are chosen for its components
// (one fused pass, word by word, hand-written scanners, caches), and with the components run one
// after the other over the whole text, regular expressions by PCRE2.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "../../../models/text/pipeline.h"

namespace tern::test {

class TwoWays {
 public:
  explicit TwoWays(const std::string& json);

  /// REQUIREs of both ways the same, whether ids alone are asked for, offsets too, or all there is.
  /// Returns what the stages give without special tokens; nullopt for a text that both refuse.
  std::optional<Encoding> check(std::string_view text) const;

  const Tokenizer::Pipeline& pipeline() const noexcept { return *pipeline_; }
  const Tokenizer& fast() const noexcept { return fast_; }

 private:
  std::shared_ptr<const Tokenizer::Pipeline> pipeline_;
  Tokenizer fast_, stages_;
};

}  // namespace tern::test
