// SPDX-License-Identifier: Apache-2.0
// The zip directory: what PyTorch writes is read, everything an attacker or an accident adds is an
// Error.
#include <doctest/doctest.h>

#include <ctime>
#include <functional>

#include "../../allocations.h"
#include "../expect_error.h"
#include "torch_bytes.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace {

BuiltZip sample(bool zip64 = true) {
  return build_zip({{"m/data.pkl", "pickle"}, {"m/data/0", "0123456789abcdef"}, {"m/empty", ""}},
                   zip64);
}

std::vector<ZipEntry> parse(const std::string& bytes) {
  return parse_zip(as_bytes(bytes), "model.bin");
}

struct Damage {
  const char* what;
  const char* message;
  std::function<void(BuiltZip&)> make;
};

/// Writes a number into the record of an entry: offsets as in APPNOTE.
auto in_central(size_t entry, size_t offset, uint64_t value, int width) {
  return [=](BuiltZip& zip) { put(zip.bytes, zip.central[entry] + offset, value, width); };
}
auto in_local(size_t entry, size_t offset, uint64_t value, int width) {
  return [=](BuiltZip& zip) { put(zip.bytes, zip.local[entry] + offset, value, width); };
}
auto in_end64(size_t offset, uint64_t value, int width) {
  return [=](BuiltZip& zip) { put(zip.bytes, zip.end64 + offset, value, width); };
}
auto in_end(size_t offset, uint64_t value, int width) {
  return [=](BuiltZip& zip) { put(zip.bytes, zip.end + offset, value, width); };
}
auto renamed(size_t entry, std::string name, bool local, bool central) {
  return [=](BuiltZip& zip) {
    if (local) zip.bytes.replace(zip.local[entry] + 30, name.size(), name);
    if (central) zip.bytes.replace(zip.central[entry] + 46, name.size(), name);
  };
}

/// Of entry 1, as the directory has them.
void put_sizes(BuiltZip& zip, uint64_t size) {
  put(zip.bytes, zip.central[1] + 20, size, 4);
  put(zip.bytes, zip.central[1] + 24, size, 4);
}

const Damage kDamages[] = {
    {"nothing there", "too short", [](BuiltZip& z) { z.bytes.clear(); }},
    {"cut before the end record", "does not end as a zip", [](BuiltZip& z) { z.bytes.pop_back(); }},
    {"cut in half", "does not end as a zip",
     [](BuiltZip& z) { z.bytes.resize(z.bytes.size() / 2); }},
    {"bytes behind the end", "does not end as a zip", [](BuiltZip& z) { z.bytes += "x"; }},
    {"a comment", "does not end as a zip",
     [](BuiltZip& z) {
       put(z.bytes, z.end + 20, 3, 2);
       z.bytes += "abc";
     }},
    {"a second end record behind the first", "",
     [](BuiltZip& z) { z.bytes += z.bytes.substr(z.end); }},
    {"a second archive's end behind the first", "", [](BuiltZip& z) { z.bytes += sample().bytes; }},
    {"two disks", "split", in_end(4, 1, 2)},
    {"a count for this disk only", "split", in_end(8, 2, 2)},
    {"another count in the two end records", "contradict", in_end(8, 0x00020002, 4)},
    {"another size in the two end records", "contradict", in_end(12, 7, 4)},
    {"another place in the two end records", "contradict", in_end(16, 7, 4)},
    {"the locator points elsewhere", "contradicts itself", in_end64(56 + 8, 0, 8)},
    {"the locator knows of more disks", "contradicts itself", in_end64(56 + 16, 2, 4)},
    {"no zip64 end record where it should be", "contradicts itself", in_end64(0, 0, 4)},
    {"a longer zip64 end record", "contradicts itself", in_end64(4, 45, 8)},
    {"zip64 disks", "contradicts itself", in_end64(16, 1, 4)},
    {"zip64 counts differ", "contradicts itself", in_end64(24, 2, 8)},
    {"zip64 says 2^64-1 entries", "no room",
     [](BuiltZip& z) {
       put(z.bytes, z.end + 8, 0xFFFFFFFF, 4);
       put(z.bytes, z.end64 + 24, UINT64_MAX, 8);
       put(z.bytes, z.end64 + 32, UINT64_MAX, 8);
     }},
    {"zip64 directory far away", "does not end at its end record",
     [](BuiltZip& z) {
       put(z.bytes, z.end + 16, 0xFFFFFFFF, 4);
       put(z.bytes, z.end64 + 48, UINT64_MAX - 5, 8);
     }},
    {"zip64 directory too long", "does not end at its end record",
     [](BuiltZip& z) {
       put(z.bytes, z.end + 12, 0xFFFFFFFF, 4);
       put(z.bytes, z.end64 + 40, UINT64_MAX, 8);
     }},
    {"fewer entries than the directory holds", "bytes behind the 2 entries",
     [](BuiltZip& z) {
       put(z.bytes, z.end + 8, 0x00020002, 4);
       put(z.bytes, z.end64 + 24, 2, 8);
       put(z.bytes, z.end64 + 32, 2, 8);
     }},
    {"more entries than the directory holds", "no room for 4 entries",
     [](BuiltZip& z) {
       put(z.bytes, z.end + 8, 0x00040004, 4);
       put(z.bytes, z.end64 + 24, 4, 8);
       put(z.bytes, z.end64 + 32, 4, 8);
     }},
    {"no signature of a directory entry", "expected the next entry", in_central(1, 0, 0, 4)},
    {"a name that leaves the directory", "leaves the zip directory", in_central(2, 28, 0xFFFF, 2)},
    {"an extra field that leaves the directory", "leaves the zip", in_central(2, 30, 9999, 2)},
    {"a comment that leaves the directory", "leaves the zip directory", in_central(2, 32, 9999, 2)},
    {"deflate", "compressed (method 8", in_central(1, 10, 8, 2)},
    {"method 99", "compressed (method 99", in_central(1, 10, 99, 2)},
    {"encrypted", "encrypted", in_central(1, 8, 0x0809, 2)},
    {"strong encryption", "encrypted", in_central(1, 8, 0x0848, 2)},
    {"a patch", "patched", in_central(1, 8, 0x0828, 2)},
    {"masked header", "encrypted", in_central(1, 8, 0x2808, 2)},
    {"larger than stored: a bomb", "compressed", in_central(1, 24, 0x7FFFFFFF, 4)},
    {"both sizes huge", "of which only", [](BuiltZip& z) { put_sizes(z, 0x7FFFFFFF); }},
    {"both sizes 4 GiB without a zip64 field", "of which only",
     [](BuiltZip& z) { put_sizes(z, 0xFFFFFFFF); }},
    {"one byte longer: into the next header", "lies inside",
     [](BuiltZip& z) { put_sizes(z, z.local[2] - z.data[1] + 1); }},
    {"two entries of one place", "lies inside",
     [](BuiltZip& z) { put(z.bytes, z.central[1] + 42, z.local[0], 4); }},
    {"two names for one place", "lies inside",
     [](BuiltZip& z) {
       // Entry 1 says again what entry 2 says, but for the case of a name of equal length.
       z = build_zip({{"m/a", "same"}, {"m/a", "same"}});
       put(z.bytes, z.central[1] + 42, z.local[0], 4);
     }},
    {"a name twice", "occurs twice",
     [](BuiltZip& z) {
       z = build_zip({{"m/a", "one"}, {"m/b", ""}, {"m/a", "two"}});
     }},
    {"a header outside the file", "not before the zip directory", in_central(1, 42, 0xFFFFFFF0, 4)},
    {"a header in the directory", "not before the zip directory",
     [](BuiltZip& z) { put(z.bytes, z.central[1] + 42, z.central[1], 4); }},
    {"no header there", "has no header there",
     [](BuiltZip& z) { put(z.bytes, z.central[2] + 42, z.data[1] + 16, 4); }},
    {"a place inside another entry", "lies inside", in_central(1, 42, 3, 4)},
    {"another name in the header", "described otherwise", renamed(1, "m/data/1", true, false)},
    {"another flag in the header", "described otherwise", in_local(1, 6, 0x0800, 2)},
    {"another method in the header", "described otherwise", in_local(1, 8, 8, 2)},
    {"another size in the header", "described otherwise", in_local(1, 22, 15, 4)},
    {"another packed size in the header", "described otherwise", in_local(1, 18, 15, 4)},
    {"another checksum in the header", "described otherwise", in_local(1, 14, 15, 4)},
    {"a header that is cut off", "cut off", in_local(2, 28, 0xFFFF, 2)},
    {"an extra field cut off", "extra field that is cut off",
     [](BuiltZip& z) { put(z.bytes, z.local[1] + 30 + 8 + 2, 0xFFFF, 2); }},
    {"climbs out", "no plain path", renamed(1, "../../..", true, true)},
    {"climbs in the middle", "no plain path", renamed(1, "m/../../", true, true)},
    {"absolute", "no plain path", renamed(1, "/etc/pwd", true, true)},
    {"a folder", "no plain path", renamed(1, "m/datas/", true, true)},
    {"a backslash", "no plain path", renamed(1, "m\\data\\0", true, true)},
    {"a NUL", "no plain path", renamed(1, std::string("m/data\0a", 8), true, true)},
    {"no name", "no plain path", in_central(1, 28, 0, 2)},
};

}  // namespace

TEST_CASE("an archive of torch.save is read: names, places and checksums") {
  for (const bool zip64 : {true, false}) {
    const BuiltZip zip = sample(zip64);
    const auto entries = parse(zip.bytes);
    REQUIRE(entries.size() == 3);
    CHECK(entries[0].name == "m/data.pkl");
    CHECK(entries[1].name == "m/data/0");
    CHECK(entries[1].begin == zip.data[1]);
    CHECK(zip.bytes.substr(entries[1].begin, entries[1].end - entries[1].begin) ==
          "0123456789abcdef");
    CHECK(entries[2].begin == entries[2].end);
    CHECK(find_entry(entries, "m/empty") == &entries[2]);
    CHECK(find_entry(entries, "m/data") == nullptr);
    for (const ZipEntry& entry : entries) check_crc32(as_bytes(zip.bytes), entry, "model.bin");
  }
}

TEST_CASE("each damage to an archive is corrupt and says where") {
  for (const Damage& damage : kDamages) {
    CAPTURE(std::string(damage.what));
    BuiltZip zip = sample();
    damage.make(zip);
    expect_error([&] { parse(zip.bytes); }, ErrorCode::corrupt, damage.message);
  }
}

TEST_CASE("sizes and places beyond 32 bits are taken from the zip64 field, and only these") {
  // The field of entry 1 is written into the directory: size, packed size, place.
  const auto widened = [](uint64_t size, uint64_t packed, uint64_t place, bool cut = false) {
    BuiltZip zip = sample();
    const size_t at = zip.central[1];
    put_sizes(zip, 0xFFFFFFFF);
    put(zip.bytes, at + 42, 0xFFFFFFFF, 4);
    const std::string numbers = little(size, 8) + little(packed, 8) + little(place, 8);
    const std::string field =
        little(1, 2) + little(cut ? 16 : 24, 2) + numbers.substr(0, cut ? 16 : 24);
    put(zip.bytes, at + 30, field.size(), 2);
    zip.bytes.insert(at + 46 + 8, field);
    const uint64_t directory = zip.end64 - zip.directory + field.size();
    put(zip.bytes, zip.end64 + field.size() + 40, directory, 8);
    put(zip.bytes, zip.end64 + field.size() + 56 + 8, zip.end64 + field.size(), 8);
    put(zip.bytes, zip.end + field.size() + 12, directory, 4);
    return zip.bytes;
  };
  const uint64_t place = sample().local[1];
  const auto entries = parse(widened(16, 16, place));
  CHECK(entries[1].end - entries[1].begin == 16);
  expect_error([&] { parse(widened(uint64_t{1} << 40, uint64_t{1} << 40, place)); },
               ErrorCode::corrupt, "of which only");
  expect_error([&] { parse(widened(UINT64_MAX, UINT64_MAX, place)); }, ErrorCode::corrupt,
               "of which only");
  expect_error([&] { parse(widened(16, 15, place)); }, ErrorCode::corrupt, "compressed");
  expect_error([&] { parse(widened(16, 16, uint64_t{1} << 50)); }, ErrorCode::corrupt,
               "not before the zip directory");
  expect_error([&] { parse(widened(16, 16, UINT64_MAX)); }, ErrorCode::corrupt,
               "not before the zip directory");
  expect_error([&] { parse(widened(16, 16, place, true)); }, ErrorCode::corrupt, "too short");
}

TEST_CASE("the checksum is that of zip, and a changed byte of an entry is found by it") {
  CHECK(crc32(as_bytes("123456789")) == 0xCBF43926u);
  CHECK(crc32({}) == 0);
  CHECK(crc32(as_bytes("The quick brown fox jumps over the lazy dog")) == 0x414FA339u);
  BuiltZip zip = sample();
  zip.bytes[zip.data[1] + 5] ^= 1;
  const auto entries = parse(zip.bytes);
  expect_error([&] { check_crc32(as_bytes(zip.bytes), entries[1], "model.bin"); },
               ErrorCode::corrupt, "'m/data/0'");
  // A writer that computes none (set_crc32_options(False)) leaves 0.
  put(zip.bytes, zip.central[1] + 16, 0, 4);
  const auto unchecked = parse(zip.bytes);
  check_crc32(as_bytes(zip.bytes), unchecked[1], "model.bin");
}

TEST_CASE("a hundred thousand entries are read in the memory of their directory") {
  std::vector<ZipPart> parts;
  for (int i = 0; i < 100'000; ++i) parts.push_back({"m/"s + std::to_string(i), ""});
  BuiltZip zip = build_zip(parts);
  put(zip.bytes, zip.end + 8, 0xFFFFFFFF, 4);  // the 16 bits of the old end record do not hold it
  start_peak();
  const size_t count = parse(zip.bytes).size();
  const size_t peak = peak_bytes();
  CHECK(count == parts.size());
  CHECK(peak <= zip.bytes.size());
}

TEST_CASE("entries that all point at one long header are refused without reading it for each") {
  // 64 KiB of empty extra fields: read for each of 200 000 entries they are three billion steps.
  std::string local = "PK\x03\x04"s + little(0, 4) + little(0, 20) + little(1, 2);
  std::string fields;
  while (fields.size() + 4 <= 0xFFFF) fields += little(2, 2) + little(0, 2);
  local.replace(26, 4, little(1, 2) + little(fields.size(), 2));
  const std::string entry = "PK\x01\x02"s + little(0, 24) + little(1, 2) + little(0, 16) + "a";
  constexpr size_t kCount = 200'000;
  const std::string front = local + "a" + fields;
  std::string file = front;
  for (size_t i = 0; i < kCount; ++i) file += entry;
  const size_t end64 = file.size(), size = end64 - front.size();
  file += "PK\x06\x06"s + little(44, 8) + little(0, 12) + little(kCount, 8) + little(kCount, 8) +
          little(size, 8) + little(front.size(), 8) + "PK\x06\x07"s + little(0, 4) +
          little(end64, 8) + little(1, 4) + "PK\x05\x06"s + little(0, 4) + little(0xFFFFFFFF, 4) +
          little(size, 4) + little(front.size(), 4) + little(0, 2);
  const std::clock_t begin = std::clock();
  expect_error([&] { parse(file); }, ErrorCode::corrupt, "lies inside 'a'");
  CHECK(std::clock() - begin < CLOCKS_PER_SEC);
}
