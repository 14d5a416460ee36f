// SPDX-License-Identifier: Apache-2.0
// GGUF files on disk: opened by mapping; see gguf.h.
#include <algorithm>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "gguf.h"
#include "safetensors_header.h"

namespace tern::hub {

namespace {

// Headers are shorter: a vocabulary of 262144 tokens with its merges takes 13 MB.
constexpr size_t kHeaderPages = size_t{16} << 20;

}  // namespace

std::vector<int64_t> GgufTensor::shape() const {
  std::vector<int64_t> out;
  for (uint32_t i = rank; i-- > 0;) out.push_back(static_cast<int64_t>(dims[i]));
  return out;
}

Bytes GgufFile::bytes(const GgufTensor& tensor) const {
  const auto block = ggml_block(tensor.type);
  if (!block || !block->dtype) {
    fail(ErrorCode::unsupported,
         cat(name, ": tensor ", shown_name(tensor.name), " is of the ggml type ",
             to_string(tensor.type),
             ", which this version cannot compute with; take a file with "
             "Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K … Q6_K, F16, BF16 or F32 tensors"));
  }
  return {storage->data() + tensor.begin, tensor.end - tensor.begin};
}

GgufFile open_gguf(StorageRef storage, std::string_view what) {
  if (!storage->populate(storage->data(), std::min(storage->size(), kHeaderPages))) {
    fail(ErrorCode::io, cat(what, ": the file cannot be read"));
  }
  const Bytes bytes{storage->data(), storage->size()};
  return {parse_gguf(bytes, what), std::move(storage), std::string(what)};
}

GgufFile open_gguf(const std::string& path) {
  return open_gguf(map_storage(path, false), path);
}

bool is_gguf(Bytes head) noexcept {
  return as_text(head).starts_with("GGUF");
}

}  // namespace tern::hub
