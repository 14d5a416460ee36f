// SPDX-License-Identifier: Apache-2.0
// The parser behind Json::parse. simdjson's first stage checks UTF-8, quotes and control characters
// and indexes the tokens; its On-Demand iterators then check commas, colons and brackets as this
// walk goes through them once, with a stack of its own instead of recursion. Finished children wait
// on two scratch stacks until their container closes and takes them along in one piece. Texts
// without escapes are not copied: the tree keeps the text that was parsed.
#include "json.h"

// simdjson's self-checks of debug builds use memory whose allocation they do not check.
#define SIMDJSON_DEVELOPMENT_CHECKS 0
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "json_memory.h"
#include "json_text.h"

namespace tern::hub {

namespace ondemand = simdjson::ondemand;

namespace {

constexpr size_t kMaxDepth = 1000;

// How far the scratch stacks are reserved: bytes of text per value, and how many values at most.
constexpr size_t kLikelyValue = 32, kMaxReserve = size_t{1} << 18;

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_json_space(text.back())) text.remove_suffix(1);
  while (!text.empty() && is_json_space(text.front())) text.remove_prefix(1);
  return text;
}

}  // namespace

class JsonBuilder {
 public:
  JsonBuilder(std::string_view text, std::string_view what) : text_(text), what_(what) {}

  Json build();

 private:
  // An open container: its iterator, and where its children begin on the scratch stack.
  struct Frame {
    bool is_array = true, started = false;
    size_t first_child = 0;
    ondemand::array_iterator element{};
    ondemand::object_iterator field{};
  };

  [[noreturn]] void reject(const char* at, std::string_view problem) const;
  [[noreturn]] void reject(simdjson::error_code error);
  [[noreturn]] void reject_text(simdjson::error_code error) const;
  void check(simdjson::error_code error) {
    if (error != simdjson::SUCCESS) reject(error);
  }

  void load();
  void open_root();
  void open(ondemand::array array);
  void open(ondemand::object object);
  /// Moves the innermost container to its next child; false when it has closed.
  bool advance(Frame& frame, ondemand::value& value);
  Json close();
  void add(const Json& value);
  void read(ondemand::value& value);
  Json scalar(std::string_view token);
  std::string_view decode(const char* begin, const char*& end);

  std::string_view text_, what_;
  JsonMemory memory_;
  char* padded_ = nullptr;  // text_ and simdjson's padding behind it, in memory_
  ondemand::parser parser_;
  ondemand::document document_;
  std::vector<Frame> frames_;
  JsonMemory::Stack<Json> values_;           // children of open arrays
  JsonMemory::Stack<Json::Member> members_;  // of open objects; the last one may lack its value
  std::string decoded_;
};

void JsonBuilder::reject(const char* at, std::string_view problem) const {
  const auto offset = std::min(static_cast<size_t>(at - padded_), text_.size());
  fail(ErrorCode::corrupt, cat(what_, ": byte ", offset, ": ", problem));
}

// Errors of the walk: On-Demand knows where it stands.
void JsonBuilder::reject(simdjson::error_code error) {
  if (error == simdjson::MEMALLOC) throw std::bad_alloc();
  const char* at = nullptr;
  if (document_.current_location().get(at) != simdjson::SUCCESS) at = padded_ + text_.size();
  reject(at, frames_.empty() ? "the brackets of the outermost value do not match: the file may be "
                               "truncated or followed by something else"
                             : "expected a comma, a colon, a key or a closing bracket");
}

// Errors of simdjson's first stage come without a place.
void JsonBuilder::reject_text(simdjson::error_code error) const {
  if (error == simdjson::MEMALLOC) throw std::bad_alloc();
  const size_t bad = find_invalid_utf8(text_);
  if (bad != std::string_view::npos) reject(padded_ + bad, "not valid UTF-8");
  std::string decoded;
  for (const char *at = padded_, *end = at + text_.size(); at != end;) {
    if (*at++ != '"') continue;
    const DecodedString string = decode_string(at, end, LoneSurrogate::replace, decoded);
    if (string.problem) reject(string.at, string.problem);
    at = string.at;
  }
  reject(padded_, simdjson::error_message(error));
}

void JsonBuilder::load() {
  padded_ = static_cast<char*>(memory_.take(text_.size() + simdjson::SIMDJSON_PADDING));
  if (!text_.empty()) std::memcpy(padded_, text_.data(), text_.size());
  std::memset(padded_ + text_.size(), 0, simdjson::SIMDJSON_PADDING);
  if (text_.starts_with("\xEF\xBB\xBF")) reject(padded_, "begins with a byte order mark");
  // Room that is not used is not touched.
  values_.reserve(std::min(text_.size() / kLikelyValue, kMaxReserve));
  members_.reserve(std::min(text_.size() / kLikelyValue, kMaxReserve));
}

Json JsonBuilder::build() {
  load();
  const std::string_view whole = trimmed({padded_, text_.size()});
  if (whole.empty()) reject(padded_, "empty: there is no JSON value");
  if (whole[0] != '[' && whole[0] != '{') {
    const size_t bad = find_invalid_utf8(whole);
    if (bad != std::string_view::npos) reject(whole.data() + bad, "not valid UTF-8");
    return memory_.finish(scalar(whole));
  }
  open_root();
  for (;;) {
    ondemand::value value;
    if (advance(frames_.back(), value)) {
      read(value);
      continue;
    }
    const Json closed = close();
    if (frames_.empty()) {
      const char* at = nullptr;
      if (document_.current_location().get(at) == simdjson::SUCCESS) {
        reject(at, "something follows the value");
      }
      return memory_.finish(closed);
    }
    add(closed);
  }
}

void JsonBuilder::open_root() {
  const size_t capacity = text_.size() + simdjson::SIMDJSON_PADDING;
  const auto error =
      parser_.iterate(simdjson::padded_string_view(padded_, text_.size(), capacity)).get(document_);
  if (error != simdjson::SUCCESS) reject_text(error);
  if (trimmed(text_)[0] == '[') {
    ondemand::array array;
    check(document_.get_array().get(array));
    open(array);
  } else {
    ondemand::object object;
    check(document_.get_object().get(object));
    open(object);
  }
}

void JsonBuilder::open(ondemand::array array) {
  Frame frame{.is_array = true, .first_child = values_.size()};
  check(array.begin().get(frame.element));
  frames_.push_back(frame);
}

void JsonBuilder::open(ondemand::object object) {
  Frame frame{.is_array = false, .first_child = members_.size()};
  check(object.begin().get(frame.field));
  frames_.push_back(frame);
}

bool JsonBuilder::advance(Frame& frame, ondemand::value& value) {
  if (frame.is_array) {
    if (frame.started) ++frame.element;
    frame.started = true;
    if (!(frame.element != frame.element)) return false;
    check((*frame.element).get(value));
    return true;
  }
  if (frame.started) ++frame.field;
  frame.started = true;
  if (!(frame.field != frame.field)) return false;
  ondemand::field field;
  check((*frame.field).get(field));
  const char* end = padded_ + text_.size();
  members_.emplace_back(decode(field.key().raw(), end), Json());
  value = field.value();
  return true;
}

Json JsonBuilder::close() {
  const Frame frame = frames_.back();
  frames_.pop_back();
  const size_t stacked = frame.is_array ? values_.size() : members_.size();
  const size_t count = stacked - frame.first_child;
  if (!frame.is_array) {
    return Json(Json::Kind::object, members_.take_from(frame.first_child, memory_), count);
  }
  return Json(Json::Kind::array, values_.take_from(frame.first_child, memory_), count);
}

void JsonBuilder::add(const Json& value) {
  if (frames_.back().is_array) {
    values_.emplace_back(JsonMemory::view(value));
  } else {
    members_.back().second = JsonMemory::view(value);
  }
}

void JsonBuilder::read(ondemand::value& value) {
  const std::string_view token = value.raw_json_token();
  const char first = token.empty() ? '\0' : token[0];
  if (first != '[' && first != '{') {
    if (first == '"') check(value.get_raw_json_string().error());
    return add(scalar(token));
  }
  if (frames_.size() >= kMaxDepth) {
    reject(token.data(), cat("nested deeper than ", kMaxDepth, " levels"));
  }
  if (first == '[') {
    ondemand::array array;
    check(value.get_array().get(array));
    return open(array);
  }
  ondemand::object object;
  check(value.get_object().get(object));
  open(object);
}

/// The text of the string behind the quote before `begin`; `end` moves behind its closing quote.
std::string_view JsonBuilder::decode(const char* begin, const char*& end) {
  const std::string_view plain = plain_string(begin, end);
  if (plain.data()) {
    end = plain.data() + plain.size() + 1;
    return plain;
  }
  const DecodedString decoded = decode_string(begin, end, LoneSurrogate::replace, decoded_);
  if (decoded.problem) reject(decoded.at, decoded.problem);
  end = decoded.at;
  return memory_.copy(decoded_);
}

// A string, number or literal; `token` may have white space behind it.
Json JsonBuilder::scalar(std::string_view token) {
  token = trimmed(token);
  if (token.starts_with('"')) {
    const char* const end = token.data() + token.size();
    const char* at = end;
    const std::string_view text = decode(token.data() + 1, at);
    if (at != end) reject(at, "something follows the value");
    return Json(Json::Kind::string, text.data(), text.size());
  }
  if (token == "true" || token == "false") return Json::make(token == "true");
  if (token == "NaN" || token == "Infinity" || token == "-Infinity" || is_json_number(token)) {
    return Json(Json::Kind::number, token.data(), token.size());
  }
  if (token != "null") reject(token.data(), "expected a value");
  return {};
}

Json Json::parse(std::string_view text, std::string_view what) {
  return JsonBuilder(text, what).build();
}

}  // namespace tern::hub
