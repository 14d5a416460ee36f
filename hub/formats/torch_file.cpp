// SPDX-License-Identifier: Apache-2.0
// Where the storages of a PyTorch file lie. Zip form: <top>/data.pkl, <top>/data/<key> for each
// storage, <top>/byteorder. Older form: the pickles magic number, protocol version 1001, system,
// state dict, list of storage keys; then per key its number of elements (8 bytes) and the elements,
// little-endian whatever the system.
#include "torch_file.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "safetensors_header.h"
#include "torch_state.h"
#include "zip.h"

namespace tern::hub {

namespace {

constexpr std::string_view kZipMagic = "PK\x03\x04";
constexpr std::string_view kOldMagic = "\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19";
constexpr int64_t kOldVersion = 1001;

[[noreturn]] void reject(std::string_view what, std::string_view problem) {
  fail(ErrorCode::corrupt, cat(what, ": ", problem));
}

Bytes bytes_of(const Storage& storage) {
  return {storage.data(), storage.size()};
}

Pickle parse_pickle(Bytes file, size_t begin, size_t end, std::string_view what) {
  return Pickle::parse({.bytes = file.subspan(begin, end - begin),
                        .offset = begin,
                        .what = what,
                        .globals = torch_pickle_globals(),
                        .file_size = file.size()});
}

/// Puts each tensor of the state on its storage; `place(storage)` gives that storage's bytes.
template <class Place>
TorchFile assemble(const TorchState& state, Place place) {
  TorchFile out;
  out.tensors.reserve(state.tensors.size());
  for (const TorchStateTensor& tensor : state.tensors) {
    const auto [storage, begin] = place(tensor);
    out.tensors.push_back({std::string(tensor.name), tensor.dtype, tensor.shape, tensor.strides,
                           storage, begin + tensor.offset});
  }
  out.other_names.assign(state.other_names.begin(), state.other_names.end());
  return out;
}

// ── the zip form ────────────────────────────────────────────────────────────────────────────────

/// A copy of the record with the bytes of each element in reverse.
StorageRef turned_round(Bytes record, size_t width) {
  StorageRef out = page_storage(record.size());
  for (size_t i = 0; i + width <= record.size(); i += width) {
    std::reverse_copy(record.begin() + static_cast<std::ptrdiff_t>(i),
                      record.begin() + static_cast<std::ptrdiff_t>(i + width), out->data() + i);
  }
  return out;
}

struct Archive {
  Bytes file;
  std::vector<ZipEntry> entries;
  std::string top;  // "archive/"

  const ZipEntry* find(std::string_view name) const { return find_entry(entries, cat(top, name)); }
};

Archive open_archive(Bytes file, std::string_view what) {
  Archive archive{file, parse_zip(file, what), {}};
  const auto first =
      std::min_element(archive.entries.begin(), archive.entries.end(),
                       [](const ZipEntry& a, const ZipEntry& b) { return a.header < b.header; });
  if (first == archive.entries.end()) reject(what, "an empty zip archive");
  archive.top = first->name.substr(0, first->name.find('/') + 1);
  if (!archive.find("data.pkl")) {
    reject(what,
           cat("a zip archive without ", archive.top, "data.pkl: not written by torch.save?"));
  }
  if (archive.find("constants.pkl")) {
    fail(ErrorCode::unsupported, cat(what,
                                     ": a TorchScript program, of which only Python's "
                                     "state_dict can be loaded: save that"));
  }
  return archive;
}

bool is_big_endian(const Archive& archive, std::string_view what) {
  const ZipEntry* entry = archive.find("byteorder");
  if (!entry) return false;
  check_crc32(archive.file, *entry, what);
  const std::string_view order =
      as_text(archive.file.subspan(entry->begin, entry->end - entry->begin));
  if (order == "big") return true;
  if (order != "little") reject(what, cat("the byte order ", shown_name(order.substr(0, 64))));
  return false;
}

/// The record of a storage, which must be as long as the pickle says.
const ZipEntry& record_of(const Archive& archive, const TorchStateTensor& tensor,
                          std::string_view what) {
  const TorchStorage& storage = tensor.storage;
  const ZipEntry* entry = archive.find(cat("data/", storage.key));
  if (!entry) {
    reject(what, cat("tensor ", shown_name(tensor.name), ": there is no record data/",
                     shown_name(storage.key)));
  }
  const uint64_t size = storage.numel * storage.element_bytes();
  if (entry->end - entry->begin != size) {
    reject(what, cat("tensor ", shown_name(tensor.name), ": the record ", shown_name(entry->name),
                     " has ", entry->end - entry->begin, " bytes, its storage needs ", size));
  }
  return *entry;
}

TorchFile open_zip(const StorageRef& storage, std::string_view what) {
  const Bytes file = bytes_of(*storage);
  const Archive archive = open_archive(file, what);
  const ZipEntry& data = *archive.find("data.pkl");
  check_crc32(file, data, what);
  const bool big_endian = is_big_endian(archive, what);
  const Pickle pickle = parse_pickle(file, data.begin, data.end, what);
  const TorchState state = read_torch_state(pickle, file.size(), what);

  struct Turned {
    StorageRef storage;
    size_t width;
  };
  std::map<size_t, Turned> turned;  // by where the record begins
  return assemble(state, [&](const TorchStateTensor& tensor) -> std::pair<StorageRef, size_t> {
    const ZipEntry& entry = record_of(archive, tensor, what);
    if (!big_endian) return {storage, entry.begin};
    const size_t width = bits(tensor.dtype) / (tensor.dtype == DType::c64 ? 16 : 8);
    Turned& record = turned[entry.begin];
    if (!record.storage) {
      const Bytes bytes = file.subspan(entry.begin, entry.end - entry.begin);
      record = {turned_round(bytes, width), width};
      storage->drop_pages(bytes.data(), bytes.size());
    }
    if (record.width != width) reject(what, "a big-endian storage of two dtypes");
    return {record.storage, 0};
  });
}

// ── the older form ──────────────────────────────────────────────────────────────────────────────

/// Where a storage of the older form lies, found by its key.
struct Placed {
  std::string_view key;
  uint64_t numel, element_bytes;
  size_t begin = 0;
  bool listed = false;
};

/// What the state dict says of its storages, sorted by key.
std::vector<Placed> storages_of(const Pickle& pickle, std::string_view what) {
  std::vector<Placed> placed;
  for (const Pickle::Value value : pickle.persistents()) {
    const TorchStorage storage = read_torch_storage(pickle, value, what);
    placed.push_back({storage.key, storage.numel, storage.element_bytes()});
  }
  std::stable_sort(placed.begin(), placed.end(),
                   [](const Placed& a, const Placed& b) { return a.key < b.key; });
  for (size_t i = 1; i < placed.size(); ++i) {
    const Placed &a = placed[i - 1], &b = placed[i];
    if (a.key == b.key && (a.numel != b.numel || a.element_bytes != b.element_bytes)) {
      reject(what, cat("storage ", shown_name(a.key), " has two sizes"));
    }
  }
  placed.erase(std::unique(placed.begin(), placed.end(),
                           [](const Placed& a, const Placed& b) { return a.key == b.key; }),
               placed.end());
  return placed;
}

Placed* find_placed(std::vector<Placed>& placed, std::string_view key) {
  const auto at = std::lower_bound(placed.begin(), placed.end(), key,
                                   [](const Placed& p, std::string_view k) { return p.key < k; });
  return at != placed.end() && at->key == key ? &*at : nullptr;
}

/// Goes through the storages, which lie behind each other in the order of `keys`.
void place_storages(Bytes file, size_t at, const Pickle& keys, std::vector<Placed>& placed,
                    std::string_view what) {
  if (keys.root().kind() != Pickle::Kind::list) reject(what, "there is no list of storages");
  for (const Pickle::Value item : keys.items(keys.root())) {
    const auto key = keys.text(item);
    Placed* storage = key ? find_placed(placed, *key) : nullptr;
    const std::string shown = key ? shown_name(key->substr(0, 300)) : std::string("without a name");
    if (!storage) reject(what, cat("byte ", at, ": the storage ", shown, " belongs to no tensor"));
    if (storage->listed) reject(what, cat("the storage ", shown, " occurs twice"));
    ByteReader reader(file.subspan(at));
    const auto numel = reader.read<uint64_t>();
    if (numel && *numel != storage->numel) {
      reject(what, cat("byte ", at, ": the storage ", shown, " has ", *numel,
                       " elements, its tensors need ", storage->numel));
    }
    const uint64_t size = storage->numel * storage->element_bytes;
    if (!numel || !reader.take(size)) {
      reject(what, cat("byte ", at, ": the storage ", shown, " needs ", size,
                       " bytes, the file has ", file.size(), ": an incomplete download?"));
    }
    storage->begin = at + sizeof(uint64_t);
    storage->listed = true;
    at = storage->begin + size;
  }
  if (at != file.size()) {
    reject(what,
           cat("the bytes ", at, " to ", file.size(), " behind the storages belong to nothing"));
  }
}

TorchFile open_old(const StorageRef& storage, std::string_view what) {
  const Bytes file = bytes_of(*storage);
  size_t at = 0;
  const auto next = [&] {
    Pickle pickle = parse_pickle(file, at, file.size(), what);
    at += pickle.size();
    return pickle;
  };
  const Pickle magic = next();
  const auto bytes = magic.long_bytes(magic.root());
  if (!bytes || as_text(*bytes) != kOldMagic) {
    reject(what, "a pickle, but not one of torch.save (no magic number)");
  }
  const Pickle version = next();
  if (version.integer(version.root()) != kOldVersion) {
    reject(what, cat("a version of torch.save's format other than ", kOldVersion));
  }
  const Pickle system = next();
  if (system.root().kind() != Pickle::Kind::dict) reject(what, "no description of the system");
  const Pickle pickle = next();
  const TorchState state = read_torch_state(pickle, file.size(), what);
  std::vector<Placed> placed = storages_of(pickle, what);
  const Pickle keys = next();
  place_storages(file, at, keys, placed, what);
  return assemble(state, [&](const TorchStateTensor& tensor) -> std::pair<StorageRef, size_t> {
    const Placed* found = find_placed(placed, tensor.storage.key);
    if (!found || !found->listed) {
      reject(what, cat("tensor ", shown_name(tensor.name), ": its storage ",
                       shown_name(tensor.storage.key), " is not in the file"));
    }
    return {storage, found->begin};
  });
}

}  // namespace

TorchFile open_torch_file(StorageRef storage, std::string_view what) {
  const Bytes head = bytes_of(*storage).first(std::min<size_t>(storage->size(), 512));
  const std::string_view text = as_text(head);
  if (text.starts_with(kZipMagic)) return open_zip(storage, what);
  if (text.starts_with("\x80")) return open_old(storage, what);
  if (text.size() > 262 && text.substr(257).starts_with("ustar")) {
    fail(ErrorCode::unsupported, cat(what,
                                     ": the tar format of PyTorch before 0.1.10: load and save "
                                     "it once with a newer one"));
  }
  const bool safetensors = text.size() > 8 && text[8] == '{';
  reject(what, cat("begins neither as a zip archive nor as a pickle: ",
                   safetensors ? "a safetensors file?" : likely_content(head)));
}

TorchFile open_torch_file(const std::string& path) {
  return open_torch_file(map_storage(path), path);
}

void check_torch_file(const Storage& storage, std::string_view what) {
  const Bytes file = bytes_of(storage);
  if (!as_text(file).starts_with(kZipMagic)) return;
  for (const ZipEntry& entry : parse_zip(file, what)) check_crc32(file, entry, what);
}

}  // namespace tern::hub
