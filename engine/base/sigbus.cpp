// SPDX-License-Identifier: Apache-2.0
// Live mappings stand in chunks of fixed slots that are never freed, so that the signal handler may
// walk them at any moment. A slot's `begin` is written last and cleared first: a handler that finds
// its fault address inside a slot reads a finished one, because that mapping is live.
#include "sigbus.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <new>

namespace tern {

namespace {

struct Slot {
  std::atomic<uintptr_t> begin{0};  // 0: free
  std::atomic<uintptr_t> end{0};
  char path[240] = {};
};

struct Chunk {
  Slot slots[64];
  Chunk* next = nullptr;
};

std::atomic<Chunk*> g_chunks{nullptr};
std::atomic<int> g_status{6};
std::atomic<SigbusCallback> g_callback{nullptr};
struct sigaction g_previous;
static_assert(std::atomic<uintptr_t>::is_always_lock_free);
static_assert(std::atomic<SigbusCallback>::is_always_lock_free);

std::mutex& table_mutex() {
  static auto* mutex = new std::mutex;  // mappings may outlive static objects
  return *mutex;
}

const Slot* find(uintptr_t address) noexcept {
  for (const Chunk* c = g_chunks.load(std::memory_order_acquire); c; c = c->next) {
    for (const Slot& slot : c->slots) {
      const uintptr_t begin = slot.begin.load(std::memory_order_acquire);
      if (begin && begin <= address && address < slot.end.load(std::memory_order_relaxed)) {
        return &slot;
      }
    }
  }
  return nullptr;
}

void say(const char* text) noexcept {
  size_t left = std::strlen(text);
  while (left > 0) {
    const ssize_t written = write(STDERR_FILENO, text, left);
    if (written <= 0) return;
    text += written;
    left -= static_cast<size_t>(written);
  }
}

extern "C" void handle_sigbus(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const bool fault = info->si_code > 0;  // not sent by kill or raise
  const Slot* slot = fault ? find(reinterpret_cast<uintptr_t>(info->si_addr)) : nullptr;
  if (slot) {
    if (const SigbusCallback callback = g_callback.load()) {
      callback(slot->path);
    } else {
      say(slot->path);
      say(": the file was truncated, or its disk failed, while it was in use\n");
    }
    _exit(g_status.load());
  }
  // Not ours: the access is repeated, or the signal sent again, under the previous handler.
  sigaction(SIGBUS, &g_previous, nullptr);
  if (!fault) raise(SIGBUS);
}

/// A free slot; call with the table locked. nullptr when there is no memory for a new chunk.
Slot* free_slot() noexcept {
  for (Chunk* c = g_chunks.load(std::memory_order_relaxed); c; c = c->next) {
    for (Slot& slot : c->slots) {
      if (!slot.begin.load(std::memory_order_relaxed)) return &slot;
    }
  }
  auto* chunk = new (std::nothrow) Chunk;
  if (!chunk) return nullptr;
  chunk->next = g_chunks.load(std::memory_order_relaxed);
  g_chunks.store(chunk, std::memory_order_release);
  return &chunk->slots[0];
}

}  // namespace

void install_sigbus_guard(int status, SigbusCallback callback) {
  static std::once_flag once;
  g_status.store(status);
  g_callback.store(callback);
  std::call_once(once, [] {
    struct sigaction action = {};
    action.sa_sigaction = handle_sigbus;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, nullptr, &g_previous);  // before ours can run
    sigaction(SIGBUS, &action, nullptr);
  });
}

void guard_mapping(const std::byte* data, size_t size, const char* path) noexcept {
  const std::lock_guard lock(table_mutex());
  Slot* slot = free_slot();
  if (!slot) return;
  // Of a long path the end says most.
  const size_t length = std::strlen(path);
  const size_t skip = length < sizeof slot->path ? 0 : length + 1 - sizeof slot->path;
  std::memcpy(slot->path, path + skip, length - skip + 1);
  const auto begin = reinterpret_cast<uintptr_t>(data);
  slot->end.store(begin + size, std::memory_order_relaxed);
  slot->begin.store(begin, std::memory_order_release);
}

void unguard_mapping(const std::byte* data) noexcept {
  const std::lock_guard lock(table_mutex());
  for (Chunk* c = g_chunks.load(std::memory_order_relaxed); c; c = c->next) {
    for (Slot& slot : c->slots) {
      if (slot.begin.load(std::memory_order_relaxed) == reinterpret_cast<uintptr_t>(data)) {
        slot.begin.store(0, std::memory_order_relaxed);
        return;
      }
    }
  }
}

}  // namespace tern
