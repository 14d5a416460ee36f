// SPDX-License-Identifier: Apache-2.0
// tern chat-template: a conversation as the text, or the ids, its model was trained on.
#include "../models/text/chat_template.h"

#include <span>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "json_input.h"
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
        "enable_thinking=false\n"
        "  tern chat-template ./model messages.json --tokenize\n",
    .notes =
        "The input is an array of messages, or an object with \"messages\" and, if wanted, "
        "\"tools\",\n"
        "\"documents\", \"add_generation_prompt\", \"continue_final_message\", \"chat_template\" "
        "and\n"
        "\"kwargs\". The text is written as it is, without a line end of its own. --tokenize "
        "writes "
        "a line\n"
        "of ids, [1,2,3], or with --mask {\"input_ids\":[1,2,3],\"assistant_masks\":[0,0,1]}; an "
        "array of\n"
        "conversations gives a line for each.\n",
};

struct ChatArguments {
  std::string model, file = "-", tools, documents, chat_template;
  std::vector<std::string> variables;
  bool prompt = false, go_on = false, show = false, json = false, tokenize = false, mask = false;
  int max_length = 0;

  bool parse(const Arguments& arguments) {
    Options options(kHelp);
    options.positional("MODEL", model,
                       "a folder, a .gguf file, or org/name in the Hugging Face cache", true);
    options.positional("FILE", file, "the messages (default: -, standard input)", false);
    options.flag("--generation-prompt", prompt, "end with what begins an answer");
    options.flag("--continue", go_on, "leave the last message open");
    options.text("--tools", "FILE", tools, "an array of JSON schemas of functions");
    options.text("--documents", "FILE", documents, "an array of documents");
    options.text("--template", "NAME", chat_template, "a template's name, or its text");
    options.repeated("--set", "NAME=JSON", variables, "a further variable of the template");
    options.flag("--json", json, "the answer as JSON, with the spans of {% generation %}");
    options.flag("--tokenize", tokenize, "ids in place of the text");
    options.flag("--mask", mask, "with --tokenize: which tokens {% generation %} made");
    options.integer("--max-length", max_length, {0, 1 << 30},
                    "with --tokenize: truncate to N tokens");
    options.flag("--show", show, "print the template instead");
    return options.parse(arguments);
  }
};

/// NAME=JSON; what is no JSON is a text.
Json::NewMember variable(const std::string& given) {
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
  std::vector<Json::NewMember> variables;
  // Of several of one name the last one counts.
  for (const auto& member : request["kwargs"].members()) variables.emplace_back(member);
  for (const std::string& given : arguments.variables) variables.push_back(variable(given));
  out.kwargs = Json::object(std::move(variables));
  return out;
}

std::string text_json(const RenderedChat& rendered) {
  std::vector<Json> spans;
  for (const auto& [begin, end] : rendered.assistant) {
    spans.push_back(Json::array(
        {Json::make(static_cast<int64_t>(begin)), Json::make(static_cast<int64_t>(end))}));
  }
  return Json::object({{"text", Json::make(std::string_view(rendered.text))},
                       {"assistant", Json::array(std::move(spans))}})
      .dump();
}

std::string list(const Tensor& values) {
  std::string out;
  for (int64_t i = 0; i < values.shape().numel(); ++i) {
    out += cat(i == 0 ? "" : ",", values.data<int64_t>()[i]);
  }
  return cat("[", out, "]");
}

/// A line for each conversation.
void write_ids(const ChatArguments& arguments, const Json& messages, ChatOptions options,
               OutputFile& output) {
  const Tokenizer tokenizer = AutoTokenizer::from_pretrained(arguments.model);
  options.truncation = arguments.max_length > 0;
  options.max_length = arguments.max_length;
  options.return_assistant_tokens_mask = arguments.mask;
  const bool batch = !messages.elements().empty() && messages.elements().front().is_array();
  for (const Json& chat :
       batch ? std::span<const Json>(messages.elements()) : std::span(&messages, 1)) {
    const BatchEncoding found = tokenizer.apply_chat_template(chat, options);
    const std::string ids = list(found["input_ids"]);
    output.write(arguments.mask
                     ? cat("{\"input_ids\":", ids,
                           ",\"assistant_masks\":", list(found["assistant_masks"]), "}\n")
                     : cat(ids, "\n"));
  }
}

}  // namespace

int chat_template(const Arguments& arguments) {
  ChatArguments options;
  if (!options.parse(arguments)) return 0;
  if ((options.mask || options.max_length > 0) && !options.tokenize) {
    fail(ErrorCode::invalid_argument, "--mask and --max-length need --tokenize");
  }
  OutputFile output("");
  if (options.show) {
    output.write(ChatTemplate::from_pretrained(options.model)
                     .text({.chat_template = options.chat_template}));
    return 0;
  }
  const Json input = read_json(options.file);
  const Json& messages = input.is_object() ? input["messages"] : input;
  const ChatOptions chat = options_of(options, input);
  if (options.tokenize) {
    write_ids(options, messages, chat, output);
    return 0;
  }
  const RenderedChat rendered = ChatTemplate::from_pretrained(options.model).render(messages, chat);
  output.write(options.json ? text_json(rendered) + "\n" : rendered.text);
  return 0;
}

}  // namespace tern::cli
