// SPDX-License-Identifier: Apache-2.0
// Placement: where from_pretrained's device_map and max_memory put a model's modules. Called by
// auto.cpp.
#pragma once

#include <functional>
#include <string>

#include "device_map.h"

namespace tern {

/// device_map: "auto" (balanced), "balanced", "balanced_low_0", "sequential", a device ("cpu",
/// "disk"), or a table module → device as JSON. max_memory: JSON {"cpu": "8GiB", …}; empty: 90 % of
/// what the machine has left. `outline` tells what is to be placed; it is called for a plan only.
/// invalid_argument: other texts, max_memory without a plan; unsupported: an accelerator that
/// max_memory does not name, for there is none in this build.
DeviceMap place_modules(const std::string& device_map, const std::string& max_memory,
                        const std::function<ModelOutline()>& outline);

/// Names of the outermost numbered modules of these tensors ("model.layers.0"), each once.
std::vector<std::string> numbered_modules(const std::vector<ModelOutline::Entry>& entries);

/// Whether any module is sent to disk.
bool uses_disk(const DeviceMap& map) noexcept;

}  // namespace tern
