// SPDX-License-Identifier: Apache-2.0
#include "torch_globals.h"

#include <array>

namespace tern::hub {

namespace {

using Role = TorchGlobal::Role;
using Use = PickleGlobal::Use;

struct Entry {
  PickleGlobal global;
  TorchGlobal meaning;
};

constexpr Entry storage(std::string_view module, std::string_view name, DType type) {
  return {{module, name}, {Role::storage, type}};
}
constexpr Entry dtype(std::string_view name, DType type) {
  return {{"torch", name}, {Role::dtype, type}};
}
constexpr Entry function(std::string_view name, Role role) {
  return {{"torch._utils", name, Use::call}, {role}};
}

constexpr std::array kEntries = {
    Entry{{"collections", "OrderedDict", Use::dict}, {Role::ordered_dict}},
    function("_rebuild_tensor", Role::tensor),
    function("_rebuild_tensor_v2", Role::tensor_v2),
    function("_rebuild_tensor_v3", Role::tensor_v3),
    function("_rebuild_parameter", Role::parameter),
    function("_rebuild_parameter_with_state", Role::parameter),
    Entry{{"torch", "Size", Use::call}, {Role::size}},
    Entry{{"torch", "device", Use::call}, {Role::device}},
    storage("torch", "FloatStorage", DType::f32),
    storage("torch", "HalfStorage", DType::f16),
    storage("torch", "BFloat16Storage", DType::bf16),
    storage("torch", "DoubleStorage", DType::f64),
    storage("torch", "LongStorage", DType::i64),
    storage("torch", "IntStorage", DType::i32),
    storage("torch", "ShortStorage", DType::i16),
    storage("torch", "CharStorage", DType::i8),
    storage("torch", "ByteStorage", DType::u8),
    storage("torch", "BoolStorage", DType::boolean),
    storage("torch", "ComplexFloatStorage", DType::c64),
    // Tensors that lay on a GPU, in files of PyTorch before 1.0.
    storage("torch.cuda", "FloatStorage", DType::f32),
    storage("torch.cuda", "HalfStorage", DType::f16),
    storage("torch.cuda", "DoubleStorage", DType::f64),
    storage("torch.cuda", "LongStorage", DType::i64),
    storage("torch.cuda", "IntStorage", DType::i32),
    storage("torch.cuda", "ByteStorage", DType::u8),
    Entry{{"torch", "UntypedStorage"}, {Role::untyped}},
    Entry{{"torch.storage", "UntypedStorage"}, {Role::untyped}},
    dtype("float32", DType::f32),
    dtype("float16", DType::f16),
    dtype("bfloat16", DType::bf16),
    dtype("float64", DType::f64),
    dtype("int64", DType::i64),
    dtype("int32", DType::i32),
    dtype("int16", DType::i16),
    dtype("int8", DType::i8),
    dtype("uint8", DType::u8),
    dtype("uint16", DType::u16),
    dtype("uint32", DType::u32),
    dtype("uint64", DType::u64),
    dtype("bool", DType::boolean),
    dtype("complex64", DType::c64),
    dtype("float8_e4m3fn", DType::f8_e4m3),
    dtype("float8_e5m2", DType::f8_e5m2),
    dtype("float8_e8m0fnu", DType::f8_e8m0),
};

constexpr auto kGlobals = [] {
  std::array<PickleGlobal, kEntries.size()> globals{};
  for (size_t i = 0; i < globals.size(); ++i) globals[i] = kEntries[i].global;
  return globals;
}();

}  // namespace

std::span<const PickleGlobal> torch_pickle_globals() {
  return kGlobals;
}

const TorchGlobal& torch_global(size_t index) {
  return kEntries[index].meaning;
}

}  // namespace tern::hub
