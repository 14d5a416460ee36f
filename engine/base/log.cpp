// SPDX-License-Identifier: Apache-2.0
#include "log.h"

#include <memory>
#include <mutex>

namespace tern {

namespace {

template <class Callback>
class Slot {
 public:
  void set(Callback callback) {
    auto next = callback ? std::make_shared<Callback>(std::move(callback)) : nullptr;
    const std::lock_guard lock(mutex_);
    callback_ = std::move(next);
  }
  std::shared_ptr<Callback> get() {
    const std::lock_guard lock(mutex_);
    return callback_;
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<Callback> callback_;
};

// Leaked on purpose: threads may still log while static objects are being destroyed.
Slot<LogCallback>& log_slot() {
  static auto* slot = new Slot<LogCallback>;
  return *slot;
}
Slot<ProgressCallback>& progress_slot() {
  static auto* slot = new Slot<ProgressCallback>;
  return *slot;
}

}  // namespace

void set_log_callback(LogCallback callback) { log_slot().set(std::move(callback)); }
void set_progress_callback(ProgressCallback callback) { progress_slot().set(std::move(callback)); }

void log(LogLevel level, std::string_view message) {
  if (const auto callback = log_slot().get()) (*callback)(level, message);
}

void progress(std::string_view stage, uint64_t done, uint64_t total) {
  if (const auto callback = progress_slot().get()) (*callback)(stage, done, total);
}

}  // namespace tern
