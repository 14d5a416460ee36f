// SPDX-License-Identifier: Apache-2.0
// ChatRenderer: messages as Transformers hands them to a template (no null members, the reasoning
// under every name that templates read, a mark where a final message is gone on with), and the
// text cut where that mark came out. Used by ChatTemplate.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat_template.h"
#include "jinja/template.h"

namespace tern {

class ChatRenderer {
 public:
  /// All must outlive this. `source`: the text of the template.
  ChatRenderer(const jinja::Template& parsed, std::string_view source, const ChatOptions& options)
      : parsed_(parsed), source_(source), options_(options) {}

  /// Variables that kwargs of the same name hide.
  void add_tokens(const std::vector<std::pair<std::string, std::string>>& tokens);

  /// Errors as ChatTemplate::render's.
  RenderedChat render(const hub::Json& messages) const;

 private:
  jinja::Template::Variables variables(const hub::Json& messages) const;

  const jinja::Template& parsed_;
  std::string_view source_;
  const ChatOptions& options_;
  const hub::Json prompt_ = hub::Json::make(options_.add_generation_prompt);
  std::vector<hub::Json::NewMember> tokens_;
};

/// invalid_argument: the template's or our refusal.
[[noreturn]] void refuse_chat(std::string_view message);

}  // namespace tern
