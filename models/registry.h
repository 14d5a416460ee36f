// SPDX-License-Identifier: Apache-2.0
// The table of model classes: what is built in (arch/arch.inc) and what register_model added.
// Private to models/; the public side is auto.h.
#pragma once

#include <memory>
#include <string_view>

#include "auto.h"

namespace tern {

/// The class that `task` (an Auto class or a class name) means for this config. unsupported for a
/// model type nobody knows, invalid_argument when the type has no such class; both say what fits.
std::shared_ptr<const ModelClass> find_model_class(std::string_view task, const Config& config,
                                                   std::string_view repo);

}  // namespace tern
