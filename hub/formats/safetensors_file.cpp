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

/// The bytes that `tensor` takes in the file.
uint64_t size_of(const TensorSpec& tensor, std::string_view path) {
  std::optional<uint64_t> size = bits(tensor.dtype);
  for (const int64_t dim : tensor.shape) {
    const auto positive = checked::cast<uint64_t>(dim);
    size = size && positive ? checked::mul<uint64_t>(*size, *positive) : std::nullopt;
  }
  if (size && *size % 8 == 0) return *size / 8;
  fail(ErrorCode::invalid_argument, cat(path, ": tensor ", shown_name(tensor.name),
                                        " has a shape that is no whole number of bytes"));
}

std::string metadata_text(const std::vector<std::pair<std::string, std::string>>& metadata) {
  if (metadata.empty()) return {};
  std::string out = "\"__metadata__\":{";
  for (const auto& [key, value] : metadata) out += cat(json_quote(key), ":", json_quote(value), ",");
  out.back() = '}';
  out += ',';
  return out;
}

std::string entry_text(const TensorSpec& tensor, uint64_t begin, uint64_t end) {
  std::string out = cat(json_quote(tensor.name), ":{\"dtype\":\"", safetensors_name(tensor.dtype),
                        "\",\"shape\":[");
  for (const int64_t dim : tensor.shape) out += cat(dim, ",");
  if (!tensor.shape.empty()) out.pop_back();
  return cat(out, "],\"data_offsets\":[", begin, ",", end, "]},");
}

}  // namespace

SafetensorsFile open_safetensors(const std::string& path) {
  return open_safetensors(map_storage(path), path);
}

SafetensorsLayout lay_out_safetensors(
    const std::vector<TensorSpec>& tensors,
    const std::vector<std::pair<std::string, std::string>>& metadata, std::string_view path) {
  SafetensorsLayout layout;
  for (size_t i = 0; i < tensors.size(); ++i) layout.order.push_back(i);
  std::sort(layout.order.begin(), layout.order.end(), [&](size_t a, size_t b) {
    return std::make_tuple(-rank_of(tensors[a].dtype), std::string_view(tensors[a].name)) <
           std::make_tuple(-rank_of(tensors[b].dtype), std::string_view(tensors[b].name));
  });
  std::string header = cat("{", metadata_text(metadata));
  uint64_t end = 0;
  for (const size_t i : layout.order) {
    const uint64_t begin = end;
    const auto sum = checked::add<uint64_t>(begin, size_of(tensors[i], path));
    if (!sum) fail(ErrorCode::invalid_argument, cat(path, ": the tensors are too large for a file"));
    end = *sum;
    header += entry_text(tensors[i], begin, end);
  }
  if (header.size() > 1) header.pop_back();
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');
  const uint64_t length = header.size();
  layout.head.assign(reinterpret_cast<const char*>(&length), sizeof length);
  layout.head += header;
  layout.size = layout.head.size() + end;
  // Whatever is written can be read; what cannot (a name given twice) is the caller's mistake.
  try {
    parse_safetensors(as_bytes(layout.head), layout.size, path);
  } catch (const Error& error) {
    fail(ErrorCode::invalid_argument, cat("these tensors cannot be written: ", error.what()));
  }
  return layout;
}

void write_safetensors(const std::string& path, std::vector<TensorToWrite> tensors,
                       const std::vector<std::pair<std::string, std::string>>& metadata) {
  std::vector<TensorSpec> specs;
  for (const TensorToWrite& tensor : tensors) {
    specs.push_back({tensor.name, tensor.dtype, tensor.shape});
    if (size_of(specs.back(), path) == tensor.bytes.size()) continue;
    fail(ErrorCode::invalid_argument,
         cat(path, ": tensor ", shown_name(tensor.name), " is given ", tensor.bytes.size(),
             " bytes, which is not what its shape and dtype need"));
  }
  const SafetensorsLayout layout = lay_out_safetensors(specs, metadata, path);
  std::vector<std::byte> file;
  file.reserve(layout.size);
  const auto append = [&file](Bytes bytes) { file.insert(file.end(), bytes.begin(), bytes.end()); };
  append(as_bytes(layout.head));
  for (const size_t i : layout.order) append(tensors[i].bytes);
  env().write_file_atomic(path, file);
}

}  // namespace tern::hub
