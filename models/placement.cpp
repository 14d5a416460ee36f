// SPDX-License-Identifier: Apache-2.0
#include "placement.h"

#include <algorithm>

#include "../engine/base/available_memory.h"
#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "key_names.h"

namespace tern {

namespace {

/// What Transformers leaves to others (integrations/accelerate.py).
MaxMemory memory_of_machine() {
  const uint64_t bytes = available_memory().value_or(uint64_t{1} << 62) / 10 * 9;
  return {{DeviceId{DeviceId::kCpu}, bytes}};
}

/// Accelerators that max_memory names are parts of the CPU's memory of that size, on which plans
/// for machines that have them can be tried.
void check_accelerators(const DeviceMap& map, const MaxMemory& named) {
  for (const auto& [module, id] : map.entries()) {
    const DeviceId device = id;
    const bool known = !device.accelerator() ||
                       std::any_of(named.begin(), named.end(),
                                   [&](const auto& budget) { return budget.first == device; });
    if (known) continue;
    fail(ErrorCode::unsupported,
         cat("device_map sends '", printable_name(module), "' to accelerator ", device.to_string(),
             ", but this build runs on the CPU alone: use cpu or disk (or give ",
             device.to_string(), " a part of the CPU's memory in max_memory)"));
  }
}

}  // namespace

std::vector<std::string> numbered_modules(const std::vector<ModelOutline::Entry>& entries) {
  std::vector<std::string> out;
  for (const ModelOutline::Entry& entry : entries) {
    size_t begin = 0;
    for (size_t dot = entry.name.find('.'); dot != std::string::npos;
         dot = entry.name.find('.', begin)) {
      const std::string_view part = std::string_view(entry.name).substr(begin, dot - begin);
      const bool number = part.find_first_not_of("0123456789") == std::string_view::npos;
      begin = dot + 1;
      if (!number || part.empty()) continue;
      const std::string module = entry.name.substr(0, dot);
      if (std::find(out.begin(), out.end(), module) == out.end()) out.push_back(module);
      break;
    }
  }
  return out;
}

bool uses_disk(const DeviceMap& map) noexcept {
  return std::any_of(map.entries().begin(), map.entries().end(),
                     [](const auto& entry) { return entry.second == DeviceId{DeviceId::kDisk}; });
}

DeviceMap place_modules(const std::string& device_map, const std::string& max_memory,
                        const std::function<ModelOutline()>& outline) {
  if (device_map.empty() && !max_memory.empty()) {
    fail(ErrorCode::invalid_argument,
         "max_memory is for a device_map that is planned: set device_map to auto, balanced, "
         "balanced_low_0 or sequential");
  }
  MaxMemory memory;
  if (!max_memory.empty()) memory = parse_max_memory(hub::Json::parse(max_memory, "max_memory"));
  DeviceMap map;
  if (const auto placement = placement_from_string(device_map)) {
    map = plan_device_map(outline(), max_memory.empty() ? memory_of_machine() : memory, *placement);
  } else if (device_map.starts_with('{')) {
    map = DeviceMap::from_json(hub::Json::parse(device_map, "device_map"));
  } else if (!device_map.empty()) {
    map = DeviceMap({{"", DeviceId::parse(device_map)}});
  }
  check_accelerators(map, memory);
  return map;
}

}  // namespace tern
