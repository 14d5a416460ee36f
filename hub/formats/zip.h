// SPDX-License-Identifier: Apache-2.0
// The directory of a zip archive as PyTorch writes them: every entry stored, not compressed. What
// is handed out lies inside the file, overlaps nothing, and is named the same by the central
// directory and by the header in front of it, so no archive holds more than its own size and two
// readers cannot see different content. Anything else (compression, encryption, several disks, a
// comment, a name that leaves the folder, two entries of one name) is Error corrupt that names the
// entry and the byte. Time is O(n log n) in the number of entries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "../../engine/base/api.h"
#include "../../engine/base/bytes.h"

namespace tern::hub {

struct ZipEntry {
  std::string_view name;  // a view of the file
  size_t begin, end;      // its bytes, from the start of the file
  uint32_t crc32;         // as the directory says; 0 when its writer computed none
  size_t header;          // where its local header begins
};

/// The entries sorted by name. `what` names the file in errors; `file` must outlive the result.
TERN_API std::vector<ZipEntry> parse_zip(Bytes file, std::string_view what);

/// The entry of that name, or nullptr; `entries` as parse_zip returns them.
TERN_API const ZipEntry* find_entry(const std::vector<ZipEntry>& entries, std::string_view name);

/// corrupt when the entry's bytes are not those its checksum was taken of. parse_zip does not check
/// it: that would read every weight once more (about 2 GB/s), and repositories are hashed anyway.
TERN_API void check_crc32(Bytes file, const ZipEntry& entry, std::string_view what);

/// The checksum of zip and gzip: polynomial 0xEDB88320 (reflected), begun and ended with ~0.
TERN_API uint32_t crc32(Bytes bytes);

}  // namespace tern::hub
