// SPDX-License-Identifier: Apache-2.0
// See chat_template.h. Reading files: chat_template_files.cpp.
#include "chat_template.h"

#include <algorithm>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "chat_template_files.h"
#include "jinja/python_text.h"
#include "jinja/template.h"

namespace tern {

namespace {

using hub::Json;
using jinja::Template;
using Members = std::vector<Json::Member>;

/// Names a message's reasoning is passed under; templates read the first, some the second.
constexpr std::string_view kReasoning[] = {"reasoning_content", "thinking", "reasoning"};

[[noreturn]] void refuse(std::string_view message) {
  fail(ErrorCode::invalid_argument, cat("chat template: ", message));
}

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

/// A message without its null members, its reasoning under the names that templates know.
Members normalized(const Json& message) {
  if (!message.is_object()) refuse("every message must be an object");
  Members members;
  for (const auto& [name, value] : message.members()) set(members, name, value);
  std::erase_if(members, [](const Json::Member& m) { return m.second.is_null(); });
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
  if (!text.is_string()) refuse("continue_final_message: the final message is no text");
  return Json::make(cat(*text.string(), kMark));
}

/// Marks the last text block of a content that is a list; returns its text.
std::string mark_blocks(Json& content) {
  std::vector<Json> blocks = content.elements();
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
    if (!block->is_object() || !block->contains("text")) continue;
    Members members = block->members();
    const Json text = (*block)["text"];
    set(members, "text", marked(text));
    *block = Json::object(std::move(members));
    content = Json::array(std::move(blocks));
    return std::string(*text.string());
  }
  refuse(
      "continue_final_message is set but we could not find any text to continue in the final "
      "message!");
}

/// Marks the final message; returns the text that is continued.
std::string mark_final(Members& message, const std::string& field, std::string_view source) {
  Json* const content = find(message, field);
  if (!content) {
    refuse(cat("continue_final_message is set but the final message has no \"", field,
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
    refuse(cat("continue_final_message is set to \"", field,
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
    refuse(
        "continue_final_message is set but the final message does not appear in the chat after "
        "applying the chat template! This can happen if the chat template deletes portions of "
        "the final message.");
  }
  const bool keeps_spaces = rendered.compare(at, kMark.size(), kMark) == 0;
  rendered.resize(at);
  if (!keeps_spaces) rendered.resize(jinja::strip(rendered, jinja::Ends::right).size());
}

}  // namespace

struct ChatTemplate::State {
  ChatFiles files;
  std::vector<std::pair<std::string, Template>> parsed;  // by name, those without errors

  explicit State(ChatFiles f) : files(std::move(f)) {
    for (const auto& [name, text] : files.templates) {
      try {
        parsed.emplace_back(name, Template::parse(text));
      } catch (const Error&) {
        // It is reported when it is used: others may be fine.
      }
    }
  }

  /// The parsed form of one of `files`' own texts.
  const Template* find(std::string_view source) const {
    for (const auto& [name, candidate] : parsed) {
      if (files.templates.at(name).data() == source.data()) return &candidate;
    }
    return nullptr;
  }
};

ChatTemplate ChatTemplate::from_repo(const hub::Repo& repo) {
  ChatTemplate out;
  out.state_ = std::make_shared<State>(read_chat_files(repo));
  return out;
}

ChatTemplate ChatTemplate::from_pretrained(const std::string& id_or_path,
                                           const hub::RepoOptions& options) {
  return from_repo(hub::Repo::open(id_or_path, options));
}

ChatTemplate ChatTemplate::from_text(
    std::string_view text, std::vector<std::pair<std::string, std::string>> special_tokens) {
  ChatTemplate out;
  ChatFiles files;
  files.templates.emplace("default", text);
  files.special_tokens = std::move(special_tokens);
  out.state_ = std::make_shared<State>(std::move(files));
  return out;
}

bool ChatTemplate::empty() const noexcept {
  return !state_ || state_->files.templates.empty();
}

std::vector<std::string> ChatTemplate::names() const {
  std::vector<std::string> out;
  if (state_) {
    for (const auto& [name, text] : state_->files.templates) out.push_back(name);
  }
  return out;
}

const std::vector<std::pair<std::string, std::string>>& ChatTemplate::special_tokens()
    const noexcept {
  static const std::vector<std::pair<std::string, std::string>> none;
  return state_ ? state_->files.special_tokens : none;
}

std::string_view ChatTemplate::text(const ChatOptions& options) const {
  static const std::map<std::string, std::string> none;
  const auto& templates = state_ ? state_->files.templates : none;
  const auto named = templates.find(options.chat_template);
  // A repository with a single template has no names to ask for.
  const bool several =
      templates.size() > 1 || (templates.size() == 1 && !templates.count("default"));
  if (!options.chat_template.empty()) {
    return several && named != templates.end() ? std::string_view(named->second)
                                               : std::string_view(options.chat_template);
  }
  if (several && !options.tools.is_null()) {
    if (const auto found = templates.find("tool_use"); found != templates.end())
      return found->second;
  }
  if (const auto found = templates.find("default"); found != templates.end()) return found->second;
  if (templates.empty()) {
    fail(ErrorCode::not_found,
         "no chat template: the repository has none, so one must be given as chat_template");
  }
  std::string list;
  for (const auto& [name, text] : templates) list += cat(list.empty() ? "" : ", ", name);
  refuse(
      cat("This model has multiple chat templates with no default specified! Available template "
          "names are ",
          list));
}

RenderedChat ChatTemplate::render(const Json& messages, const ChatOptions& options) const {
  const std::string_view source = text(options);
  if (!messages.is_array() || messages.elements().empty()) {
    refuse("the messages must be an array of at least one message");
  }
  if (options.continue_final_message && options.add_generation_prompt) {
    refuse("continue_final_message and add_generation_prompt are not compatible.");
  }
  for (const Json& document : options.documents.elements()) {
    if (!document.is_object())
      refuse("documents should be a list of objects with 'title' and 'text'");
  }
  std::vector<Json> chat;
  std::string final_message;
  for (const Json& message : messages.elements()) {
    Members members = normalized(message);
    if (options.continue_final_message && &message == &messages.elements().back()) {
      final_message = mark_final(members, options.continue_field, source);
    }
    chat.push_back(Json::object(std::move(members)));
  }

  const Json list = Json::array(std::move(chat)),
             prompt = Json::make(options.add_generation_prompt);
  Template::Variables variables = {{"messages", &list},
                                   {"tools", &options.tools},
                                   {"documents", &options.documents},
                                   {"add_generation_prompt", &prompt}};
  for (const auto& member : options.kwargs.members()) {
    const std::string& name = member.first;
    for (size_t i = 0; i < 4; ++i) {
      if (variables[i].first == name)
        refuse(cat("'", name, "' cannot be given as a further variable"));
    }
    variables.emplace_back(name, &options.kwargs[name]);
  }
  std::vector<Json> tokens;
  tokens.reserve(special_tokens().size());
  for (const auto& [name, token] : special_tokens()) {
    tokens.push_back(Json::make(std::string_view(token)));
    variables.emplace_back(name, &tokens.back());  // behind the kwargs, which are found first
  }

  const Template* const parsed = state_ ? state_->find(source) : nullptr;
  std::function<jinja::Clock()> clock;
  if (options.clock) clock = [&] { return jinja::Clock{options.clock(), 0}; };
  const auto rendered =
      (parsed ? *parsed : Template::parse(source)).render(variables, std::move(clock));
  RenderedChat out;
  out.text = rendered.text;
  for (const jinja::Span& span : rendered.generated)
    out.assistant.emplace_back(span.begin, span.end);
  if (options.continue_final_message) cut_at_mark(out.text, final_message);
  return out;
}

}  // namespace tern
