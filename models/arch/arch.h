// SPDX-License-Identifier: Apache-2.0
// What an architecture's file gives the registry: the classes it has.
#pragma once

#include <vector>

#include "../auto.h"

namespace tern {

#define TERN_ARCH(name) std::vector<ModelClass> name##_classes();
#include "arch.inc"
#undef TERN_ARCH

}  // namespace tern
