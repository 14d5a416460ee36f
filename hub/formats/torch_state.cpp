// SPDX-License-Identifier: Apache-2.0
#include "torch_state.h"

#include <algorithm>

#include "../../engine/base/checked.h"
#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "json_text.h"
#include "safetensors_header.h"

namespace tern::hub {

namespace {

using Value = Pickle::Value;
using Kind = Pickle::Kind;
using Role = TorchGlobal::Role;

constexpr size_t kMaxRank = 64;
constexpr size_t kLongestKey = 255;
constexpr int kMostWrappers = 4;  // parameters around a tensor

// A tensor takes at least 150 bytes of its file: name, place, storage. What is built of a file is
// bounded by that, with room for files of a few hundred.
constexpr uint64_t kShortestEntry = 32, kFewEntries = 1024;
constexpr uint64_t kFloor = uint64_t{1} << 20;

/// One entry of the state dict: `fail_` messages name it.
class TensorReader {
 public:
  TensorReader(const Pickle& pickle, std::string_view what, std::string_view name)
      : pickle_(pickle), what_(what), name_(name) {}

  /// nullopt when the value is no tensor at all.
  std::optional<TorchStateTensor> read(Value value);

 private:
  [[noreturn]] void reject(Value at, std::string_view problem) const {
    fail(ErrorCode::corrupt, cat(what_, ": tensor ", shown_name(name_), " (byte ",
                                 pickle_.where(at), " of the pickle) ", problem));
  }
  const TorchGlobal* callee(Value value) const;
  std::vector<int64_t> dims(Value at, Value value, std::string_view role) const;
  void place(Value at, TorchStateTensor& tensor) const;

  const Pickle& pickle_;
  std::string_view what_, name_;
};

/// What a call calls; nullptr for other values.
const TorchGlobal* TensorReader::callee(Value value) const {
  if (value.kind() != Kind::call) return nullptr;
  const auto index = pickle_.global(pickle_.items(value)[0]);
  return index ? &torch_global(*index) : nullptr;
}

std::vector<int64_t> TensorReader::dims(Value at, Value value, std::string_view role) const {
  if (const TorchGlobal* called = callee(value); called && called->role == Role::size) {
    const auto arguments = pickle_.items(pickle_.items(value)[1]);
    if (arguments.size() != 1) reject(at, cat("has a ", role, " that is no tuple"));
    value = arguments[0];
  }
  if (value.kind() != Kind::tuple && value.kind() != Kind::list) {
    reject(at, cat("has a ", role, " that is no tuple"));
  }
  const auto items = pickle_.items(value);
  if (items.size() > kMaxRank) reject(at, cat("has ", items.size(), " dimensions"));
  std::vector<int64_t> out;
  out.reserve(items.size());
  for (const Value item : items) {
    const auto dim = pickle_.integer(item);
    if (!dim || *dim < 0) reject(at, cat("has a ", role, " with an entry that is no number ≥ 0"));
    out.push_back(*dim);
  }
  return out;
}

/// Checks that every element lies in the storage, and forgets strides that say nothing new.
void TensorReader::place(Value at, TorchStateTensor& tensor) const {
  const TorchStorage& storage = tensor.storage;
  const uint64_t width = bits(tensor.dtype) / 8;
  const uint64_t room = storage.view_numel * storage.element_bytes();  // checked by its reader
  bool dense = true, empty = false;
  std::optional<uint64_t> last = tensor.offset, stride = 1;
  for (size_t i = tensor.shape.size(); i-- > 0;) {
    const auto dim = static_cast<uint64_t>(tensor.shape[i]);
    const auto step = static_cast<uint64_t>(tensor.strides[i]);
    empty = empty || dim == 0;
    if (dim > 1) dense = dense && stride && step == *stride;
    if (dim > 0 && last) {
      const auto reach = checked::mul<uint64_t>(dim - 1, step);
      last = reach ? checked::add<uint64_t>(*last, *reach) : std::nullopt;
    }
    if (stride) stride = checked::mul<uint64_t>(*stride, dim);
  }
  const auto end = last ? checked::add<uint64_t>(*last, 1) : std::nullopt;
  const auto bytes = end ? checked::mul<uint64_t>(*end, width) : std::nullopt;
  if (!empty && (!bytes || *bytes > room)) {
    reject(at, cat("reaches beyond its storage, which has ", room, " bytes"));
  }
  if (!stride || *stride > INT64_MAX / width) reject(at, "has a shape whose size overflows");
  const uint64_t first = empty ? 0 : tensor.offset * width;
  tensor.offset = storage.view_offset * storage.element_bytes() + first;
  if (dense || empty) tensor.strides.clear();
}

std::optional<TorchStateTensor> TensorReader::read(Value value) {
  const TorchGlobal* called = callee(value);
  for (int i = 0; i < kMostWrappers && called && called->role == Role::parameter; ++i) {
    const auto arguments = pickle_.items(pickle_.items(value)[1]);
    if (arguments.empty()) reject(value, "is a parameter of nothing");
    value = arguments[0];
    called = callee(value);
  }
  const bool is_tensor =
      called && (called->role == Role::tensor || called->role == Role::tensor_v2 ||
                 called->role == Role::tensor_v3);
  if (!is_tensor) return std::nullopt;
  const auto arguments = pickle_.items(pickle_.items(value)[1]);
  const bool third = called->role == Role::tensor_v3;
  if (arguments.size() < (third ? 7u : 4u) || arguments.size() > 8) {
    reject(value, cat("is made of ", arguments.size(), " arguments"));
  }
  if (arguments[0].kind() != Kind::persistent) reject(value, "lies on what is no storage");
  TorchStateTensor tensor{.name = name_,
                          .storage = read_torch_storage(pickle_, arguments[0], what_),
                          .dtype = DType::u8,
                          .offset = 0,
                          .shape = dims(value, arguments[2], "shape"),
                          .strides = dims(value, arguments[3], "stride")};
  tensor.dtype = tensor.storage.dtype;
  if (third) {
    const auto index = pickle_.global(arguments[6]);
    if (!index || torch_global(*index).role != Role::dtype) reject(value, "has no dtype");
    tensor.dtype = torch_global(*index).type;
    if (!tensor.storage.untyped && tensor.dtype != tensor.storage.dtype) {
      reject(value, "has another dtype than its storage");
    }
  }
  const auto offset = pickle_.integer(arguments[1]);
  if (!offset || *offset < 0) reject(value, "has an offset that is no number ≥ 0");
  if (tensor.shape.size() != tensor.strides.size()) {
    reject(value,
           cat("has ", tensor.shape.size(), " dimensions and ", tensor.strides.size(), " strides"));
  }
  tensor.offset = static_cast<uint64_t>(*offset);
  place(value, tensor);
  return tensor;
}

/// A name of the dict: where it was first set, and what it was set to last.
struct Member {
  std::string_view name;
  size_t first, last;
  Value value;
};

/// Merges neighbours that are `same`.
template <class Same>
void merge_neighbours(std::vector<Member>& members, Same same) {
  size_t kept = 0;
  for (const Member& member : members) {
    if (kept == 0 || !same(members[kept - 1], member)) {
      members[kept++] = member;
      continue;
    }
    Member& merged = members[kept - 1];
    merged.first = std::min(merged.first, member.first);
    if (member.last > merged.last) {
      merged.last = member.last;
      merged.value = member.value;
    }
  }
  members.resize(kept);
}

/// Equal names once, as in Python: at the first one's place with the last one's value. Names that
/// are one text of the pickle are told by their address first, so that a long one used a million
/// times is not compared a million times.
void merge_equal_names(std::vector<Member>& members) {
  std::sort(members.begin(), members.end(),
            [](const Member& a, const Member& b) { return a.name.data() < b.name.data(); });
  merge_neighbours(members, [](const Member& a, const Member& b) {
    return a.name.data() == b.name.data() && a.name.size() == b.name.size();
  });
  std::sort(members.begin(), members.end(),
            [](const Member& a, const Member& b) { return a.name < b.name; });
  merge_neighbours(members, [](const Member& a, const Member& b) { return a.name == b.name; });
  std::sort(members.begin(), members.end(),
            [](const Member& a, const Member& b) { return a.first < b.first; });
}

std::vector<Member> state_members(const Pickle& pickle, uint64_t file_size, std::string_view what) {
  const Value root = pickle.root();
  if (root.kind() != Kind::dict) {
    fail(ErrorCode::corrupt, cat(what,
                                 ": the pickle holds no dict of tensors: a whole model or "
                                 "another object was saved, not its state_dict"));
  }
  const auto items = pickle.items(root);
  if (items.size() / 2 > kFewEntries + file_size / kShortestEntry) {
    fail(ErrorCode::corrupt, cat(what, ": the state dict has ", items.size() / 2,
                                 " entries, too many for a file of ", file_size, " bytes"));
  }
  std::vector<Member> members;
  members.reserve(items.size() / 2);
  for (size_t i = 0; i < items.size(); i += 2) {
    const auto name = pickle.text(items[i]);
    if (!name) {
      fail(ErrorCode::corrupt, cat(what, ": entry ", i / 2, " of the state dict has no name"));
    }
    members.push_back({*name, i, i, items[i + 1]});
  }
  merge_equal_names(members);
  return members;
}

}  // namespace

TorchStorage read_torch_storage(const Pickle& pickle, Value persistent, std::string_view what) {
  const auto reject = [&](std::string_view problem) {
    fail(ErrorCode::corrupt, cat(what, ": byte ", pickle.where(persistent),
                                 " of the pickle: a persistent id ", problem));
  };
  const auto id = pickle.items(pickle.items(persistent)[0]);
  const auto tag = id.empty() ? std::nullopt : pickle.text(id[0]);
  if (tag != "storage" || id.size() < 5 || id.size() > 6) reject("that names no storage");
  const auto global = pickle.global(id[1]);
  const Role role = global ? torch_global(*global).role : Role::device;
  if (role != Role::storage && role != Role::untyped) reject("whose type is no storage");
  const auto key = pickle.text(id[2]);
  const auto numel = pickle.integer(id[4]);
  if (!key || key->empty() || key->size() > kLongestKey) reject("without a key");
  if (!numel || *numel < 0) reject("whose size is no number ≥ 0");
  TorchStorage storage{.key = *key,
                       .dtype = torch_global(*global).type,
                       .untyped = role == Role::untyped,
                       .numel = static_cast<uint64_t>(*numel)};
  if (storage.numel > INT64_MAX / storage.element_bytes()) reject("whose size overflows");
  storage.view_numel = storage.numel;
  if (id.size() == 6 && id[5].kind() != Kind::none) {  // (key, offset, size) of the old format
    const auto view = pickle.items(id[5]);
    const auto offset = view.size() == 3 ? pickle.integer(view[1]) : std::nullopt;
    const auto size = view.size() == 3 ? pickle.integer(view[2]) : std::nullopt;
    if (!offset || !size || *offset < 0 || *size < 0 || *offset > *numel ||
        *size > *numel - *offset) {
      reject("whose view lies outside its storage");
    }
    storage.view_offset = static_cast<uint64_t>(*offset);
    storage.view_numel = static_cast<uint64_t>(*size);
  }
  return storage;
}

TorchState read_torch_state(const Pickle& pickle, uint64_t file_size, std::string_view what) {
  const uint64_t room = checked::mul<uint64_t>(file_size, 4).value_or(UINT64_MAX - kFloor) + kFloor;
  uint64_t of_tensors = 0, of_records = 0;
  TorchState state;
  for (const Member& member : state_members(pickle, file_size, what)) {
    auto tensor = TensorReader(pickle, what, member.name).read(member.value);
    if (!tensor) {
      state.other_names.push_back(member.name);
      continue;
    }
    const bool readable = member.name.find('\0') == std::string_view::npos &&
                          find_invalid_utf8(member.name) == std::string_view::npos;
    if (!readable) {
      fail(ErrorCode::corrupt, cat(what, ": tensor ", shown_name(member.name),
                                   " has a name with a NUL or invalid UTF-8"));
    }
    uint64_t size = bits(tensor->dtype) / 8;
    for (const int64_t dim : tensor->shape) size *= static_cast<uint64_t>(dim);  // checked: fits
    of_records += sizeof(TorchStateTensor) * 2 + member.name.size() * 2 + tensor->shape.size() * 32;
    if (size > room - of_tensors || of_records > room / 2) {
      fail(ErrorCode::corrupt, cat(what, ": the tensors up to ", shown_name(member.name),
                                   " take more than four times the file's ", file_size,
                                   " bytes: they name the same bytes again and again"));
    }
    of_tensors += size;
    state.tensors.push_back(std::move(*tensor));
  }
  return state;
}

}  // namespace tern::hub
