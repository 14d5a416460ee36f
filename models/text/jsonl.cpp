// SPDX-License-Identifier: Apache-2.0
// Reading requests and writing answers; see jsonl.h.
#include "jsonl.h"

#include <new>

#include "fields.h"
#include "truncation.h"

namespace tern::text {

namespace {

using hub::Json;

[[noreturn]] void refuse(const std::string& why) {
  fail(ErrorCode::invalid_argument, why);
}

bool flag(const Json& json, std::string_view name, bool fallback) {
  if (json[name].is_null()) return fallback;
  if (const auto b = json[name].boolean()) return *b;
  refuse(cat("'", name, "' must be true or false"));
}

int64_t count(const Json& json, std::string_view name, int64_t fallback) {
  if (json[name].is_null()) return fallback;
  const auto i = json[name].integer();
  if (i && *i >= 0 && *i <= (int64_t{1} << 40)) return *i;
  refuse(cat("'", name, "' must be an integer from 0 on"));
}

std::string_view name_of(const Json& json, std::string_view name, std::string_view fallback) {
  if (json[name].is_null()) return fallback;
  if (const auto s = json[name].string()) return *s;
  refuse(cat("'", name, "' must be a string"));
}

Side side(const Json& json) {
  const std::string_view name = name_of(json, "direction", "right");
  if (name == "right") return Side::right;
  if (name == "left") return Side::left;
  refuse(cat("direction '", name, "' is neither left nor right"));
}

void read_truncation(const Json& json, EncodeOptions& o) {
  if (json.is_null()) return;
  if (!json.is_object()) refuse("'truncation' must be an object");
  o.max_length = count(json, "max_length", 512);
  o.stride = count(json, "stride", 0);
  o.truncation_side = side(json);
  o.want_overflow = true;
  const std::string_view strategy = name_of(json, "strategy", "longest_first");
  if (strategy == "only_first")
    o.strategy = TruncationStrategy::only_first;
  else if (strategy == "only_second")
    o.strategy = TruncationStrategy::only_second;
  else if (strategy != "longest_first")
    refuse(cat("unknown truncation strategy '", strategy, "'"));
}

std::optional<Padding> read_padding(const Json& json) {
  if (json.is_null()) return std::nullopt;
  if (!json.is_object()) refuse("'padding' must be an object");
  Padding p;
  p.side = side(json);
  p.pad_id = count(json, "pad_id", 0);
  p.pad_type_id = count(json, "pad_type_id", 0);
  p.pad_token = name_of(json, "pad_token", "[PAD]");
  if (!json["length"].is_null()) p.length = count(json, "length", 0);
  p.multiple = count(json, "pad_to_multiple_of", 0);
  return p;
}

template <class Values, class Write>
void write_array(std::string& out, std::string_view name, const Values& values,
                 const Write& write) {
  out += cat(out.ends_with('{') ? "" : ",", "\"", name, "\":[");
  bool first = true;
  for (const auto& v : values) {
    if (!first) out += ',';
    first = false;
    write(v);
  }
  out += ']';
}

void write_numbers(std::string& out, std::string_view name, const auto& values) {
  write_array(out, name, values, [&](auto v) { out += cat(static_cast<int64_t>(v)); });
}

void write_common(std::string& out, const Encoding& e) {
  write_numbers(out, "input_ids", e.ids);
  write_numbers(out, "token_type_ids", e.type_ids);
  write_numbers(out, "attention_mask", e.attention_mask);
}

void write_offsets(std::string& out, const Encoding& e) {
  write_array(out, "offsets", e.offsets,
              [&](const auto& o) { out += cat("[", o.first, ",", o.second, "]"); });
}

void write_row(std::string& out, const Encoding& e) {
  write_common(out, e);
  write_numbers(out, "special_tokens_mask", e.special_tokens_mask);
  write_offsets(out, e);
}

std::string answer_text(const Tokenizer& tokenizer, const Json& request, bool decode) {
  const auto text = request["text"].string();
  if (!text) refuse("a request needs a string 'text', or 'batch'");
  const Json& pair = request["pair"];
  if (!pair.is_null() && !pair.is_string()) refuse("'pair' must be a string");
  EncodeOptions o;
  o.add_special_tokens = flag(request, "add_special_tokens", true);
  o.want_offsets = o.want_tokens = true;
  const Encoding e =
      pair.is_null() ? tokenizer.encode(*text, o) : tokenizer.encode(*text, *pair.string(), o);
  std::string out = "{";
  write_common(out, e);
  write_offsets(out, e);
  write_array(out, "tokens", e.tokens, [&](const std::string& t) { out += hub::json_quote(t); });
  if (decode) {
    out += ",\"decoded\":";
    out += hub::json_quote(tokenizer.decode(
        e.ids, {.skip_special_tokens = true, .clean_up_tokenization_spaces = false}));
    out += ",\"decoded_all\":";
    out += hub::json_quote(tokenizer.decode(
        e.ids, {.skip_special_tokens = false, .clean_up_tokenization_spaces = false}));
  }
  return out + "}";
}

std::vector<Encoding> encode_batch(const Tokenizer& tokenizer, const Json& request) {
  EncodeOptions o;
  o.add_special_tokens = flag(request, "add_special_tokens", true);
  o.want_offsets = true;
  read_truncation(request["truncation"], o);
  const auto padding = read_padding(request["padding"]);
  std::vector<Encoding> batch;
  for (const Json& row : request["batch"].elements()) {
    const auto& texts = row.elements();
    const bool strings = (texts.size() == 1 || texts.size() == 2) && texts[0].is_string() &&
                         texts.back().is_string();
    if (!strings) refuse("an entry of 'batch' must be [text] or [text, pair]");
    batch.push_back(texts.size() == 1
                        ? tokenizer.encode(*texts[0].string(), o)
                        : tokenizer.encode(*texts[0].string(), *texts[1].string(), o));
  }
  if (padding) pad(batch, *padding);
  return batch;
}

std::string answer_batch(const Tokenizer& tokenizer, const Json& request) {
  if (!request["batch"].is_array()) refuse("'batch' must be an array");
  std::string out = "{";
  write_array(out, "encodings", encode_batch(tokenizer, request), [&](const Encoding& e) {
    out += '{';
    write_row(out, e);
    write_array(out, "overflowing", e.overflowing, [&](const Encoding& o) {
      out += '{';
      write_row(out, o);
      out += '}';
    });
    out += '}';
  });
  return out + "}";
}

std::string error_line(std::string_view why) {
  return cat("{\"error\":", hub::json_quote(why), "}");
}

}  // namespace

std::string answer_jsonl(const Tokenizer& tokenizer, std::string_view request_line, bool decode) {
  try {
    const Json request = Json::parse(request_line, "request");
    if (!request.is_object()) refuse("a request must be a JSON object");
    if (request.contains("batch")) return answer_batch(tokenizer, request);
    return answer_text(tokenizer, request, decode);
  } catch (const Error& e) {
    return error_line(e.what());
  } catch (const std::bad_alloc&) {
    return error_line("out of memory");
  }
}

}  // namespace tern::text
