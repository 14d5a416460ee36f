// SPDX-License-Identifier: Apache-2.0
// safetensors files on disk: opened by mapping, written as the Rust reference writes them.
#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

#include "../../engine/base/checked.h"
#include "../../engine/base/env.h"
#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "json.h"
#include "safetensors.h"
#include "safetensors_header.h"

namespace tern::hub {

namespace {

// The reference's order of dtypes, by which tensors are sorted from the last to the first, so that
// wide elements come first and stay aligned.
constexpr std::array kDtypeOrder = {
    DType::boolean, DType::f4,  DType::f6_e2m3, DType::f6_e3m2, DType::u8,  DType::i8,  DType::f8_e5m2,
    DType::f8_e4m3, DType::f8_e8m0, DType::i16, DType::u16,     DType::f16, DType::bf16, DType::i32,
    DType::u32,     DType::f32, DType::c64,     DType::f64,     DType::i64, DType::u64,
};

auto rank_of(DType dtype) {
  return std::find(kDtypeOrder.begin(), kDtypeOrder.end(), dtype) - kDtypeOrder.begin();
}

// The length of `tensor` must be what its shape and dtype need.
void check_tensor(const TensorToWrite& tensor, std::string_view path) {
  std::optional<uint64_t> size = bits(tensor.dtype);
  for (const int64_t dim : tensor.shape) {
    const auto positive = checked::cast<uint64_t>(dim);
    size = size && positive ? checked::mul<uint64_t>(*size, *positive) : std::nullopt;
  }
  if (!size || *size % 8 != 0 || *size / 8 != tensor.bytes.size()) {
    fail(ErrorCode::invalid_argument,
         cat(path, ": tensor ", shown_name(tensor.name), " is given ", tensor.bytes.size(),
             " bytes, which is not what its shape and dtype need"));
  }
}

std::string header_of(const std::vector<TensorToWrite>& tensors,
                      const std::vector<std::pair<std::string, std::string>>& metadata) {
  std::string out = "{";
  if (!metadata.empty()) {
    out += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) {
      out += cat(json_quote(key), ":", json_quote(value), ",");
    }
    out.back() = '}';
    out += ',';
  }
  size_t offset = 0;
  for (const TensorToWrite& tensor : tensors) {
    out += cat(json_quote(tensor.name), ":{\"dtype\":\"", safetensors_name(tensor.dtype),
               "\",\"shape\":[");
    for (const int64_t dim : tensor.shape) out += cat(dim, ",");
    if (!tensor.shape.empty()) out.pop_back();
    out += cat("],\"data_offsets\":[", offset, ",", offset + tensor.bytes.size(), "]},");
    offset += tensor.bytes.size();
  }
  if (out.size() > 1) out.pop_back();
  out += '}';
  out.append((8 - out.size() % 8) % 8, ' ');
  return out;
}

}  // namespace

SafetensorsFile open_safetensors(const std::string& path) {
  return open_safetensors(map_storage(path), path);
}

void write_safetensors(const std::string& path, std::vector<TensorToWrite> tensors,
                       const std::vector<std::pair<std::string, std::string>>& metadata) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorToWrite& a, const TensorToWrite& b) {
    return std::make_tuple(-rank_of(a.dtype), std::string_view(a.name)) <
           std::make_tuple(-rank_of(b.dtype), std::string_view(b.name));
  });
  const std::string header = header_of(tensors, metadata);
  size_t size = sizeof(uint64_t) + header.size();
  for (const TensorToWrite& tensor : tensors) {
    check_tensor(tensor, path);
    size += tensor.bytes.size();
  }
  std::vector<std::byte> file;
  file.reserve(size);
  const auto append = [&file](Bytes bytes) { file.insert(file.end(), bytes.begin(), bytes.end()); };
  const uint64_t length = header.size();
  append(std::as_bytes(std::span(&length, 1)));
  append(as_bytes(header));
  for (const TensorToWrite& tensor : tensors) append(tensor.bytes);
  // Whatever is written can be read; what cannot (a name given twice) is the caller's mistake.
  try {
    parse_safetensors(file, file.size(), path);
  } catch (const Error& error) {
    fail(ErrorCode::invalid_argument, cat("these tensors cannot be written: ", error.what()));
  }
  env().write_file_atomic(path, file);
}

}  // namespace tern::hub
