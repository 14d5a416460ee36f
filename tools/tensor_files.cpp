// SPDX-License-Identifier: Apache-2.0
#include "tensor_files.h"

#include <cstring>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/nn.h"
#include "../hub/formats/safetensors.h"

namespace tern::cli {

namespace {

template <class T>
Tensor widened(const Tensor& source) {
  Tensor out = Tensor::empty(DType::i64, source.shape());
  const std::byte* bytes = source.raw();  // not aligned to T in a file
  for (int64_t i = 0; i < source.numel(); ++i) {
    T value;
    std::memcpy(&value, bytes + static_cast<size_t>(i) * sizeof(T), sizeof(T));
    out.data<int64_t>()[i] = static_cast<int64_t>(value);
  }
  return out;
}

/// As models read it and as outputs are written: floats f32, everything else i64.
Tensor in_plain_type(const Tensor& tensor, std::string_view name) {
  switch (tensor.dtype()) {
    case DType::boolean:
    case DType::u8:
      return widened<uint8_t>(tensor);
    case DType::i8:
      return widened<int8_t>(tensor);
    case DType::i16:
      return widened<int16_t>(tensor);
    case DType::u16:
      return widened<uint16_t>(tensor);
    case DType::i32:
      return widened<int32_t>(tensor);
    case DType::u32:
      return widened<uint32_t>(tensor);
    case DType::i64:
      return widened<int64_t>(tensor);
    case DType::u64:
      return widened<uint64_t>(tensor);
    case DType::f16:
    case DType::bf16:
    case DType::f32:
    case DType::f64:
      return to_f32(tensor).clone();
    default:
      fail(ErrorCode::unsupported, cat("tensor '", name, "' is ", to_string(tensor.dtype()),
                                       ": expected floats or integers"));
  }
}

}  // namespace

NamedTensors read_tensors(const std::string& path) {
  const hub::SafetensorsFile file = hub::open_safetensors(path);
  NamedTensors tensors;
  for (const hub::TensorEntry& entry : file.header.tensors) {
    tensors.set(entry.name,
                in_plain_type(Tensor(file.storage, entry.dtype, Shape(entry.shape), entry.begin),
                              entry.name));
  }
  return tensors;
}

void write_tensors(const std::string& path, const NamedTensors& named) {
  std::vector<Tensor> kept;  // own the bytes until they are written
  std::vector<hub::TensorToWrite> tensors;
  for (const auto& [name, tensor] : named.entries()) {
    kept.push_back(in_plain_type(tensor.dense() ? tensor : tensor.clone(), name));
    const Tensor& plain = kept.back();
    const auto dims = plain.shape().dims();
    tensors.push_back(
        {name, plain.dtype(), {dims.begin(), dims.end()}, {plain.raw(), plain.bytes()}});
  }
  hub::write_safetensors(path, std::move(tensors));
}

}  // namespace tern::cli
