// SPDX-License-Identifier: Apache-2.0
// PKWARE's APPNOTE 6.3: local headers and data, then the central directory, then (always at the
// very end of the file) the zip64 end record with its locator and the end record. The end is found
// by position, not by searching, so there is only one.
#include "zip.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "../../engine/base/checked.h"
#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "../repo.h"
#include "safetensors_header.h"

namespace tern::hub {

namespace {

constexpr uint32_t kLocal = 0x04034B50, kCentral = 0x02014B50, kEnd = 0x06054B50;
constexpr uint32_t kEnd64 = 0x06064B50, kLocator = 0x07064B50;
constexpr size_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22, kLocatorSize = 20;
constexpr size_t kEnd64Size = 56;
constexpr uint16_t kStreamed = 1 << 3, kUtf8 = 1 << 11;  // the flags that change nothing for us
constexpr uint32_t kInZip64 = 0xFFFFFFFF;
constexpr uint16_t kZip64Field = 1;

/// Where the central directory lies and how many entries it has.
struct Directory {
  uint64_t begin, size, count;
};

/// The members that a local header and a central one share.
struct Header {
  uint16_t flags, method;
  uint32_t crc;
  uint64_t packed, size;
};

/// An entry as the central directory describes it; where its bytes lie is not known yet.
struct Described {
  std::string_view name;
  size_t at;
  Header header;
};

class ZipParser {
 public:
  ZipParser(Bytes file, std::string_view what) : file_(file), what_(what) {}
  std::vector<ZipEntry> parse();

 private:
  [[noreturn]] void reject(size_t at, std::string_view problem) const {
    fail(ErrorCode::corrupt, cat(what_, ": byte ", at, ": ", problem));
  }
  [[noreturn]] void reject_entry(size_t at, std::string_view name, std::string_view problem) const {
    reject(at, cat("zip entry ", shown_name(name), " ", problem));
  }

  /// The number at `at`, which the caller knows to be inside the file.
  template <class T>
  T number(size_t at) const {
    T value;
    std::memcpy(&value, file_.data() + at, sizeof value);
    return value;
  }
  std::string_view text(size_t at, size_t size) const { return as_text(file_.subspan(at, size)); }

  Directory find_directory();
  Directory read_end64(size_t end);
  Described central_entry(size_t& at) const;
  ZipEntry local_entry(const Described& entry) const;
  void widen(Header& header, uint64_t* offset, size_t at, size_t size, std::string_view name) const;
  std::vector<Described> read_directory() const;
  void find_entries(std::vector<Described> directory);
  void sort_by_name();

  Bytes file_;
  std::string_view what_;
  Directory directory_{};
  std::vector<ZipEntry> entries_;
};

/// The zip64 end record lies directly before its locator, which lies directly before the end
/// record.
Directory ZipParser::read_end64(size_t end) {
  if (end < kLocatorSize + kEnd64Size) reject(end, "no room for the zip64 end record");
  const size_t locator = end - kLocatorSize, at = locator - kEnd64Size;
  const bool one_disk = number<uint32_t>(locator + 4) == 0 && number<uint32_t>(locator + 16) <= 1 &&
                        number<uint32_t>(at + 16) == 0 && number<uint32_t>(at + 20) == 0;
  const bool counts = number<uint64_t>(at + 24) == number<uint64_t>(at + 32);
  if (number<uint32_t>(at) != kEnd64 || number<uint64_t>(locator + 8) != at ||
      number<uint64_t>(at + 4) != kEnd64Size - 12 || !one_disk || !counts) {
    reject(at, "the zip64 end record contradicts itself");
  }
  const Directory wide{number<uint64_t>(at + 48), number<uint64_t>(at + 40),
                       number<uint64_t>(at + 32)};
  const auto agrees = [](uint64_t narrow, uint64_t limit, uint64_t value) {
    return narrow == limit || narrow == value;
  };
  if (!agrees(number<uint16_t>(end + 10), 0xFFFF, wide.count) ||
      !agrees(number<uint32_t>(end + 12), kInZip64, wide.size) ||
      !agrees(number<uint32_t>(end + 16), kInZip64, wide.begin)) {
    reject(end, "the two end records of the zip archive contradict each other");
  }
  if (wide.begin > at || wide.size != at - wide.begin) {
    reject(at, cat("the zip directory (", wide.size, " bytes from byte ", wide.begin,
                   ") does not end at its end record"));
  }
  return wide;
}

Directory ZipParser::find_directory() {
  if (file_.size() < kEndSize) reject(0, "too short for a zip archive: an incomplete download?");
  const size_t end = file_.size() - kEndSize;
  if (number<uint32_t>(end) != kEnd || number<uint16_t>(end + 20) != 0) {
    reject(end, "the file does not end as a zip archive: an incomplete download?");
  }
  const bool one_disk = number<uint16_t>(end + 4) == 0 && number<uint16_t>(end + 6) == 0 &&
                        number<uint16_t>(end + 8) == number<uint16_t>(end + 10);
  if (!one_disk) reject(end, "the zip archive is split");
  const bool wide = end >= kLocatorSize && number<uint32_t>(end - kLocatorSize) == kLocator;
  if (wide) return read_end64(end);
  const Directory narrow{number<uint32_t>(end + 16), number<uint32_t>(end + 12),
                         number<uint16_t>(end + 10)};
  if (narrow.begin > end || narrow.size != end - narrow.begin) {
    reject(end, cat("the zip directory (", narrow.size, " bytes from byte ", narrow.begin,
                    ") does not end at its end record"));
  }
  return narrow;
}

/// Replaces numbers of 0xFFFFFFFF by those of the zip64 field, which has only these, in this order.
void ZipParser::widen(Header& header, uint64_t* offset, size_t at, size_t size,
                      std::string_view name) const {
  ByteReader fields(file_.subspan(at, size));
  uint64_t* wanted[] = {&header.size, &header.packed, offset};
  while (fields.remaining() > 0) {
    const auto id = fields.read<uint16_t>();
    const auto length = fields.read<uint16_t>();
    const auto content = length ? fields.take(*length) : std::nullopt;
    if (!content) reject_entry(at, name, "has an extra field that is cut off");
    if (*id != kZip64Field) continue;
    ByteReader numbers(*content);
    for (uint64_t* value : wanted) {
      if (!value || *value != kInZip64) continue;
      const auto found = numbers.read<uint64_t>();
      if (!found) reject_entry(at, name, "has a zip64 field that is too short");
      *value = *found;
    }
    return;
  }
}

Described ZipParser::central_entry(size_t& at) const {
  const size_t end = directory_.begin + directory_.size, first = at;
  if (end - at < kCentralSize || number<uint32_t>(at) != kCentral) {
    reject(at, "expected the next entry of the zip directory");
  }
  Header header{number<uint16_t>(at + 8), number<uint16_t>(at + 10), number<uint32_t>(at + 16),
                number<uint32_t>(at + 20), number<uint32_t>(at + 24)};
  const size_t name_size = number<uint16_t>(at + 28), extra = number<uint16_t>(at + 30);
  const size_t comment = number<uint16_t>(at + 32);
  if (end - at - kCentralSize < name_size + extra + comment) {
    reject(at, "an entry leaves the zip directory");
  }
  const std::string_view name = text(at + kCentralSize, name_size);
  uint64_t offset = number<uint32_t>(at + 42);
  widen(header, &offset, at + kCentralSize + name_size, extra, name);
  at += kCentralSize + name_size + extra + comment;

  if (!safe_relative_path(name)) {
    reject_entry(first, name, "has a name that is no plain path inside the archive");
  }
  if ((header.flags & ~(kStreamed | kUtf8)) != 0) {
    reject_entry(first, name, cat("has flags ", header.flags, " (encrypted or patched)"));
  }
  if (header.method != 0 || header.packed != header.size) {
    reject_entry(first, name,
                 cat("is compressed (method ", header.method, ", ", header.packed, " bytes for ",
                     header.size, "): PyTorch stores tensors as they are"));
  }
  if (offset > directory_.begin || directory_.begin - offset < kLocalSize) {
    reject_entry(first, name, cat("begins at byte ", offset, ", not before the zip directory"));
  }
  return {name, static_cast<size_t>(offset), header};
}

/// The header in front of the data must say the same, or (when streamed) nothing.
ZipEntry ZipParser::local_entry(const Described& entry) const {
  const size_t at = entry.at;
  const Header& central = entry.header;
  if (number<uint32_t>(at) != kLocal) reject_entry(at, entry.name, "has no header there");
  Header local{number<uint16_t>(at + 6), number<uint16_t>(at + 8), number<uint32_t>(at + 14),
               number<uint32_t>(at + 18), number<uint32_t>(at + 22)};
  const size_t name_size = number<uint16_t>(at + 26), extra = number<uint16_t>(at + 28);
  const size_t room = directory_.begin - at - kLocalSize;
  if (name_size + extra > room) reject_entry(at, entry.name, "has a header that is cut off");
  const size_t name_at = at + kLocalSize;
  widen(local, nullptr, name_at + name_size, extra, entry.name);
  const bool silent = (local.flags & kStreamed) != 0;
  const auto agrees = [silent](uint64_t a, uint64_t b) { return a == b || (silent && a == 0); };
  if (text(name_at, name_size) != entry.name || local.flags != central.flags ||
      local.method != central.method || !agrees(local.crc, central.crc) ||
      !agrees(local.size, central.size) || !agrees(local.packed, central.packed)) {
    reject_entry(at, entry.name, "is described otherwise by its header than by the zip directory");
  }
  const size_t begin = name_at + name_size + extra;
  if (central.size > directory_.begin - begin) {
    reject_entry(at, entry.name,
                 cat("has ", central.size, " bytes, of which only ", directory_.begin - begin,
                     " are there"));
  }
  return {entry.name, begin, begin + static_cast<size_t>(central.size), central.crc, at};
}

std::vector<Described> ZipParser::read_directory() const {
  if (directory_.count > directory_.size / kCentralSize) {
    reject(directory_.begin,
           cat("the zip directory has no room for ", directory_.count, " entries"));
  }
  std::vector<Described> directory;
  directory.reserve(directory_.count);
  size_t at = directory_.begin;
  for (uint64_t i = 0; i < directory_.count; ++i) directory.push_back(central_entry(at));
  if (at != directory_.begin + directory_.size) {
    reject(at, cat("bytes behind the ", directory_.count, " entries of the zip directory"));
  }
  return directory;
}

/// In the order of the file, and none is looked at that begins inside the one before: so no header
/// is read twice, however many entries point at it.
void ZipParser::find_entries(std::vector<Described> directory) {
  std::sort(directory.begin(), directory.end(),
            [](const Described& a, const Described& b) { return a.at < b.at; });
  entries_.reserve(directory.size());
  for (const Described& entry : directory) {
    if (!entries_.empty() && entry.at < entries_.back().end) {
      reject_entry(entry.at, entry.name, cat("lies inside ", shown_name(entries_.back().name)));
    }
    entries_.push_back(local_entry(entry));
  }
}

void ZipParser::sort_by_name() {
  std::sort(entries_.begin(), entries_.end(),
            [](const ZipEntry& a, const ZipEntry& b) { return a.name < b.name; });
  for (size_t i = 1; i < entries_.size(); ++i) {
    const ZipEntry& entry = entries_[i];
    if (entry.name == entries_[i - 1].name) reject_entry(entry.header, entry.name, "occurs twice");
  }
}

std::vector<ZipEntry> ZipParser::parse() {
  directory_ = find_directory();
  find_entries(read_directory());
  sort_by_name();
  return std::move(entries_);
}

/// Eight tables: table[k][b] is the checksum of byte b followed by k zeros.
constexpr auto kTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t value = b;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320u : 0u);
    tables[0][b] = value;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t b = 0; b < 256; ++b) {
      const uint32_t before = tables[k - 1][b];
      tables[k][b] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}();

}  // namespace

std::vector<ZipEntry> parse_zip(Bytes file, std::string_view what) {
  return ZipParser(file, what).parse();
}

const ZipEntry* find_entry(const std::vector<ZipEntry>& entries, std::string_view name) {
  const auto at =
      std::lower_bound(entries.begin(), entries.end(), name,
                       [](const ZipEntry& e, std::string_view n) { return e.name < n; });
  return at != entries.end() && at->name == name ? &*at : nullptr;
}

uint32_t crc32(Bytes bytes) {
  uint32_t crc = ~uint32_t{0};
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + i, sizeof word);
    word ^= crc;
    uint32_t next = 0;
    for (size_t k = 0; k < 8; ++k) next ^= kTables[7 - k][(word >> (8 * k)) & 0xFF];
    crc = next;
  }
  for (; i < bytes.size(); ++i) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<uint32_t>(bytes[i])) & 0xFF];
  }
  return ~crc;
}

void check_crc32(Bytes file, const ZipEntry& entry, std::string_view what) {
  if (entry.crc32 == 0) return;  // torch.serialization.set_crc32_options(False) writes none
  const uint32_t found = crc32(file.subspan(entry.begin, entry.end - entry.begin));
  if (found == entry.crc32) return;
  fail(ErrorCode::corrupt,
       cat(what, ": zip entry ", shown_name(entry.name), " at byte ", entry.begin,
           " has the checksum ", found, ", expected ", entry.crc32, ": damaged on its way?"));
}

}  // namespace tern::hub
