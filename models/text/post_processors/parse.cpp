// SPDX-License-Identifier: Apache-2.0
// From tokenizer.json's "post_processor" to a template.
#include "../fields.h"
#include "post_processors.h"

namespace tern::text {

namespace {

using hub::Json;

constexpr int64_t kMaxId = 0x7FFFFFFF;

TemplatePiece special(std::string token, int64_t id, int64_t type_id) {
  TemplatePiece piece;
  piece.type_id = type_id;
  piece.ids = {id};
  piece.tokens = {std::move(token)};
  return piece;
}

TemplatePiece sequence(int which, int64_t type_id) {
  TemplatePiece piece;
  piece.sequence = which;
  piece.type_id = type_id;
  return piece;
}

/// A ["token", id] pair.
TemplatePiece read_pair(const Json& json, std::string_view member, int64_t type_id) {
  const auto& elements = read_array(json, member);
  const auto token = elements.size() == 2 ? elements[0].string() : std::nullopt;
  const auto id = elements.size() == 2 ? elements[1].integer() : std::nullopt;
  if (!token || !id || *id < 0 || *id > kMaxId) {
    fail(ErrorCode::corrupt, cat("tokenizer.json: '", member, "' must be [token, id]"));
  }
  return special(std::string(*token), *id, type_id);
}

TemplatePiece read_special(const Json& specials, const Json& reference) {
  const std::string name = read_string(reference, "id", std::nullopt);
  const Json& json = specials[name];
  if (!json.is_object()) {
    fail(ErrorCode::corrupt, cat("tokenizer.json: the template names '", name,
                                 "', which 'special_tokens' does not have"));
  }
  TemplatePiece piece;
  piece.type_id = read_integer(reference, "type_id", 0, 0, kMaxId);
  for (const Json& id : read_array(json, "ids")) {
    const auto value = id.integer();
    if (!value || *value < 0 || *value > kMaxId) {
      fail(ErrorCode::corrupt, cat("tokenizer.json: 'ids' of '", name, "' must be ids"));
    }
    piece.ids.push_back(*value);
  }
  for (const Json& token : read_array(json, "tokens")) {
    piece.tokens.emplace_back(token.string().value_or(""));
  }
  return piece;
}

Template read_template(const Json& json, std::string_view member, int sequences) {
  Template out;
  for (const Json& entry : read_array(json, member)) {
    if (const Json& s = entry["Sequence"]; s.is_object()) {
      const int which = read_string(s, "id", std::nullopt) == "A" ? 0 : 1;
      if (which >= sequences) {
        fail(ErrorCode::corrupt, cat("tokenizer.json: '", member, "' names sequence B"));
      }
      out.push_back(sequence(which, read_integer(s, "type_id", 0, 0, kMaxId)));
    } else if (const Json& t = entry["SpecialToken"]; t.is_object()) {
      out.push_back(read_special(json["special_tokens"], t));
    } else {
      fail(ErrorCode::corrupt,
           cat("tokenizer.json: an entry of '", member, "' is neither Sequence nor SpecialToken"));
    }
  }
  return out;
}

std::vector<bool> read_trims(const Json& json) {
  if (!read_bool(json, "trim_offsets", true)) return {};
  return {read_bool(json, "add_prefix_space", true)};
}

PostProcessor read_bert(const Json& json) {
  PostProcessor p;
  const TemplatePiece cls = read_pair(json, "cls", 0);
  p.single = {cls, sequence(0, 0), read_pair(json, "sep", 0)};
  p.pair = *p.single;
  p.pair->push_back(sequence(1, 1));
  p.pair->push_back(read_pair(json, "sep", 1));
  return p;
}

PostProcessor read_roberta(const Json& json) {
  PostProcessor p;
  const TemplatePiece cls = read_pair(json, "cls", 0), sep = read_pair(json, "sep", 0);
  p.single = {cls, sequence(0, 0), sep};
  p.pair = {cls, sequence(0, 0), sep, sep, sequence(1, 0), sep};
  p.all_types_zero = true;
  p.trims = read_trims(json);
  return p;
}

PostProcessor parse_sequence(const Json& json, int depth);

PostProcessor parse(const Json& json, int depth) {
  const std::string type = read_type(json, "post-processor", depth);
  if (type == "BertProcessing") return read_bert(json);
  if (type == "RobertaProcessing") return read_roberta(json);
  if (type == "TemplateProcessing") {
    PostProcessor p;
    p.single = read_template(json, "single", 1);
    p.pair = read_template(json, "pair", 2);
    return p;
  }
  if (type == "ByteLevel") {
    PostProcessor p;
    p.trims = read_trims(json);
    return p;
  }
  if (type != "Sequence") fail_unsupported("post-processor", type);
  return parse_sequence(json, depth);
}

/// One template and any number of ByteLevels, whose order does not matter: they touch offsets only,
/// and those of special tokens are empty. The reference stops at a second template.
PostProcessor parse_sequence(const Json& json, int depth) {
  PostProcessor out;
  for (const Json& step : read_array(json, "processors")) {
    PostProcessor p = parse(step, depth + 1);
    if (p.single && out.single) {
      fail_unsupported("post-processor", "Sequence of several templates");
    }
    p.trims.insert(p.trims.begin(), out.trims.begin(), out.trims.end());
    if (!p.single) {
      out.trims = std::move(p.trims);
    } else {
      out = std::move(p);
    }
  }
  return out;
}

}  // namespace

PostProcessor parse_post_processor(const Json& json) {
  return json.is_null() ? PostProcessor{} : parse(json, 0);
}

}  // namespace tern::text
