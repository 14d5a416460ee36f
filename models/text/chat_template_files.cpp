// SPDX-License-Identifier: Apache-2.0
// Which files win: chat_template.jinja and additional_chat_templates/*.jinja, else the member
// "chat_template" of tokenizer_config.json, else chat_template.json. Special tokens are the named
// ones that the tokenizer has, of its files or its class.
#include "chat_template_files.h"

#include <string_view>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "../../hub/formats/json.h"

namespace tern {

namespace {

using hub::Json;

constexpr std::string_view kFolder = "additional_chat_templates/", kSuffix = ".jinja";
constexpr const char* kConfig = "tokenizer_config.json";

Json read_json(const hub::Repo& repo, const char* file) {
  const auto text = repo.read_if_exists(file);
  return text ? Json::parse(*text, repo.path(file)) : Json();
}

void read_member(const Json& member, const std::string& where,
                 std::map<std::string, std::string>& out) {
  if (const auto text = member.string()) {
    out.emplace("default", *text);
    return;
  }
  // {"default": "…", …} or [{"name": …, "template": …}, …]
  for (const auto& [name, text] : member.members()) {
    if (!text.is_string())
      fail(ErrorCode::corrupt, cat(where, ": chat_template '", name, "' is no text"));
    out[std::string(name)] = *text.string();
  }
  for (const Json& entry : member.elements()) {
    const auto name = entry["name"].string(), text = entry["template"].string();
    if (!name || !text) {
      fail(ErrorCode::corrupt,
           cat(where, ": an entry of chat_template needs a name and a template"));
    }
    out[std::string(*name)] = *text;
  }
}

std::map<std::string, std::string> read_templates(const hub::Repo& repo, const Json& config) {
  std::map<std::string, std::string> out;
  if (auto text = repo.read_if_exists("chat_template.jinja"))
    out.emplace("default", std::move(*text));
  for (const std::string& file : repo.list()) {
    if (!file.starts_with(kFolder) || !file.ends_with(kSuffix)) continue;
    const std::string name =
        file.substr(kFolder.size(), file.size() - kFolder.size() - kSuffix.size());
    if (name.find('/') == name.npos) out[name] = repo.read(file);
  }
  if (out.empty()) read_member(config["chat_template"], repo.path(kConfig), out);
  if (out.empty()) {
    constexpr const char* kOld = "chat_template.json";
    read_member(read_json(repo, kOld)["chat_template"], repo.path(kOld), out);
  }
  return out;
}

}  // namespace

ChatFiles read_chat_files(const hub::Repo& repo) {
  const text::Arguments arguments(repo);
  return read_chat_files(repo, arguments,
                         text::SpecialTokens(arguments, text::find_class(arguments)));
}

ChatFiles read_chat_files(const hub::Repo& repo, const text::Arguments& arguments,
                          const text::SpecialTokens& specials) {
  ChatFiles out;
  out.templates = read_templates(repo, arguments.config());
  for (auto& [name, token] : specials.all_named()) {
    out.special_tokens.emplace_back(name, std::move(token.content));
  }
  return out;
}

}  // namespace tern
