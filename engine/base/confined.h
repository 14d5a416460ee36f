// SPDX-License-Identifier: Apache-2.0
// A folder that others may write to while it is used. What lies in it may turn into a link to
// somewhere else at any moment, also between a look at it and the call that relies on it.
#pragma once

#include <string>

#include "api.h"

namespace tern {

/// While one lives, Env's calls for names below `root` (but stat, list_directory, real_path and
/// free_space, which change and open nothing) go no other way: what opens, makes, renames or
/// removes follows no link below it, and read_file and map_file only such that stay in it; one in
/// the way is Error denied. `root` itself may be reached by links, but only when it is first used:
/// then it stays that folder. Paths count by their letters: those that begin with `root` and a
/// slash. Linux 5.6 knows openat2; before, reading follows links as ever.
class TERN_API ConfinedFolder {
 public:
  explicit ConfinedFolder(const std::string& root);
  ~ConfinedFolder();
  ConfinedFolder(const ConfinedFolder&) = delete;
  ConfinedFolder& operator=(const ConfinedFolder&) = delete;
};

}  // namespace tern
