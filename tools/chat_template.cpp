// SPDX-License-Identifier: Apache-2.0
// tern chat-template: a conversation as the text its model was trained on.
#include "../models/text/chat_template.h"

#include <cstdio>

#include "../engine/base/env.h"
#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "lines.h"
#include "output.h"
#include "verbs.h"

namespace tern::cli {

namespace {

using hub::Json;

constexpr VerbHelp kHelp = {
    .usage = "tern chat-template MODEL [FILE] [options]",
    .summary = "Renders a conversation with the chat template of a model.",
    .examples =
        "  echo '[{\"role\":\"user\",\"content\":\"Hello!\"}]' |\n"
        "    tern chat-template Qwen/Qwen3-8B --generation-prompt\n"
        "  tern chat-template ./model messages.json --tools tools.json --set "
        "enable_thinking=false\n",
    .notes =
        "The input is an array of messages, or an object with \"messages\" and, if wanted, "
        "\"tools\",\n"
        "\"documents\", \"add_generation_prompt\", \"continue_final_message\", \"chat_template\" "
        "and\n"
        "\"kwargs\". The text is written as it is, without a line end of its own.\n",
};

struct ChatArguments {
  std::string model, file = "-", tools, documents, chat_template;
  std::vector<std::string> variables;
  bool prompt = false, go_on = false, show = false, json = false;

  bool parse(const Arguments& arguments) {
    Options options(kHelp);
    options.positional("MODEL", model, "a folder, or org/name in the Hugging Face cache", true);
    options.positional("FILE", file, "the messages (default: -, standard input)", false);
    options.flag("--generation-prompt", prompt, "end with what begins an answer");
    options.flag("--continue", go_on, "leave the last message open");
    options.text("--tools", "FILE", tools, "an array of JSON schemas of functions");
    options.text("--documents", "FILE", documents, "an array of documents");
    options.text("--template", "NAME", chat_template, "a template's name, or its text");
    options.repeated("--set", "NAME=JSON", variables, "a further variable of the template");
    options.flag("--json", json, "the answer as JSON, with the spans of {% generation %}");
    options.flag("--show", show, "print the template instead");
    return options.parse(arguments);
  }
};

constexpr uint64_t kLargestFile = uint64_t{64} << 20;

Json read_json(const std::string& path) {
  if (path != "-") return Json::parse(env().read_file(path, kLargestFile), path);
  LineSource source("-");
  Lines lines;
  std::string text;
  while (source.take(lines)) {
    for (size_t i = 0; i < lines.size(); ++i) text += cat(lines[i], "\n");
    if (text.size() > kLargestFile) fail(ErrorCode::invalid_argument, "<stdin>: more than 64 MB");
    lines.clear();
  }
  return Json::parse(text, "<stdin>");
}

/// NAME=JSON; what is no JSON is a text.
Json::Member variable(const std::string& given) {
  const size_t equals = given.find('=');
  if (equals == given.npos || equals == 0) {
    fail(ErrorCode::invalid_argument, cat("--set: '", given, "' is not NAME=JSON"));
  }
  const std::string_view value = std::string_view(given).substr(equals + 1);
  try {
    return {given.substr(0, equals), Json::parse(value, "--set")};
  } catch (const Error&) {
    return {given.substr(0, equals), Json::make(value)};
  }
}

ChatOptions options_of(const ChatArguments& arguments, const Json& request) {
  ChatOptions out;
  out.add_generation_prompt =
      arguments.prompt || request["add_generation_prompt"].boolean().value_or(false);
  const Json& go_on = request["continue_final_message"];
  out.continue_final_message = arguments.go_on || go_on.boolean().value_or(go_on.is_string());
  if (const auto field = go_on.string()) out.continue_field = *field;
  out.chat_template = request["chat_template"].string().value_or("");
  if (!arguments.chat_template.empty()) out.chat_template = arguments.chat_template;
  out.tools = arguments.tools.empty() ? request["tools"] : read_json(arguments.tools);
  out.documents =
      arguments.documents.empty() ? request["documents"] : read_json(arguments.documents);
  std::vector<Json::Member> variables;
  // Of several of one name the last one counts.
  for (const auto& member : request["kwargs"].members()) variables.push_back(member);
  for (const std::string& given : arguments.variables) variables.push_back(variable(given));
  out.kwargs = Json::object(std::move(variables));
  return out;
}

}  // namespace

int chat_template(const Arguments& arguments) {
  ChatArguments options;
  if (!options.parse(arguments)) return 0;
  const ChatTemplate chat = ChatTemplate::from_pretrained(options.model);
  OutputFile output("");
  if (options.show) {
    output.write(chat.text({.chat_template = options.chat_template}));
    return 0;
  }
  const Json input = read_json(options.file);
  const RenderedChat rendered =
      chat.render(input.is_object() ? input["messages"] : input, options_of(options, input));
  if (!options.json) {
    output.write(rendered.text);
    return 0;
  }
  std::vector<Json> spans;
  for (const auto& [begin, end] : rendered.assistant) {
    spans.push_back(Json::array(
        {Json::make(static_cast<int64_t>(begin)), Json::make(static_cast<int64_t>(end))}));
  }
  output.write(Json::object({{"text", Json::make(std::string_view(rendered.text))},
                             {"assistant", Json::array(std::move(spans))}})
                   .dump() +
               "\n");
  return 0;
}

}  // namespace tern::cli
