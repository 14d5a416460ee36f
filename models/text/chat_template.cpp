// SPDX-License-Identifier: Apache-2.0
// See chat_template.h. Reading files: chat_template_files.cpp; one conversation: chat_renderer.cpp.
#include "chat_template.h"

#include <mutex>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "../gguf_source.h"
#include "../out_of_memory.h"
#include "chat_renderer.h"
#include "chat_template_files.h"
#include "files/gguf_tokenizer.h"
#include "jinja/template.h"

namespace tern {

using hub::Json;
using jinja::Template;

struct ChatTemplate::State {
  explicit State(ChatFiles f) : files(std::move(f)) {}

  const ChatFiles files;

  /// The parsed form of one of `files`' own texts; null when there is none without errors.
  const Template* find(std::string_view source) const {
    std::call_once(once_, [this] { parse(); });
    for (const auto& [name, candidate] : parsed_) {
      if (files.templates.at(name).data() == source.data()) return &candidate;
    }
    return nullptr;
  }

 private:
  void parse() const {
    for (const auto& [name, text] : files.templates) {
      try {
        parsed_.emplace_back(name, Template::parse(text));
      } catch (const Error&) {
        // It is reported when it is used: others may be fine.
      }
    }
  }

  // Filled by the first use: most who load a tokenizer render nothing.
  mutable std::once_flag once_;
  mutable std::vector<std::pair<std::string, Template>> parsed_;  // by name
};

ChatTemplate ChatTemplate::from_repo(const hub::Repo& repo, const std::string& gguf_file) {
  return within_memory(repo.name(), [&] {
    return from_files(gguf_file.empty() ? read_chat_files(repo)
                                        : text::read_gguf_chat(open_gguf(repo, gguf_file)));
  });
}

ChatTemplate ChatTemplate::from_pretrained(const std::string& id_or_path,
                                           const hub::RepoOptions& options) {
  return within_memory(id_or_path, [&] {
    hub::RepoOptions texts = options;
    texts.weights = hub::WeightFiles::none;
    const Source source = open_source(id_or_path, texts);
    return from_repo(source.repo, source.gguf_file);
  });
}

ChatTemplate ChatTemplate::from_text(
    std::string_view text, std::vector<std::pair<std::string, std::string>> special_tokens) {
  ChatFiles files;
  files.templates.emplace("default", text);
  files.special_tokens = std::move(special_tokens);
  return from_files(std::move(files));
}

ChatTemplate ChatTemplate::from_files(ChatFiles files) {
  ChatTemplate out;
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
  refuse_chat(
      cat("This model has multiple chat templates with no default specified! Available template "
          "names are ",
          list));
}

namespace {

void check(const ChatOptions& options) {
  if (options.continue_final_message && options.add_generation_prompt) {
    refuse_chat("continue_final_message and add_generation_prompt are not compatible.");
  }
  for (const Json& document : options.documents.elements()) {
    if (!document.is_object())
      refuse_chat("documents should be a list of objects with 'title' and 'text'");
  }
}

}  // namespace

std::vector<RenderedChat> ChatTemplate::render_each(std::span<const Json> conversations,
                                                    const ChatOptions& options) const {
  const std::string_view source = text(options);
  check(options);
  const Template* const known = state_ ? state_->find(source) : nullptr;
  const Template parsed = known ? *known : Template::parse(source);
  ChatRenderer renderer(parsed, source, options);
  renderer.add_tokens(special_tokens());
  std::vector<RenderedChat> out;
  for (const Json& messages : conversations) {
    if (!messages.is_array()) refuse_chat("every conversation must be an array of messages");
    out.push_back(renderer.render(messages));
  }
  return out;
}

std::vector<RenderedChat> ChatTemplate::render_batch(const Json& conversations,
                                                     const ChatOptions& options) const {
  if (!conversations.is_array() || conversations.elements().empty()) {
    refuse_chat("the conversations must be an array of at least one");
  }
  return render_each(conversations.elements(), options);
}

RenderedChat ChatTemplate::render(const Json& messages, const ChatOptions& options) const {
  if (!messages.is_array() || messages.elements().empty()) {
    refuse_chat("the messages must be an array of at least one message");
  }
  return std::move(render_each(std::span(&messages, 1), options).front());
}

}  // namespace tern
