// SPDX-License-Identifier: Apache-2.0
// The installed <tern/tern.h>.
#pragma once

#include "models/tern.h"
