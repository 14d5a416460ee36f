// SPDX-License-Identifier: Apache-2.0
// Where each module of a model goes: device_map = "auto", "balanced", "balanced_low_0",
// "sequential", a device, or a table module → device, with a budget per device (max_memory). The
// plan for given sizes is Accelerate's (infer_auto_device_map, get_balanced_memory), so that a map
// printed there can be used here: modules in the order of definition, each whole if it fits, else
// split, never below the architecture's layers; the first accelerator and the CPU keep room for the
// largest layer; then the next device, at last "disk". Nothing is moved here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../engine/base/api.h"
#include "../hub/formats/json.h"

namespace tern {

/// Accelerators by index, "cpu", "disk".
struct TERN_API DeviceId {
  static constexpr int kCpu = -1, kDisk = -2;
  int index = kCpu;

  /// "cpu", "disk", "cuda:1", "1"; "cuda" is the first. invalid_argument for anything else.
  static DeviceId parse(std::string_view text);
  /// "cpu", "disk", or the index in digits.
  std::string to_string() const;
  bool accelerator() const noexcept { return index >= 0; }
  friend bool operator==(const DeviceId&, const DeviceId&) = default;
};

/// What a plan needs to know of a model.
struct TERN_API ModelOutline {
  enum class Kind { parameter, buffer, module };
  struct Entry {
    std::string name;  // "model.layers.0.self_attn.q_proj.weight"
    uint64_t bytes = 0;
    Kind kind = Kind::parameter;  // module: one without tensors, which a map names all the same
  };
  std::vector<Entry> entries;       // in the order of definition
  std::vector<std::string> layers;  // names of modules that are never split
  /// target → source: the target takes no room of its own.
  std::vector<std::pair<std::string, std::string>> tied;
};

using MaxMemory = std::vector<std::pair<DeviceId, uint64_t>>;

/// "10GiB", "512MB", "300000": bytes. invalid_argument, which names `what`, otherwise.
TERN_API uint64_t parse_memory_size(std::string_view text, std::string_view what = "max_memory");
/// {"0": "10GiB", "cpu": 30000000000}, accelerators first and in order.
TERN_API MaxMemory parse_max_memory(const hub::Json& json);

class TERN_API DeviceMap {
 public:
  using Entry = std::pair<std::string, DeviceId>;  // module ("" is the whole model) → device

  DeviceMap() = default;
  explicit DeviceMap(std::vector<Entry> entries) : entries_(std::move(entries)) {}
  /// A table module → device as an object.
  static DeviceMap from_json(const hub::Json& json);

  /// Transformers' hf_device_map.
  const std::vector<Entry>& entries() const noexcept { return entries_; }
  /// The device of a tensor or module: that of the nearest module above it that has one; the CPU
  /// when none has.
  DeviceId of(std::string_view name) const noexcept;
  std::string dump() const;

 private:
  std::vector<Entry> entries_;
};

enum class Placement { balanced, balanced_low_0, sequential };
/// "auto" is balanced; nullopt for other texts.
TERN_API std::optional<Placement> placement_from_string(std::string_view text);

/// The budgets that a placement leaves of `memory`: balanced ones share the model out over the
/// accelerators, each with a margin for the largest layer, the last with all it has.
TERN_API MaxMemory balanced_memory(const ModelOutline& model, MaxMemory memory,
                                   Placement placement);
/// Modules to devices within these budgets; what fits nowhere goes to "disk".
TERN_API DeviceMap infer_device_map(const ModelOutline& model, const MaxMemory& memory);
/// Both in turn.
TERN_API DeviceMap plan_device_map(const ModelOutline& model, const MaxMemory& memory,
                                   Placement placement);

}  // namespace tern
