// SPDX-License-Identifier: Apache-2.0
// PyTorch files made by hand, byte by byte, so that any rule can be broken: zip archives as
// torch.save lays them out, and the opcodes of its pickles.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../../../hub/formats/pickle.h"
#include "../../../hub/formats/torch_file.h"
#include "../../../hub/formats/zip.h"
#include "little_endian.h"

namespace tern::test {

using namespace std::string_literals;

inline void put(std::string& file, size_t at, uint64_t number, int bytes) {
  file.replace(at, static_cast<size_t>(bytes), little(number, static_cast<size_t>(bytes)));
}

// ── zip ─────────────────────────────────────────────────────────────────────────────────────────

struct ZipPart {
  std::string name, content;
};

/// An archive and where its records lie.
struct BuiltZip {
  std::string bytes;
  std::vector<size_t> local, data, central;
  size_t directory = 0, end64 = 0, end = 0;
};

/// As PyTorch writes them: streamed (sizes only behind the data and in the directory), data at
/// multiples of 64, with a zip64 end record (or without).
inline BuiltZip build_zip(const std::vector<ZipPart>& parts, bool zip64 = true) {
  BuiltZip zip;
  std::string& out = zip.bytes;
  std::string directory;
  for (const ZipPart& part : parts) {
    const uint32_t crc = hub::crc32(as_bytes(part.content));
    const uint64_t size = part.content.size();
    zip.local.push_back(out.size());
    const size_t header = out.size() + 30 + part.name.size() + 4;
    const size_t padding = (64 - header % 64) % 64;
    out += "PK\x03\x04"s + little(0, 2) + little(0x0808, 2) + little(0, 6) + little(0, 12) +
           little(part.name.size(), 2) + little(padding + 4, 2) + part.name + "FB"s +
           little(padding, 2) + std::string(padding, 'Z');
    zip.data.push_back(out.size());
    out += part.content + "PK\x07\x08"s + little(crc, 4) + little(size, 4) + little(size, 4);
    zip.central.push_back(directory.size());
    directory += "PK\x01\x02"s + little(0, 4) + little(0x0808, 2) + little(0, 6) + little(crc, 4) +
                 little(size, 4) + little(size, 4) + little(part.name.size(), 2) + little(0, 12) +
                 little(zip.local.back(), 4) + part.name;
  }
  zip.directory = out.size();
  for (size_t& at : zip.central) at += zip.directory;
  out += directory;
  zip.end64 = out.size();
  const uint64_t count = parts.size();
  if (zip64) {
    out += "PK\x06\x06"s + little(44, 8) + little(0x1E, 2) + little(45, 2) + little(0, 8) +
           little(count, 8) + little(count, 8) + little(directory.size(), 8) +
           little(zip.directory, 8) + "PK\x06\x07"s + little(0, 4) + little(zip.end64, 8) +
           little(1, 4);
  }
  zip.end = out.size();
  out += "PK\x05\x06"s + little(0, 4) + little(count, 2) + little(count, 2) +
         little(directory.size(), 4) + little(zip.directory, 4) + little(0, 2);
  return zip;
}

// ── pickle ──────────────────────────────────────────────────────────────────────────────────────

namespace pickled {

inline const std::string kBegin = "\x80\x02", kEnd = ".";

inline std::string text(std::string_view s) {
  return "X"s + little(s.size(), 4) + std::string(s);
}
inline std::string global(std::string_view module, std::string_view name) {
  return "c"s + std::string(module) + "\n"s + std::string(name) + "\n";
}
/// Any integer, as LONG1.
inline std::string number(int64_t n) {
  return std::string("\x8A\x08") + little(static_cast<uint64_t>(n), 8);
}
inline std::string tuple(const std::vector<int64_t>& values) {
  std::string out = "(";
  for (const int64_t value : values) out += number(value);
  return out + "t";
}
inline std::string storage(std::string_view type, std::string_view key, int64_t numel,
                           std::string_view more = {}) {
  return "("s + text("storage") + global("torch", type) + text(key) + text("cpu") + number(numel) +
         std::string(more) + "tQ";
}

struct Place {
  int64_t offset = 0;
  std::vector<int64_t> shape, strides;
};
/// _rebuild_tensor_v2 of a storage.
inline std::string tensor(const std::string& storage, const Place& place) {
  return global("torch._utils", "_rebuild_tensor_v2") + "("s + storage + number(place.offset) +
         tuple(place.shape) + tuple(place.strides) + "\x89"s +
         global("collections", "OrderedDict") + ")RtR";
}
/// A whole pickle: a dict of name and value, name and value …
inline std::string dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = kBegin + "}(";
  for (const auto& [name, value] : items) out += text(name) + value;
  return out + "u"s + kEnd;
}

}  // namespace pickled

// ── whole files ─────────────────────────────────────────────────────────────────────────────────

struct StoredBytes {
  std::string key, content;
};

inline BuiltZip torch_zip(const std::string& pickle, const std::vector<StoredBytes>& storages,
                          const std::string& order = "little") {
  std::vector<ZipPart> parts = {{"m/data.pkl", pickle}, {"m/byteorder", order}};
  for (const StoredBytes& s : storages) parts.push_back({"m/data/"s + s.key, s.content});
  parts.push_back({"m/version", "3\n"});
  return build_zip(parts);
}

inline const std::string kOldHead =
    std::string("\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.", 15) +
    std::string("\x80\x02M\xE9\x03.", 6) + std::string("\x80\x02}.", 4);

/// `width` is the size of an element of every storage.
inline std::string torch_old(const std::string& pickle, const std::vector<StoredBytes>& storages,
                             size_t width) {
  std::string out = kOldHead + pickle + pickled::kBegin + "](";
  for (const StoredBytes& s : storages) out += pickled::text(s.key);
  out += "e.";
  for (const StoredBytes& s : storages) out += little(s.content.size() / width, 8) + s.content;
  return out;
}

inline StorageRef owned(const std::string& bytes) {
  auto owner = std::make_shared<std::string>(bytes);
  return borrowed_storage(reinterpret_cast<const std::byte*>(owner->data()), owner->size(), owner);
}

inline hub::TorchFile open_torch(const std::string& bytes) {
  return hub::open_torch_file(owned(bytes), "model.bin");
}

}  // namespace tern::test
