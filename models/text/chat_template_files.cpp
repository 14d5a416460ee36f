// SPDX-License-Identifier: Apache-2.0
// Which files win: chat_template.jinja and additional_chat_templates/*.jinja, else the member
// "chat_template" of tokenizer_config.json, else chat_template.json.
#include "chat_template_files.h"

#include <iterator>
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
    out[name] = *text.string();
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

std::string token_text(const Json& value) {
  return std::string(value.string().value_or(value["content"].string().value_or("")));
}

constexpr const char* kNames[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                  "pad_token", "cls_token", "mask_token"};

/// What the classes of the models that chat take when tokenizer_config.json does not say; in the
/// order of kNames.
struct ClassTokens {
  std::string_view name;
  const char* tokens[std::size(kNames)];
};
constexpr const char* kEnd = "<|endoftext|>";
constexpr ClassTokens kClasses[] = {
    {"CodeLlamaTokenizer", {"<s>", "</s>", "<unk>"}},
    {"CohereTokenizer",
     {"<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", "<UNK>", "<SEP>", "<PAD>", "<CLS>", "<MASK_TOKEN>"}},
    {"GPT2Tokenizer", {kEnd, kEnd, kEnd}},
    {"GPTNeoXTokenizer", {kEnd, kEnd, kEnd, nullptr, "<|padding|>"}},
    {"GemmaTokenizer", {"<bos>", "<eos>", "<unk>", nullptr, "<pad>", nullptr, "<mask>"}},
    {"LlamaTokenizer", {"<s>", "</s>", "<unk>"}},
    {"Qwen2Tokenizer", {nullptr, kEnd, kEnd, nullptr, kEnd}},
};

const char* class_token(const Json& config, size_t which) {
  std::string_view name = config["tokenizer_class"].string().value_or("");
  if (name.ends_with("Fast")) name.remove_suffix(4);
  for (const ClassTokens& c : kClasses) {
    if (c.name == name) return c.tokens[which];
  }
  return nullptr;
}

std::vector<std::pair<std::string, std::string>> read_special_tokens(const hub::Repo& repo,
                                                                     const Json& config) {
  const Json map = read_json(repo, "special_tokens_map.json");
  std::vector<std::pair<std::string, std::string>> out;
  for (size_t i = 0; i < std::size(kNames); ++i) {
    std::string text = token_text(config[kNames[i]]);
    if (text.empty()) text = token_text(map[kNames[i]]);
    // null says that there is none.
    const char* usual = config.contains(kNames[i]) ? nullptr : class_token(config, i);
    if (text.empty() && usual) text = usual;
    if (!text.empty()) out.emplace_back(kNames[i], std::move(text));
  }
  // A model's own: {"boi_token": "<start_of_image>", …}.
  for (const auto& [name, token] : config["extra_special_tokens"].members()) {
    if (std::string text = token_text(token); !text.empty())
      out.emplace_back(name, std::move(text));
  }
  return out;
}

}  // namespace

ChatFiles read_chat_files(const hub::Repo& repo) {
  const Json config = read_json(repo, kConfig);
  ChatFiles out;
  out.templates = read_templates(repo, config);
  out.special_tokens = read_special_tokens(repo, config);
  return out;
}

}  // namespace tern
