// SPDX-License-Identifier: Apache-2.0
// ChatTemplate: a conversation as the text its model was trained on, exactly as Transformers 5
// renders it: the templates of a repository (chat_template.jinja, additional_chat_templates/, or
// those in tokenizer_config.json or chat_template.json) and the special tokens they may name.
// Templates are programs from anywhere: they run in an interpreter of our own with limits on steps,
// depth and output, and reach nothing but the variables given. Immutable; any number of threads.
#pragma once

#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../hub/formats/json.h"
#include "../../hub/repo.h"
#include "tokenizer.h"

namespace tern {

struct ChatFiles;  // models/text/chat_template_files.h

struct ChatOptions {
  /// JSON schemas of functions, an array; null: none (an empty array counts as given).
  hub::Json tools = {};
  /// An array of objects; null: none.
  hub::Json documents = {};
  bool add_generation_prompt = false;
  /// The last message is left open for the model to go on with.
  bool continue_final_message = false;
  /// What of it is gone on with; "reasoning_content" instead, for thoughts.
  std::string continue_field = "content";
  /// A template's name, or its text; empty: "tool_use" when tools are given, else "default".
  std::string chat_template = {};
  /// Further variables, an object; they hide special tokens of the same name.
  hub::Json kwargs = {};
  /// For strftime_now; empty: the local time.
  std::function<std::tm()> clock = {};

  // What follows is for Tokenizer::apply_chat_template; rendering does not look at it.

  bool padding = false;                                  // longest of the batch
  std::optional<PaddingStrategy> padding_strategy = {};  // overrides `padding`
  /// To max_length; a max_length alone truncates nothing.
  bool truncation = false;
  int64_t max_length = 0;  // 0: model_max_length
  /// assistant_masks [rows, length]: 1 for a token that has a part in {% generation %}.
  bool return_assistant_tokens_mask = false;
  /// The call's other options. add_special_tokens counts for nothing: the template writes them.
  TokenizeOptions tokenizer_kwargs = {};
};

struct RenderedChat {
  std::string text;
  /// What stood in {% generation %}: begin and end in the text, in code points.
  std::vector<std::pair<size_t, size_t>> assistant;
};

class TERN_API ChatTemplate {
 public:
  /// No templates at all is not an Error before something is rendered.
  /// With a GGUF file of the repository: the templates and tokens of its metadata.
  static ChatTemplate from_repo(const hub::Repo& repo, const std::string& gguf_file = {});
  /// A folder, org/name in the cache, or a file "….gguf", which is read as options.gguf_file is.
  static ChatTemplate from_pretrained(const std::string& id_or_path,
                                      const hub::RepoOptions& options = {});
  /// One template, with variables such as bos_token.
  static ChatTemplate from_text(
      std::string_view text, std::vector<std::pair<std::string, std::string>> special_tokens = {});
  static ChatTemplate from_files(ChatFiles files);

  bool empty() const noexcept;
  /// "default", "tool_use", …, sorted.
  std::vector<std::string> names() const;
  /// The text of the template that these options pick.
  std::string_view text(const ChatOptions& options = {}) const;
  const std::vector<std::pair<std::string, std::string>>& special_tokens() const noexcept;

  /// `messages`: an array of objects with role and content. Error invalid_argument when the
  /// template refuses them, corrupt or unsupported when it is the template's fault; both name its
  /// line.
  RenderedChat render(const hub::Json& messages, const ChatOptions& options = {}) const;
  /// The same for several conversations, an array of arrays; one of no messages is rendered, too.
  std::vector<RenderedChat> render_batch(const hub::Json& conversations,
                                         const ChatOptions& options = {}) const;

 private:
  std::vector<RenderedChat> render_each(std::span<const hub::Json> conversations,
                                        const ChatOptions& options) const;

  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace tern
