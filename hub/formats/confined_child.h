// SPDX-License-Identifier: Apache-2.0
// Work that may go wrong in any way, done by a forked child: it shares what the parent has mapped
// as shared, has no open file, and may make no system call but those for memory, time and its own
// end (seccomp): it opens, writes and removes no file, sends nothing, starts no process and signals
// none. It ends when its time, its memory, or the calling thread ends. Called by hdf5.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "../../engine/base/storage.h"

namespace tern::hub {

struct ChildLimits {
  uint64_t memory;  // bytes of address space beyond what this process has now
  std::chrono::milliseconds time;
};

/// unconfined: this system (no seccomp, no /proc, another architecture than x86-64 and AArch64)
/// cannot confine it, so the work has not begun. gone: it has ended, but a program that ignores
/// SIGCHLD or waits for any child has taken its status.
enum class ChildEnd { finished, crashed, late, unconfined, gone };

/// Zeroed pages that a child started later writes to and this process reads; taken when touched.
StorageRef shared_pages(size_t size);

/// finished when `work` has returned. Memory that the child changes elsewhere is its own copy.
/// out_of_memory when no process can be made.
ChildEnd run_confined(const std::function<void()>& work, const ChildLimits& limits);

}  // namespace tern::hub
