// SPDX-License-Identifier: Apache-2.0
#include "flax.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "../../engine/base/checked.h"
#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "msgpack.h"
#include "safetensors_header.h"

namespace tern::hub {

namespace {

using Kind = MsgpackValue::Kind;

constexpr int8_t kArray = 1, kScalar = 3;
constexpr size_t kDeepest = 64, kLongestName = 4096, kHighestRank = 64;
constexpr std::string_view kChunked = "__msgpack_chunked_array__";

/// An array as its extension says it is.
struct Array {
  DType dtype;
  std::vector<int64_t> shape;
  Bytes bytes;
};

/// In the order of their numbers.
struct Chunks {
  DType dtype;
  std::vector<Bytes> bytes;
};

class Reader {
 public:
  Reader(StorageRef storage, std::string_view what)
      : storage_(std::move(storage)),
        what_(what),
        reader_({storage_->data(), storage_->size()}, what),
        budget_(2 * uint64_t{storage_->size()} + (uint64_t{2} << 20)) {}

  FlaxFile read();

 private:
  struct Map {
    uint64_t pairs;    // still to come
    size_t name_size;  // of what is in front of its keys
    bool begun = false;
  };

  void enter(const MsgpackValue& map);
  void read_pair();
  void read_leaf(const MsgpackValue& value);
  void read_chunked();
  std::string_view key();
  size_t index(std::string_view key, size_t count, const char* of) const;
  Array array(const MsgpackValue& extension) const;
  std::vector<int64_t> shape(MsgpackReader& inside) const;
  std::vector<int64_t> chunked_shape();
  Chunks chunks();
  void add(DType dtype, std::vector<int64_t> shape, StorageRef storage, size_t begin);
  StorageRef joined(const Chunks& chunks, size_t size) const;
  void spend(uint64_t bytes);
  void check_names() const;
  size_t position(Bytes bytes) const {
    return static_cast<size_t>(bytes.data() - storage_->data());
  }
  [[noreturn]] void reject(std::string_view problem) const {
    reader_.reject(cat("tensor ", shown_name(name_), ": ", problem));
  }

  StorageRef storage_;
  std::string_view what_;
  MsgpackReader reader_;
  uint64_t budget_;  // bytes that names and shapes may still take
  std::vector<Map> open_;
  std::string name_;  // of the key being read, with all that it lies in
  std::vector<std::string> maps_;
  FlaxFile out_;
};

/// A file of tiny leaves under a long name would take many times its size.
void Reader::spend(uint64_t bytes) {
  if (bytes > budget_) reject("the names and shapes up to here take more memory than the file");
  budget_ -= bytes;
}

FlaxFile Reader::read() {
  const MsgpackValue root = reader_.next();
  if (!root.is(Kind::map)) {
    fail(ErrorCode::corrupt,
         cat(what_, ": begins with no map of names: ",
             likely_content({storage_->data(), std::min<size_t>(storage_->size(), 512)})));
  }
  open_.push_back({root.count, 0});
  while (!open_.empty()) {
    if (open_.back().pairs == 0) {
      open_.pop_back();
    } else {
      read_pair();
    }
  }
  if (!reader_.at_end()) reader_.reject("the weights end here, but the file goes on");
  check_names();
  return std::move(out_);
}

std::string_view Reader::key() {
  const MsgpackValue key = reader_.next();
  if (!key.is(Kind::text)) reject("the next key of its map is no text");
  return as_text(key.bytes);
}

void Reader::read_pair() {
  Map& map = open_.back();
  name_.resize(map.name_size);
  const std::string_view name = key();
  --map.pairs;
  const bool first = !std::exchange(map.begun, true);
  if (name == kChunked) {
    if (!first || open_.size() == 1) reject("chunks that do not begin with their mark");
    return read_chunked();
  }
  if (name.empty() || name.size() > kLongestName - name_.size()) {
    reject(cat("a key of ", name.size(), " bytes; names have 1 to ", kLongestName));
  }
  name_ += name;
  const MsgpackValue value = reader_.next();
  if (value.is(Kind::map)) return enter(value);
  read_leaf(value);
}

void Reader::enter(const MsgpackValue& map) {
  if (open_.size() == kDeepest) reject(cat("maps lie more than ", kDeepest, " deep"));
  spend(sizeof(std::string) + name_.size());
  maps_.push_back(name_);
  name_ += '.';
  open_.push_back({map.count, name_.size()});
}

void Reader::read_leaf(const MsgpackValue& value) {
  if (value.is(Kind::extension) && (value.type == kArray || value.type == kScalar)) {
    Array found = array(value);
    return add(found.dtype, std::move(found.shape), storage_, position(found.bytes));
  }
  reader_.skip_inside(value);
  spend(sizeof(std::string) + name_.size());
  out_.other_names.push_back(name_);
}

void Reader::add(DType dtype, std::vector<int64_t> shape, StorageRef storage, size_t begin) {
  spend(sizeof(FlaxTensor) + name_.size() + shape.size() * sizeof(int64_t));
  out_.tensors.push_back({name_, dtype, std::move(shape), std::move(storage), begin});
}

// ── one array ───────────────────────────────────────────────────────────────────────────────────

/// Product of the dimensions; nullopt when it is not representable.
std::optional<uint64_t> elements(const std::vector<int64_t>& shape) {
  uint64_t numel = 1;
  for (const int64_t dim : shape) {
    const auto product = checked::mul(numel, static_cast<uint64_t>(dim));
    if (!product) return std::nullopt;
    numel = *product;
  }
  return numel;
}

std::vector<int64_t> Reader::shape(MsgpackReader& inside) const {
  const MsgpackValue list = inside.next();
  if (!list.is(Kind::array) || list.count > kHighestRank) reject("its shape is no short list");
  std::vector<int64_t> out;
  for (uint64_t i = 0; i < list.count; ++i) {
    const MsgpackValue dim = inside.next();
    if (!dim.is(Kind::unsigned_integer) || dim.count > INT64_MAX) {
      reject("its shape holds something other than sizes");
    }
    out.push_back(static_cast<int64_t>(dim.count));
  }
  return out;
}

Array Reader::array(const MsgpackValue& extension) const {
  MsgpackReader inside(extension.bytes, what_, position(extension.bytes));
  const MsgpackValue list = inside.next();
  if (!list.is(Kind::array) || list.count != 3) reject("not [shape, dtype, bytes]");
  Array out = {DType::f32, shape(inside), {}};
  const MsgpackValue name = inside.next();
  if (!name.is(Kind::text) && !name.is(Kind::binary)) reject("its dtype is no text");
  const auto dtype = dtype_from_string(as_text(name.bytes));
  if (!dtype || bits(*dtype) % 8 != 0) {
    fail(ErrorCode::unsupported, cat(what_, ": tensor ", shown_name(name_), " has the dtype ",
                                     shown_name(as_text(name.bytes).substr(0, 100))));
  }
  out.dtype = *dtype;
  const MsgpackValue bytes = inside.next();
  if (!bytes.is(Kind::binary) && !bytes.is(Kind::text)) reject("its elements are no bytes");
  if (!inside.at_end()) reject("something follows its elements");
  out.bytes = bytes.bytes;
  const auto numel = elements(out.shape);
  const auto size = numel ? checked::mul(*numel, uint64_t{bits(out.dtype) / 8}) : std::nullopt;
  if (size != out.bytes.size()) {
    reject(cat("its shape and dtype need ", size ? cat(*size) : "too many", " bytes, it has ",
               out.bytes.size()));
  }
  return out;
}

// ── an array in chunks ──────────────────────────────────────────────────────────────────────────

size_t Reader::index(std::string_view key, size_t count, const char* of) const {
  size_t index = count;
  const auto [end, problem] = std::from_chars(key.data(), key.data() + key.size(), index);
  const bool number = problem == std::errc() && end == key.data() + key.size();
  if (!number || index >= count || (key.size() > 1 && key[0] == '0')) {
    reject(
        cat("its ", of, " have the key ", shown_name(key.substr(0, 100)), "; there are ", count));
  }
  return index;
}

/// {"0": n, "1": n, …} in any order.
std::vector<int64_t> Reader::chunked_shape() {
  const MsgpackValue map = reader_.next();
  if (!map.is(Kind::map) || map.count > kHighestRank) reject("its shape is no short map");
  std::vector<int64_t> out(static_cast<size_t>(map.count), -1);
  for (uint64_t i = 0; i < map.count; ++i) {
    int64_t& dim = out[index(key(), out.size(), "dimensions")];
    const MsgpackValue value = reader_.next();
    if (!value.is(Kind::unsigned_integer) || value.count > INT64_MAX || dim != -1) {
      reject("its shape holds something other than sizes");
    }
    dim = static_cast<int64_t>(value.count);
  }
  return out;
}

Chunks Reader::chunks() {
  const MsgpackValue map = reader_.next();
  if (!map.is(Kind::map)) reject("its chunks are no map");
  spend(map.count * sizeof(Bytes));
  Chunks out = {DType::f32, std::vector<Bytes>(static_cast<size_t>(map.count))};
  std::vector<bool> there(out.bytes.size());
  for (uint64_t i = 0; i < map.count; ++i) {
    const size_t at = index(key(), there.size(), "chunks");
    const MsgpackValue value = reader_.next();
    if (there[at] || !value.is(Kind::extension) || value.type != kArray) {
      reject(cat("chunk ", at, " is no array, or is there twice"));
    }
    const Array chunk = array(value);
    if (i > 0 && chunk.dtype != out.dtype) reject("its chunks have two dtypes");
    out.dtype = chunk.dtype;
    out.bytes[at] = chunk.bytes;
    there[at] = true;
  }
  return out;
}

StorageRef Reader::joined(const Chunks& chunks, size_t size) const {
  StorageRef out = page_storage(size);
  std::byte* to = out->data();
  for (const Bytes chunk : chunks.bytes) {
    if (chunk.empty()) continue;
    std::memcpy(to, chunk.data(), chunk.size());
    storage_->drop_pages(chunk.data(), chunk.size());
    to += chunk.size();
  }
  return out;
}

/// The rest of the map that the mark began; name_ ends with the dot in front of its keys.
void Reader::read_chunked() {
  const uint64_t pairs = std::exchange(open_.back().pairs, 0);
  name_.pop_back();
  maps_.pop_back();
  const MsgpackValue mark = reader_.next();
  if (!mark.is(Kind::boolean) || !mark.flag || pairs != 2) reject("chunks of another form");
  std::optional<std::vector<int64_t>> shape;
  std::optional<Chunks> parts;
  for (uint64_t i = 0; i < pairs; ++i) {
    const std::string_view name = key();
    if (name == "shape" && !shape) {
      shape = chunked_shape();
    } else if (name == "chunks" && !parts) {
      parts = chunks();
    } else {
      reject("chunks of another form");
    }
  }
  if (!shape || !parts || parts->bytes.empty()) reject("it has no chunks");
  uint64_t size = 0;  // cannot overflow: the chunks lie apart in the file
  for (const Bytes part : parts->bytes) size += part.size();
  const auto numel = elements(*shape);
  const auto needed = numel ? checked::mul(*numel, uint64_t{bits(parts->dtype) / 8}) : std::nullopt;
  if (needed != size) {
    reject(cat("its shape needs ", needed ? cat(*needed) : "too many", " bytes, its chunks have ",
               size));
  }
  const bool whole = parts->bytes.size() == 1;
  add(parts->dtype, std::move(*shape), whole ? storage_ : joined(*parts, static_cast<size_t>(size)),
      whole ? position(parts->bytes.front()) : 0);
}

/// Each name once, of maps too: what one reader takes first another would take last.
void Reader::check_names() const {
  std::vector<std::string_view> names(maps_.begin(), maps_.end());
  for (const FlaxTensor& tensor : out_.tensors) names.push_back(tensor.name);
  names.insert(names.end(), out_.other_names.begin(), out_.other_names.end());
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    fail(ErrorCode::corrupt, cat(what_, ": the name ", shown_name(*twice), " occurs twice"));
  }
}

}  // namespace

FlaxFile open_flax(StorageRef storage, std::string_view what) {
  return Reader(std::move(storage), what).read();
}

}  // namespace tern::hub
