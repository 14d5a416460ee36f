// SPDX-License-Identifier: Apache-2.0
#include "safetensors_header.h"

#include <array>

#include "../../engine/base/checked.h"
#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "json.h"
#include "json_text.h"

namespace tern::hub {

namespace {

constexpr size_t kMaxRank = 64;
constexpr size_t kMaxMetadata = 65536;
constexpr size_t kLengthBytes = 8;

// The shortest entry, `"":{"dtype":"U8","shape":[],"data_offsets":[0,0]},`: the header's own size
// bounds how many there can be.
constexpr size_t kShortestEntry = 50;

class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::string_view what) : text_(text), what_(what) {}

  SafetensorsHeader parse();

 private:
  [[noreturn]] void reject(size_t at, std::string_view problem) const;
  [[noreturn]] void reject_entry(std::string_view problem) const;

  char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_space() noexcept {
    while (at_ < text_.size() && is_json_space(text_[at_])) ++at_;
  }
  bool accept(char c) noexcept;
  void expect(char c, std::string_view where);
  void string(std::string& out);
  uint64_t integer(std::string_view of);
  /// Goes through `{ "key": … }`, calling `value(key)` with the cursor at the value.
  template <class Value>
  void object(std::string_view where, Value value);

  void metadata();
  void entry(std::string name);
  void dtype();
  void shape();
  void offsets();
  void check_length();

  std::string_view text_, what_;
  size_t at_ = 0;
  size_t entry_at_ = 0;  // where the entry being read begins
  bool has_metadata_ = false;
  std::string key_;
  SafetensorsHeader header_;
};

void HeaderParser::reject(size_t at, std::string_view problem) const {
  fail(ErrorCode::corrupt, cat(what_, ": header byte ", at + kLengthBytes, ": ", problem));
}

void HeaderParser::reject_entry(std::string_view problem) const {
  reject(entry_at_, cat("tensor ", shown_name(header_.tensors.back().name), " ", problem));
}

bool HeaderParser::accept(char c) noexcept {
  skip_space();
  if (peek() != c || at_ == text_.size()) return false;
  ++at_;
  return true;
}

void HeaderParser::expect(char c, std::string_view where) {
  if (!accept(c)) reject(at_, cat("expected '", std::string_view(&c, 1), "' ", where));
}

void HeaderParser::string(std::string& out) {
  expect('"', "that begins a string");
  const char* end = text_.data() + text_.size();
  const DecodedString decoded = decode_string(text_.data() + at_, end, LoneSurrogate::reject, out);
  at_ = static_cast<size_t>(decoded.at - text_.data());
  if (decoded.problem) reject(at_, decoded.problem);
}

uint64_t HeaderParser::integer(std::string_view of) {
  skip_space();
  const size_t begin = at_;
  std::optional<uint64_t> value = 0;
  for (; peek() >= '0' && peek() <= '9'; ++at_) {
    if (value) value = checked::mul<uint64_t>(*value, 10);
    if (value) value = checked::add<uint64_t>(*value, static_cast<uint64_t>(peek() - '0'));
  }
  const bool leading_zero = at_ > begin + 1 && text_[begin] == '0';
  const bool fraction = peek() == '.' || peek() == 'e' || peek() == 'E';
  if (at_ == begin || leading_zero || fraction) {
    reject_entry(cat(of, " has an entry that is no whole number ≥ 0"));
  }
  if (!value) reject_entry(cat(of, " has an entry above 2^64"));
  return *value;
}

template <class Value>
void HeaderParser::object(std::string_view where, Value value) {
  expect('{', where);
  if (accept('}')) return;
  do {
    skip_space();
    const size_t key_at = at_;
    string(key_);
    expect(':', "after a key");
    value(key_at);
  } while (accept(','));
  expect('}', where);
}

void HeaderParser::metadata() {
  if (has_metadata_) reject(at_, "a second __metadata__");
  has_metadata_ = true;
  object("around __metadata__", [this](size_t key_at) {
    if (header_.metadata.size() == kMaxMetadata) reject(key_at, "too many metadata entries");
    auto& [key, value] = header_.metadata.emplace_back(std::move(key_), std::string());
    skip_space();
    if (peek() != '"') {
      reject(at_, cat("the value of metadata ", shown_name(key), " is no string"));
    }
    string(value);
  });
}

void HeaderParser::dtype() {
  skip_space();
  if (peek() != '"') reject_entry("has a dtype that is no string");
  string(key_);
  const auto dtype = dtype_from_safetensors(key_);
  if (!dtype) {
    fail(ErrorCode::unsupported, cat(what_, ": tensor ", shown_name(header_.tensors.back().name),
                                     " has the unknown dtype ", shown_name(key_)));
  }
  header_.tensors.back().dtype = *dtype;
}

void HeaderParser::shape() {
  std::array<int64_t, kMaxRank> dims;
  size_t rank = 0;
  if (!accept('[')) reject_entry("has a shape that is no list");
  if (!accept(']')) {
    do {
      const auto dim = checked::cast<int64_t>(integer("shape"));
      if (!dim) reject_entry("shape has an entry above 2^63");
      if (rank == kMaxRank) reject_entry(cat("has more than ", kMaxRank, " dimensions"));
      dims[rank++] = *dim;
    } while (accept(','));
    expect(']', "after a shape");
  }
  header_.tensors.back().shape.assign(dims.begin(), dims.begin() + rank);
}

void HeaderParser::offsets() {
  TensorEntry& tensor = header_.tensors.back();
  if (!accept('[')) reject_entry("has data_offsets that are no list");
  tensor.begin = integer("data_offsets");
  expect(',', "between data_offsets");
  tensor.end = integer("data_offsets");
  expect(']', "after the two data_offsets");
  if (tensor.end < tensor.begin) {
    reject_entry(cat("ends (", tensor.end, ") before it begins (", tensor.begin, ")"));
  }
}

void HeaderParser::check_length() {
  const TensorEntry& tensor = header_.tensors.back();
  std::optional<uint64_t> size = 1;
  for (const int64_t dim : tensor.shape) {
    if (size) size = checked::mul<uint64_t>(*size, static_cast<uint64_t>(dim));
  }
  if (size) size = checked::mul<uint64_t>(*size, bits(tensor.dtype));
  if (!size) reject_entry("has a shape whose size does not fit in 64 bits");
  if (*size % 8 != 0) {
    reject_entry(cat("has ", *size, " bits (", safetensors_name(tensor.dtype),
                     "), no whole number of bytes"));
  }
  if (*size / 8 != tensor.end - tensor.begin) {
    reject_entry(cat("has ", tensor.end - tensor.begin, " bytes (data_offsets ", tensor.begin, " to ",
                     tensor.end, ") but its shape and ", safetensors_name(tensor.dtype), " need ",
                     *size / 8));
  }
}

void HeaderParser::entry(std::string name) {
  header_.tensors.emplace_back().name = std::move(name);
  if (header_.tensors.back().name.find('\0') != std::string::npos) {
    reject_entry("has a NUL in its name");
  }
  bool has_dtype = false, has_shape = false, has_offsets = false;
  const auto once = [this](bool& seen, std::string_view key) {
    if (seen) reject_entry(cat("has two ", key));
    seen = true;
  };
  object("around a tensor's entry", [&](size_t) {
    if (key_ == "dtype") {
      once(has_dtype, "dtype");
      dtype();
    } else if (key_ == "shape") {
      once(has_shape, "shape");
      shape();
    } else if (key_ == "data_offsets") {
      once(has_offsets, "data_offsets");
      offsets();
    } else {
      reject_entry(cat("has the unknown key ", shown_name(key_)));
    }
  });
  if (!has_dtype || !has_shape || !has_offsets) {
    reject_entry(cat("lacks ", !has_dtype ? "dtype" : !has_shape ? "shape" : "data_offsets"));
  }
  check_length();
}

SafetensorsHeader HeaderParser::parse() {
  if (peek() != '{') reject(0, "the header does not begin with '{': no safetensors file?");
  const size_t bad = find_invalid_utf8(text_);
  if (bad != std::string_view::npos) reject(bad, "not valid UTF-8");
  header_.tensors.reserve(text_.size() / kShortestEntry + 1);
  object("around the header", [this](size_t key_at) {
    entry_at_ = key_at;
    if (key_ == "__metadata__") return metadata();
    entry(std::move(key_));
  });
  skip_space();
  if (at_ != text_.size()) reject(at_, "something other than spaces follows the header's last '}'");
  return std::move(header_);
}

}  // namespace

SafetensorsHeader parse_safetensors_entries(std::string_view text, std::string_view what) {
  return HeaderParser(text, what).parse();
}

std::string shown_name(std::string_view name) {
  constexpr size_t kShown = 160;
  const bool cut = name.size() > kShown;
  const std::string quoted = json_quote(name.substr(0, kShown));
  return cat("'", std::string_view(quoted).substr(1, quoted.size() - 2), cut ? "…" : "", "'");
}

}  // namespace tern::hub
