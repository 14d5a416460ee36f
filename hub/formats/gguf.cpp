// SPDX-License-Identifier: Apache-2.0
// From the bytes of a GGUF file to its header; see gguf.h. First the entries one after another
// (GgufParser), then what concerns all of them: no name twice, no tensor over another.
#include "gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>

#include "../../engine/base/checked.h"
#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "json_text.h"
#include "safetensors_header.h"

namespace tern::hub {

namespace {

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr int kMaxNesting = 4;
constexpr size_t kMaxAlignment = size_t{1} << 24;
// The shortest there can be: an entry with a key of one byte, a tensor of rank 0 without a name.
constexpr size_t kShortestEntry = 8 + 1 + 4 + 1, kShortestTensor = 8 + 4 + 4 + 8;

}  // namespace

class GgufParser {
 public:
  GgufParser(Bytes file, std::string_view what) : file_(file), reader_(file), what_(what) {
    header_.metadata.file_ = file;
  }

  GgufHeader parse();

 private:
  [[noreturn]] void reject(std::string_view problem) const {
    fail(ErrorCode::corrupt, cat(what_, ": ", problem));
  }
  [[noreturn]] void reject_cut(std::string_view in) const {
    reject(cat("the file ends at byte ", file_.size(), ", in the middle of ", in,
               ": an incomplete download?"));
  }
  template <class T>
  T number(std::string_view of) {
    const auto value = reader_.read<T>();
    if (!value) reject_cut(of);
    return *value;
  }
  std::string_view string(std::string_view of);
  std::string_view name(std::string_view of);
  /// That `count` things of at least `least` bytes can be there; `key` is the metadata they are of.
  size_t bounded(uint64_t count, size_t least, std::string_view of,
                 std::string_view key = {}) const;

  void preamble();
  void value(GgufType type, std::string_view key, int depth);
  void booleans(Bytes bytes, std::string_view key) const;
  void array(std::string_view key, int depth);
  void metadata();
  void alignment();
  GgufTensor tensor();
  size_t length_of(const GgufTensor& t) const;
  void tensors();
  void check_names() const;
  void check_layout() const;

  Bytes file_;
  ByteReader reader_;
  std::string_view what_;
  uint64_t tensors_ = 0, entries_ = 0;
  GgufHeader header_;
};

std::string_view GgufParser::string(std::string_view of) {
  const auto length = number<uint64_t>(of);
  const auto text = reader_.take(length);
  if (!text) {
    reject(cat("byte ", reader_.offset() - 8, ": ", of, " claims ", length,
               " bytes but the file has ", file_.size(), ": an incomplete download?"));
  }
  return as_text(*text);
}

std::string_view GgufParser::name(std::string_view of) {
  const std::string_view text = string(of);
  if (find_invalid_utf8(text) != text.npos || text.find('\0') != text.npos) {
    reject(cat("byte ", reader_.offset() - text.size(), ": ", of, " ", shown_name(text),
               " is no text without NUL"));
  }
  return text;
}

size_t GgufParser::bounded(uint64_t count, size_t least, std::string_view of,
                           std::string_view key) const {
  if (count > reader_.remaining() / least) {
    const std::string whose = key.empty() ? std::string() : cat(" ", shown_name(key));
    reject(cat("byte ", reader_.offset(), ": ", count, " ", of, whose, " cannot lie in the ",
               reader_.remaining(), " bytes that are left: an incomplete download?"));
  }
  return static_cast<size_t>(count);
}

void GgufParser::preamble() {
  const auto magic = reader_.read<uint32_t>();
  if (!magic || *magic != kMagic) {
    reject(cat("the file (", file_.size(),
               " bytes) does not begin with GGUF: ", likely_content(file_)));
  }
  header_.version = number<uint32_t>("the version");
  if (header_.version != 2 && header_.version != 3) {
    const bool swapped = header_.version == 0x02000000 || header_.version == 0x03000000;
    fail(ErrorCode::unsupported,
         swapped ? cat(what_,
                       ": the file is big-endian; convert it (gguf-convert-endian) or take "
                       "a little-endian one")
                 : cat(what_, ": GGUF version ", header_.version, "; versions 2 and 3 are known"));
  }
  tensors_ = number<uint64_t>("the number of tensors");
  entries_ = number<uint64_t>("the number of metadata entries");
}

void GgufParser::booleans(Bytes bytes, std::string_view key) const {
  const auto bad =
      std::find_if(bytes.begin(), bytes.end(), [](std::byte b) { return b > std::byte{1}; });
  if (bad != bytes.end()) {
    reject(cat("metadata ", shown_name(key), " has a boolean of value ", static_cast<int>(*bad)));
  }
}

void GgufParser::array(std::string_view key, int depth) {
  const auto element = static_cast<GgufType>(number<uint32_t>("an array"));
  const auto count = number<uint64_t>("an array");
  if (const size_t width = gguf_width(element); width > 0) {
    const auto bytes = reader_.take(bounded(count, width, "elements of metadata", key) * width);
    if (element == GgufType::boolean) booleans(*bytes, key);
    return;
  }
  if (element != GgufType::string && element != GgufType::array) {
    reject(cat("metadata ", shown_name(key), " is an array of the unknown ", to_string(element)));
  }
  if (element == GgufType::array && depth == kMaxNesting) {
    fail(ErrorCode::unsupported, cat(what_, ": metadata ", shown_name(key),
                                     " nests arrays more than ", kMaxNesting, " deep"));
  }
  const size_t least = element == GgufType::string ? 8 : 12;
  const size_t n = bounded(count, least, "elements of metadata", key);
  for (size_t i = 0; i < n; ++i) value(element, key, depth + 1);
}

void GgufParser::value(GgufType type, std::string_view key, int depth) {
  if (type == GgufType::string) {
    const auto length = reader_.read<uint64_t>();
    if (length && reader_.take(*length)) return;
    reject(cat("metadata ", shown_name(key), ", byte ", reader_.offset(),
               ": a string reaches past the end of the file (", file_.size(),
               " bytes): an incomplete download?"));
  }
  if (type == GgufType::array) return array(key, depth);
  const size_t width = gguf_width(type);
  if (width == 0) reject(cat("metadata ", shown_name(key), " has the unknown ", to_string(type)));
  const auto bytes = reader_.take(width);
  if (!bytes) reject_cut(cat("metadata ", shown_name(key)));
  if (type == GgufType::boolean) booleans(*bytes, key);
}

void GgufParser::metadata() {
  std::vector<size_t>& entries = header_.metadata.entries_;
  entries.reserve(bounded(entries_, kShortestEntry, "metadata entries"));
  for (uint64_t i = 0; i < entries_; ++i) {
    entries.push_back(reader_.offset());
    const std::string_view key = name("a metadata key");
    if (key.empty()) reject(cat("byte ", entries.back(), ": a metadata key is empty"));
    value(static_cast<GgufType>(number<uint32_t>("a metadata entry")), key, 0);
  }
  const auto key_at = [&](size_t at) {
    uint64_t length = 0;
    std::memcpy(&length, file_.data() + at, 8);
    return as_text(file_.subspan(at + 8, static_cast<size_t>(length)));
  };
  std::sort(entries.begin(), entries.end(),
            [&](size_t a, size_t b) { return key_at(a) < key_at(b); });
  const auto twice = std::adjacent_find(entries.begin(), entries.end(),
                                        [&](size_t a, size_t b) { return key_at(a) == key_at(b); });
  if (twice != entries.end()) reject(cat("metadata ", shown_name(key_at(*twice)), " occurs twice"));
}

void GgufParser::alignment() {
  constexpr std::string_view kKey = "general.alignment";
  const auto given = header_.metadata.find(kKey);
  if (!given) return;
  const auto value = given->type() == GgufType::array ? std::nullopt : given->integer();
  if (!value || *value < 1 || static_cast<uint64_t>(*value) > kMaxAlignment ||
      !std::has_single_bit(static_cast<uint64_t>(*value))) {
    reject(cat("metadata '", kKey, "' must be a power of two up to ", kMaxAlignment));
  }
  header_.alignment = static_cast<uint64_t>(*value);
}

size_t GgufParser::length_of(const GgufTensor& t) const {
  const auto block = ggml_block(t.type);
  std::optional<uint64_t> elements = 1;
  for (const uint64_t dim : t.dims) {
    if (elements) elements = checked::mul<uint64_t>(*elements, dim);
  }
  if (!elements || *elements > INT64_MAX) {
    reject(cat("tensor ", shown_name(t.name),
               " has dimensions whose product does not fit in 63 bits"));
  }
  if (!block) return 0;
  if (t.dims[0] % block->elements != 0) {
    reject(cat("tensor ", shown_name(t.name), " has rows of ", t.dims[0], " elements, and ",
               block->name, " comes in blocks of ", block->elements));
  }
  const auto size = checked::mul<uint64_t>(*elements / block->elements, block->bytes);
  if (!size) reject(cat("tensor ", shown_name(t.name), " has a size that does not fit in 64 bits"));
  return *size;
}

GgufTensor GgufParser::tensor() {
  GgufTensor t{};
  t.name = name("a tensor's name");
  t.rank = number<uint32_t>("a tensor's entry");
  if (t.rank > t.dims.size()) {
    reject(cat("tensor ", shown_name(t.name), " has ", t.rank, " dimensions; GGUF has at most 4"));
  }
  t.dims.fill(1);
  for (uint32_t i = 0; i < t.rank; ++i) {
    t.dims[i] = number<uint64_t>("a tensor's entry");
    if (t.dims[i] > INT64_MAX) {
      reject(cat("tensor ", shown_name(t.name), " has a dimension above 2^63"));
    }
  }
  t.type = static_cast<GgmlType>(number<uint32_t>("a tensor's entry"));
  t.begin = number<uint64_t>("a tensor's entry");
  if (t.begin % header_.alignment != 0) {
    reject(cat("tensor ", shown_name(t.name), " has the offset ", t.begin,
               ", which is no multiple of the alignment ", header_.alignment));
  }
  return t;
}

void GgufParser::tensors() {
  header_.tensors.reserve(bounded(tensors_, kShortestTensor, "tensors"));
  for (uint64_t i = 0; i < tensors_; ++i) header_.tensors.push_back(tensor());
  const size_t mask = header_.alignment - 1;
  header_.data_begin = (reader_.offset() + mask) & ~mask;
  for (GgufTensor& t : header_.tensors) {
    const size_t length = length_of(t);
    const auto begin = checked::add<uint64_t>(header_.data_begin, t.begin);
    const auto end = begin ? checked::add<uint64_t>(*begin, length) : std::nullopt;
    if (!end || *end > file_.size()) {
      reject(cat("tensor ", shown_name(t.name), " (", to_string(t.type), ") ends at byte ",
                 end.value_or(UINT64_MAX), " but the file has ", file_.size(),
                 " bytes: an incomplete download?"));
    }
    t.begin = *begin;
    t.end = *end;
  }
}

// Equal names lie beside each other when sorted by (hash, name). Sorting pairs of integers is fast,
// and names made to collide cost no more than comparing them.
void GgufParser::check_names() const {
  struct Key {
    size_t hash;
    size_t index;
  };
  const std::vector<GgufTensor>& all = header_.tensors;
  std::vector<Key> keys(all.size());
  for (size_t i = 0; i < keys.size(); ++i)
    keys[i] = {std::hash<std::string_view>{}(all[i].name), i};
  std::sort(keys.begin(), keys.end(), [&](const Key& a, const Key& b) {
    return a.hash != b.hash ? a.hash < b.hash : all[a.index].name < all[b.index].name;
  });
  for (size_t i = 1; i < keys.size(); ++i) {
    const std::string_view name = all[keys[i].index].name;
    if (keys[i].hash == keys[i - 1].hash && name == all[keys[i - 1].index].name) {
      reject(cat("tensor ", shown_name(name), " occurs twice"));
    }
  }
}

// A tensor of an unknown type counts as empty: what it covers is not known.
void GgufParser::check_layout() const {
  const GgufTensor* previous = nullptr;
  for (const GgufTensor& t : header_.tensors) {
    if (previous && t.begin < previous->end) {
      reject(cat("tensor ", shown_name(t.name), " begins at byte ", t.begin, ", inside tensor ",
                 shown_name(previous->name), ", which ends at ", previous->end));
    }
    previous = &t;
  }
}

GgufHeader GgufParser::parse() {
  preamble();
  metadata();
  alignment();
  tensors();
  check_names();
  std::sort(header_.tensors.begin(), header_.tensors.end(), [](const auto& a, const auto& b) {
    if (a.begin != b.begin) return a.begin < b.begin;
    return a.end != b.end ? a.end < b.end : a.name < b.name;
  });
  check_layout();
  return std::move(header_);
}

GgufHeader parse_gguf(Bytes file, std::string_view what) {
  return GgufParser(file, what).parse();
}

}  // namespace tern::hub
