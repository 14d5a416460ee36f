// SPDX-License-Identifier: Apache-2.0
// See chat_renderer.h.
#include "chat_renderer.h"

#include <algorithm>
#include <map>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "jinja/python_text.h"

namespace tern {

void refuse_chat(std::string_view message) {
  fail(ErrorCode::invalid_argument, cat("chat template: ", message));
}

namespace {

using hub::Json;
using Members = std::vector<Json::NewMember>;

/// Names a message's reasoning is passed under; templates read the first, some the second.
constexpr std::string_view kReasoning[] = {"reasoning_content", "thinking", "reasoning"};

Json* find(Members& members, std::string_view name) {
  for (auto& [key, value] : members) {
    if (key == name) return &value;
  }
  return nullptr;
}

void set(Members& members, std::string_view name, Json value) {
  if (Json* found = find(members, name)) {
    *found = std::move(value);
  } else {
    members.emplace_back(std::string(name), std::move(value));
  }
}

/// Of duplicates the last one, at the first one's place.
Members members_of(const Json& object) {
  Members out;
  std::map<std::string_view, size_t> places;
  for (const auto& [name, value] : object.members()) {
    const auto [at, is_new] = places.emplace(name, out.size());
    if (is_new) {
      out.emplace_back(name, value);
    } else {
      out[at->second].second = value;
    }
  }
  return out;
}

/// A message without its null members, its reasoning under the names that templates know.
Members normalized(const Json& message) {
  if (!message.is_object()) refuse_chat("every message must be an object");
  Members members = members_of(message);
  std::erase_if(members, [](const Json::NewMember& m) { return m.second.is_null(); });
  for (const std::string_view name : kReasoning) {
    const Json* found = find(members, name);
    if (!found) continue;
    const Json reasoning = *found;
    if (!find(members, "thinking")) members.emplace(members.begin(), "thinking", reasoning);
    set(members, "reasoning_content", reasoning);
    break;
  }
  return members;
}

// The final message gets a mark; where the mark is found in the rendered text, the text ends.
constexpr std::string_view kMark = "CONTINUE_FINAL_MESSAGE_TAG ";

Json marked(const Json& text) {
  if (!text.is_string()) refuse_chat("continue_final_message: the final message is no text");
  return Json::make(cat(*text.string(), kMark));
}

/// Marks the last text block of a content that is a list; returns its text.
std::string mark_blocks(Json& content) {
  std::vector<Json> blocks(content.elements().begin(), content.elements().end());
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
    if (!block->is_object() || !block->contains("text")) continue;
    Members members(block->members().begin(), block->members().end());
    const Json text = (*block)["text"];
    set(members, "text", marked(text));
    *block = Json::object(std::move(members));
    content = Json::array(std::move(blocks));
    return std::string(*text.string());
  }
  refuse_chat(
      "continue_final_message is set but we could not find any text to continue in the final "
      "message!");
}

/// Marks the final message; returns the text that is continued.
std::string mark_final(Members& message, const std::string& field, std::string_view source) {
  Json* const content = find(message, field);
  if (!content) {
    refuse_chat(cat("continue_final_message is set but the final message has no \"", field,
                    "\" to continue!"));
  }
  std::vector<std::string> fields = {field};
  if (std::find(std::begin(kReasoning), std::end(kReasoning), field) != std::end(kReasoning)) {
    fields.clear();
    for (const std::string_view name : kReasoning) {
      const Json* other = find(message, name);
      if (other && other->dump() == content->dump()) fields.emplace_back(name);
    }
  }
  if (std::none_of(fields.begin(), fields.end(),
                   [&](const std::string& name) { return source.find(name) != source.npos; })) {
    refuse_chat(cat("continue_final_message is set to \"", field,
                    "\" but this is not an accepted field in the chat_template"));
  }
  if (content->is_array()) return mark_blocks(*content);
  const Json text = *content;
  for (const std::string& name : fields) set(message, name, marked(text));
  return std::string(*text.string());
}

void cut_at_mark(std::string& rendered, std::string_view final_message) {
  const std::string_view mark = jinja::strip(kMark, jinja::Ends::both);
  const std::string_view message = jinja::strip(final_message, jinja::Ends::both);
  const size_t at = rendered.rfind(mark);
  if (rendered.find(message) == std::string::npos || at == std::string::npos) {
    refuse_chat(
        "continue_final_message is set but the final message does not appear in the chat after "
        "applying the chat template! This can happen if the chat template deletes portions of "
        "the final message.");
  }
  const bool keeps_spaces = rendered.compare(at, kMark.size(), kMark) == 0;
  rendered.resize(at);
  if (!keeps_spaces) rendered.resize(jinja::strip(rendered, jinja::Ends::right).size());
}

}  // namespace

void ChatRenderer::add_tokens(const std::vector<std::pair<std::string, std::string>>& tokens) {
  tokens_.reserve(tokens.size());
  for (const auto& [name, token] : tokens) {
    tokens_.emplace_back(name, Json::make(std::string_view(token)));
  }
}

RenderedChat ChatRenderer::render(const Json& messages) const {
  std::vector<Json> chat;
  std::string final_message;
  if (options_.continue_final_message && messages.elements().empty()) {
    refuse_chat("continue_final_message is set but the conversation is empty!");
  }
  for (const Json& message : messages.elements()) {
    Members members = normalized(message);
    if (options_.continue_final_message && &message == &messages.elements().back()) {
      final_message = mark_final(members, options_.continue_field, source_);
    }
    chat.push_back(Json::object(std::move(members)));
  }
  const Json list = Json::array(std::move(chat));
  std::function<jinja::Clock()> clock;
  if (options_.clock) clock = [&] { return jinja::Clock{options_.clock(), 0}; };
  auto rendered = parsed_.render(variables(list), std::move(clock));
  RenderedChat out;
  out.text = std::move(rendered.text);
  for (const jinja::Span& span : rendered.generated)
    out.assistant.emplace_back(span.begin, span.end);
  if (options_.continue_final_message) cut_at_mark(out.text, final_message);
  return out;
}

jinja::Template::Variables ChatRenderer::variables(const Json& messages) const {
  jinja::Template::Variables out = {{"messages", &messages},
                                    {"tools", &options_.tools},
                                    {"documents", &options_.documents},
                                    {"add_generation_prompt", &prompt_}};
  const size_t own = out.size();
  // The first one of a name is found: of duplicates that must be the last.
  const auto kwargs = options_.kwargs.members();
  for (auto member = kwargs.rbegin(); member != kwargs.rend(); ++member) {
    const auto& [name, value] = *member;
    for (size_t i = 0; i < own; ++i) {
      if (out[i].first == name)
        refuse_chat(cat("'", name, "' cannot be given as a further variable"));
    }
    out.emplace_back(name, &value);
  }
  // Behind the kwargs, which are found first.
  for (const auto& [name, token] : tokens_) out.emplace_back(name, &token);
  return out;
}

}  // namespace tern
