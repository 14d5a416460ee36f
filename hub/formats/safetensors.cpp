// SPDX-License-Identifier: Apache-2.0
// What surrounds the entries of a safetensors header: the length in front, and that no two names are
// equal and the tensors cover the buffer exactly.
#include "safetensors.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "../../engine/base/checked.h"
#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "safetensors_header.h"

namespace tern::hub {

namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeader = 100'000'000;

[[noreturn]] void reject(std::string_view what, std::string_view problem) {
  fail(ErrorCode::corrupt, cat(what, ": ", problem));
}

std::string_view header_text(Bytes head, uint64_t file_size, std::string_view what) {
  ByteReader reader(head);
  const auto length = reader.read<uint64_t>();
  if (!length || file_size < kLengthBytes) {
    reject(what, cat("the file has ", file_size, " bytes, not even the 8 of the header's length: ",
                     likely_content(head)));
  }
  if (*length == 0) {
    reject(what, cat("the header length is 0 (file of ", file_size, " bytes): ", likely_content(head)));
  }
  if (*length > kMaxHeader) {
    reject(what, cat("the header length ", *length, " is above the limit of ", kMaxHeader, " (file of ",
                     file_size, " bytes): ", likely_content(head)));
  }
  if (*length > file_size - kLengthBytes) {
    reject(what, cat("the header has ", *length, " bytes but the file only ", file_size, ": ",
                     likely_content(head)));
  }
  const auto header = reader.take(*length);
  if (!header) {
    fail(ErrorCode::invalid_argument, cat(what, ": parse_safetensors needs the whole header"));
  }
  return as_text(*header);
}

// Equal names lie beside each other when sorted by (hash, name). Sorting pairs of integers is fast,
// and names made to collide cost no more than comparing them.
void check_duplicates(const std::vector<TensorEntry>& tensors, std::string_view what) {
  struct Key {
    size_t hash;
    size_t index;
  };
  std::vector<Key> keys(tensors.size());
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = {std::hash<std::string>{}(tensors[i].name), i};
  std::sort(keys.begin(), keys.end(), [&](const Key& a, const Key& b) {
    return a.hash != b.hash ? a.hash < b.hash : tensors[a.index].name < tensors[b.index].name;
  });
  for (size_t i = 1; i < keys.size(); ++i) {
    const std::string& name = tensors[keys[i].index].name;
    if (keys[i].hash == keys[i - 1].hash && name == tensors[keys[i - 1].index].name) {
      reject(what, cat("tensor ", shown_name(name), " occurs twice in the header"));
    }
  }
}

void check_duplicates(const SafetensorsHeader& header, std::string_view what) {
  check_duplicates(header.tensors, what);
  std::vector<std::string_view> keys;
  for (const auto& [key, value] : header.metadata) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  const auto twice = std::adjacent_find(keys.begin(), keys.end());
  if (twice != keys.end()) {
    reject(what, cat("metadata ", shown_name(*twice), " occurs twice in the header"));
  }
}

// By offset; an empty tensor comes before the one whose first byte it shares.
void sort_by_offset(std::vector<TensorEntry>& tensors) {
  const auto before = [](const TensorEntry& a, const TensorEntry& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  };
  if (std::is_sorted(tensors.begin(), tensors.end(), before)) return;
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (before(tensors[a], tensors[b])) return true;
    return !before(tensors[b], tensors[a]) && a < b;
  });
  // Move each cycle of the permutation in place: order[i] says which entry belongs at i.
  for (size_t start = 0; start < order.size(); ++start) {
    if (order[start] == start) continue;
    TensorEntry first = std::move(tensors[start]);
    size_t hole = start;
    while (order[hole] != start) {
      const size_t source = std::exchange(order[hole], hole);
      tensors[hole] = std::move(tensors[source]);
      hole = source;
    }
    tensors[hole] = std::move(first);
    order[hole] = hole;
  }
}

// Every byte of the buffer belongs to exactly one tensor. Turns offsets into bytes of the file.
void check_layout(std::vector<TensorEntry>& tensors, uint64_t buffer, uint64_t file_size,
                  std::string_view what) {
  uint64_t end = buffer;  // of the tensors so far
  const TensorEntry* previous = nullptr;
  for (TensorEntry& tensor : tensors) {
    const std::string_view name = tensor.name;
    if (tensor.end > file_size - buffer) {
      const uint64_t needed = checked::add(tensor.end, buffer).value_or(UINT64_MAX);
      reject(what, cat("tensor ", shown_name(name), " ends at byte ", needed, " but the file has ",
                       file_size, " bytes: an incomplete download?"));
    }
    tensor.begin += buffer;
    tensor.end += buffer;
    if (tensor.begin > end) {
      reject(what, cat("the bytes ", end, " to ", tensor.begin, " before tensor ", shown_name(name),
                       " belong to no tensor"));
    }
    if (tensor.begin < end) {
      reject(what, cat("tensor ", shown_name(name), " begins at byte ", tensor.begin,
                       ", inside tensor ", shown_name(previous->name), ", which ends at ", end));
    }
    end = tensor.end;
    previous = &tensor;
  }
  if (end != file_size) {
    reject(what, cat("the bytes ", end, " to ", file_size, " after ",
                     previous ? cat("tensor ", shown_name(previous->name)) : "the header",
                     " belong to no tensor"));
  }
}

}  // namespace

std::string_view likely_content(Bytes head) {
  const std::string_view text = as_text(head);
  if (text.starts_with("version ")) return "a Git LFS pointer instead of the file? run: git lfs pull";
  if (text.starts_with("<")) return "a web page instead of the file?";
  if (text.starts_with("PK\x03\x04")) return "a zip archive, or a PyTorch .bin file?";
  if (text.starts_with("GGUF")) return "a GGUF file?";
  for (const std::string_view magic : {"ggml", "lmgg", "ggjt", "tjgg"}) {
    if (text.starts_with(magic)) return "a file of the time before GGUF?";
  }
  return "an incomplete download?";
}

SafetensorsHeader parse_safetensors(Bytes head, uint64_t file_size, std::string_view what) {
  const std::string_view text = header_text(head, file_size, what);
  SafetensorsHeader header = parse_safetensors_entries(text, what);
  check_duplicates(header, what);
  sort_by_offset(header.tensors);
  check_layout(header.tensors, kLengthBytes + text.size(), file_size, what);
  return header;
}

SafetensorsFile open_safetensors(StorageRef storage, std::string_view what) {
  const Bytes bytes{storage->data(), storage->size()};
  return {parse_safetensors(bytes, bytes.size(), what), std::move(storage)};
}

}  // namespace tern::hub
