// SPDX-License-Identifier: Apache-2.0
// Filling in; see templates.h.
#include "templates.h"

#include <algorithm>
#include <map>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../base64.h"
#include "plain_text.h"

namespace tern::text {

namespace {

using hub::json_quote;

bool flag_of(std::string_view text, const Arguments& arguments) {
  const KeyDefault k(text);
  return arguments.flag(k.key, k.fallback == "true");
}

std::string token_text(std::string_view name, const Surroundings& around) {
  std::string text = around.named(cat(name, "_token"));
  if (text.empty()) {
    fail(ErrorCode::corrupt, cat("tokenizer_config.json: the class needs a ", name, "_token"));
  }
  return text;
}

int64_t id_or_unknown(std::string_view token, const Surroundings& around) {
  int64_t id = around.id_of(token);
  if (id < 0) id = around.id_of(around.named("unk_token"));
  if (id < 0) {
    fail(ErrorCode::corrupt, cat("the vocabulary has neither '", token, "' nor an unknown token"));
  }
  return id;
}

/// Llama's: with `legacy` every piece between added tokens begins with a blank.
std::string_view llama_scheme(const Arguments& a) {
  if (!a.flag("add_prefix_space", true)) return R"("never")";
  return a.flag("legacy", false) ? R"("always")" : R"("first")";
}

std::string place(std::string_view text, const Surroundings& around) {
  if (text == "charsmap") return encode_base64(around.charsmap);
  if (text == "llama") return std::string(llama_scheme(around.arguments));
  if (text.starts_with('"')) return json_quote(token_text(text.substr(1), around));
  if (text.starts_with('#')) {
    const std::string token = token_text(text.substr(1), around);
    return cat(json_quote(token), ",", id_or_unknown(token, around));
  }
  if (text.starts_with('?')) {
    const size_t yes = text.find('?', 1), no = text.find(':', yes);
    const bool flag = flag_of(text.substr(1, yes - 1), around.arguments);
    return std::string(flag ? text.substr(yes + 1, no - yes - 1) : text.substr(no + 1));
  }
  const KeyDefault k(text);
  const hub::Json& value = around.arguments[k.key];
  return value.is_null() ? std::string(k.fallback) : value.dump();
}

/// Items of a template as JSON; tells the special tokens.
class Items {
 public:
  explicit Items(const Surroundings& around) : around_(around) {}

  std::string list(std::string_view frame) {
    std::string out = "[";
    each_word(frame, [&](std::string_view word) {
      for (const std::string& item : items(word)) out += cat(out.size() > 1 ? "," : "", item);
    });
    return out + "]";
  }

  std::string specials() const {
    std::string out;
    for (const auto& [label, id] : specials_) {
      const std::string name = json_quote(label);
      out += cat(out.empty() ? "" : ",", name, ":{\"id\":", name, ",\"ids\":[", id,
                 "],\"tokens\":[", name, "]}");
    }
    return out;
  }

 private:
  std::string special(const std::string& label, int64_t id, std::string_view type) {
    specials_[label] = id;
    return cat("{\"SpecialToken\":{\"id\":", json_quote(label), ",\"type_id\":", type, "}}");
  }

  std::string special_by_id(int64_t id, std::string_view type) {
    return special(around_.token_of(id), id, type);
  }

  std::vector<std::string> items(std::string_view item) {
    if (item == "whisper") return whisper();
    const size_t colon = item.rfind(':');
    const std::string_view type = item.substr(colon + 1);
    std::string_view reference = item.substr(0, colon);
    if (reference == "A" || reference == "B") {
      return {cat("{\"Sequence\":{\"id\":\"", reference, "\",\"type_id\":", type, "}}")};
    }
    if (reference.starts_with('\'')) {
      const std::string text(reference.substr(1, reference.size() - 2));
      return {special(text, id_or_unknown(text, around_), type)};
    }
    if (reference.starts_with('$')) {
      const bool as_named = reference.starts_with("$!");
      const KeyDefault k(reference.substr(as_named ? 2 : 1));
      std::string text(around_.arguments[k.key].string().value_or(k.fallback));
      // SeamlessM4T's languages may be written without their underscores.
      if (k.fallback.starts_with("__") && text.find("__") == text.npos)
        text = cat("__", text, "__");
      const int64_t id = id_or_unknown(text, around_);
      return {as_named ? special(text, id, type) : special_by_id(id, type)};
    }
    const size_t equals = reference.find('=');
    const bool labelled = equals != reference.npos;
    const std::string text =
        token_text(labelled ? reference.substr(equals + 1) : reference, around_);
    const std::string label(labelled ? reference.substr(0, equals) : std::string_view(text));
    return {special(label, id_or_unknown(text, around_), type)};
  }

  /// <|startoftranscript|>, language, task, <|notimestamps|>: what the files ask for.
  std::vector<std::string> whisper() {
    const Arguments& a = around_.arguments;
    std::vector<std::string> out;
    const int64_t start = id_or_unknown("<|startoftranscript|>", around_);
    out.push_back(special_by_id(start, "0"));
    if (const auto language = a["language"].string()) {
      out.push_back(special_by_id(start + 1 + whisper_language(*language), "0"));
    }
    if (const auto task = a["task"].string()) {
      if (*task != "transcribe" && *task != "translate") {
        fail(ErrorCode::corrupt, cat("tokenizer_config.json: task '", *task, "' of Whisper"));
      }
      out.push_back(special_by_id(id_or_unknown(cat("<|", *task, "|>"), around_), "0"));
    }
    if (!a.flag("predict_timestamps", false)) {
      out.push_back(special_by_id(id_or_unknown("<|notimestamps|>", around_), "0"));
    }
    return out;
  }

  static int64_t whisper_language(std::string_view given) {
    std::string name(given);
    for (char& c : name) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
      if (c == ' ') c = '_';
    }
    const std::string given_name = name;
    each_word(kWhisperNames, [&](std::string_view word) {
      const KeyDefault other(word);
      if (other.key == given_name) name = other.fallback;
    });
    int64_t place = 0, found = -1;
    each_word(kWhisperLanguages, [&](std::string_view word) {
      const KeyDefault language(word);
      if (language.key == name || language.fallback == name) found = place;
      ++place;
    });
    if (found >= 0) return found;
    fail(ErrorCode::corrupt, cat("tokenizer_config.json: language '", given, "' of Whisper"));
  }

  const Surroundings& around_;
  std::map<std::string, int64_t> specials_;
};

}  // namespace

bool holds(const char* when, const Surroundings& around) {
  if (!when) return true;
  std::string_view text = when;
  const bool negated = text.starts_with('!');
  if (negated) text.remove_prefix(1);
  bool value;
  if (text == "charsmap")
    value = !around.charsmap.empty();
  else if (text == "left")
    value = around.left_padding;
  else
    value = flag_of(text, around.arguments);
  return value != negated;
}

std::string filled(std::string_view json, const Surroundings& around) {
  std::string out;
  for (size_t at = json.find('@'); at != json.npos; at = json.find('@')) {
    const size_t end = json.find('@', at + 1);
    out += json.substr(0, at);
    out += place(json.substr(at + 1, end - at - 1), around);
    json.remove_prefix(end + 1);
  }
  return out + std::string(json);
}

std::string sequence(std::string_view member, const std::vector<std::string>& components) {
  if (components.empty()) return "null";
  if (components.size() == 1) return components[0];
  std::string out = cat("{\"type\":\"Sequence\",\"", member, "\":[");
  for (size_t i = 0; i < components.size(); ++i) out += cat(i ? "," : "", components[i]);
  return out + "]}";
}

std::string component(const Step* begin, const Step* end, std::string_view member,
                      const Surroundings& around) {
  std::vector<std::string> kept;
  for (const Step* s = begin; s != end && s->json; ++s) {
    if (holds(s->when, around)) kept.push_back(filled(s->json, around));
  }
  return sequence(member, kept);
}

std::string template_json(std::string_view single, std::string_view pair,
                          const Surroundings& around) {
  Items items(around);
  const std::string one = items.list(single), two = items.list(pair);
  return cat("{\"type\":\"TemplateProcessing\",\"single\":", one, ",\"pair\":", two,
             ",\"special_tokens\":{", items.specials(), "}}");
}

}  // namespace tern::text
