// SPDX-License-Identifier: Apache-2.0
// The parser behind Json::parse. simdjson's first stage checks UTF-8, quotes and control characters
// and indexes the tokens; its On-Demand iterators then check commas, colons and brackets as this
// walk goes through them once, with a stack of its own instead of recursion. Finished children wait
// on two scratch stacks until their container closes and takes them in one exactly sized vector.
#include "json.h"

// simdjson's self-checks of debug builds use memory whose allocation they do not check.
#define SIMDJSON_DEVELOPMENT_CHECKS 0
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "json_text.h"

namespace tern::hub {

namespace ondemand = simdjson::ondemand;

namespace {

constexpr size_t kMaxDepth = 1000;

// How far the scratch stacks are reserved at most; a larger file grows them.
constexpr size_t kMaxReserve = size_t{1} << 18;

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
  void add(Json value);
  void read(ondemand::value& value);
  Json scalar(std::string_view token);

  std::string_view text_, what_;
  std::unique_ptr<char[]> padded_;  // text_ and simdjson's padding behind it
  ondemand::parser parser_;
  ondemand::document document_;
  std::vector<Frame> frames_;
  std::vector<Json> values_;           // children of open arrays
  std::vector<Json::Member> members_;  // children of open objects; the last one may lack its value
};

void JsonBuilder::reject(const char* at, std::string_view problem) const {
  const auto offset = std::min(static_cast<size_t>(at - padded_.get()), text_.size());
  fail(ErrorCode::corrupt, cat(what_, ": byte ", offset, ": ", problem));
}

// Errors of the walk: On-Demand knows where it stands.
void JsonBuilder::reject(simdjson::error_code error) {
  if (error == simdjson::MEMALLOC) throw std::bad_alloc();
  const char* at = nullptr;
  if (document_.current_location().get(at) != simdjson::SUCCESS) at = padded_.get() + text_.size();
  reject(at, frames_.empty() ? "the brackets of the outermost value do not match: the file may be "
                               "truncated or followed by something else"
                             : "expected a comma, a colon, a key or a closing bracket");
}

// Errors of simdjson's first stage come without a place.
void JsonBuilder::reject_text(simdjson::error_code error) const {
  if (error == simdjson::MEMALLOC) throw std::bad_alloc();
  const size_t bad = find_invalid_utf8(text_);
  if (bad != std::string_view::npos) reject(padded_.get() + bad, "not valid UTF-8");
  std::string decoded;
  for (const char *at = padded_.get(), *end = at + text_.size(); at != end;) {
    if (*at++ != '"') continue;
    const DecodedString string = decode_string(at, end, LoneSurrogate::replace, decoded);
    if (string.problem) reject(string.at, string.problem);
    at = string.at;
  }
  reject(padded_.get(), simdjson::error_message(error));
}

void JsonBuilder::load() {
  padded_.reset(new char[text_.size() + simdjson::SIMDJSON_PADDING]);
  if (!text_.empty()) std::memcpy(padded_.get(), text_.data(), text_.size());
  std::memset(padded_.get() + text_.size(), 0, simdjson::SIMDJSON_PADDING);
  if (text_.starts_with("\xEF\xBB\xBF")) reject(padded_.get(), "begins with a byte order mark");
  // Growing the stacks of a vocabulary would touch twice as many fresh pages.
  const auto reserve = [this](auto& stack, char separator) {
    const auto count = std::count(text_.begin(), text_.end(), separator);
    stack.reserve(std::min(static_cast<size_t>(count) + 1, kMaxReserve));
  };
  reserve(members_, ':');
  reserve(values_, ',');
}

Json JsonBuilder::build() {
  load();
  const std::string_view whole = trimmed({padded_.get(), text_.size()});
  if (whole.empty()) reject(padded_.get(), "empty: there is no JSON value");
  if (whole[0] != '[' && whole[0] != '{') {
    const size_t bad = find_invalid_utf8(whole);
    if (bad != std::string_view::npos) reject(whole.data() + bad, "not valid UTF-8");
    return scalar(whole);
  }
  open_root();
  for (;;) {
    ondemand::value value;
    if (advance(frames_.back(), value)) {
      read(value);
      continue;
    }
    Json closed = close();
    if (frames_.empty()) {
      const char* at = nullptr;
      if (document_.current_location().get(at) == simdjson::SUCCESS) {
        reject(at, "something follows the value");
      }
      return closed;
    }
    add(std::move(closed));
  }
}

void JsonBuilder::open_root() {
  const size_t capacity = text_.size() + simdjson::SIMDJSON_PADDING;
  const auto error =
      parser_.iterate(simdjson::padded_string_view(padded_.get(), text_.size(), capacity))
          .get(document_);
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
  Json::Member& member = members_.emplace_back();
  const DecodedString key = decode_string(field.key().raw(), padded_.get() + text_.size(),
                                          LoneSurrogate::replace, member.first);
  if (key.problem) reject(key.at, key.problem);
  value = field.value();
  return true;
}

Json JsonBuilder::close() {
  const Frame frame = frames_.back();
  frames_.pop_back();
  const auto first = static_cast<std::ptrdiff_t>(frame.first_child);
  Json closed;
  if (frame.is_array) {
    closed.value_.emplace<std::vector<Json>>(std::make_move_iterator(values_.begin() + first),
                                             std::make_move_iterator(values_.end()));
    values_.resize(frame.first_child);
  } else {
    closed.value_.emplace<std::vector<Json::Member>>(
        std::make_move_iterator(members_.begin() + first), std::make_move_iterator(members_.end()));
    members_.resize(frame.first_child);
  }
  return closed;
}

void JsonBuilder::add(Json value) {
  if (frames_.back().is_array) {
    values_.push_back(std::move(value));
  } else {
    members_.back().second = std::move(value);
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

// A string, number or literal; `token` may have white space behind it.
Json JsonBuilder::scalar(std::string_view token) {
  token = trimmed(token);
  Json out;
  if (token.starts_with('"')) {
    std::string& string = out.value_.emplace<std::string>();
    const char* end = token.data() + token.size();
    const DecodedString decoded =
        decode_string(token.data() + 1, end, LoneSurrogate::replace, string);
    if (decoded.problem) reject(decoded.at, decoded.problem);
    if (decoded.at != end) reject(decoded.at, "something follows the value");
  } else if (token == "true" || token == "false") {
    out.value_ = token == "true";
  } else if (token == "NaN" || token == "Infinity" || token == "-Infinity" ||
             is_json_number(token)) {
    out.value_.emplace<Json::Number>(Json::Number{std::string(token)});
  } else if (token != "null") {
    reject(token.data(), "expected a value");
  }
  return out;
}

Json Json::parse(std::string_view text, std::string_view what) {
  return JsonBuilder(text, what).build();
}

}  // namespace tern::hub
