// SPDX-License-Identifier: Apache-2.0
#include "hdf5.h"

#include <algorithm>
#include <utility>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "confined_child.h"
#include "hdf5_answer.h"
#include "hdf5_library.h"
#include "safetensors_header.h"

namespace tern::hub {

namespace {

constexpr std::string_view kMagic = "\x89HDF\r\n\x1A\n";
constexpr uint64_t kMega = uint64_t{1} << 20;

[[noreturn]] void reject(std::string_view what, std::string_view problem) {
  fail(ErrorCode::corrupt, cat(what, ": ", problem));
}

/// The signature stands at byte 0, 512, 1024, 2048, …: behind a block of the user's own.
bool has_signature(Bytes file) {
  for (size_t at = 0; at + kMagic.size() <= file.size(); at = at == 0 ? 512 : 2 * at) {
    if (as_text(file.subspan(at, kMagic.size())) == kMagic) return true;
  }
  return false;
}

/// The child's two areas.
struct Shared {
  StorageRef list, data;
};

Shared ask_child(const Storage& file, std::string_view what, const Hdf5Limits& limits) {
  const uint64_t size = file.size();
  const Shared shared = {shared_pages(sizeof(Hdf5Answer) + size + kMega),
                         shared_pages(4 * size + kMega)};
  const ChildLimits child = {
      64 * kMega + 4 * size,
      limits.time.count() ? limits.time : std::chrono::milliseconds(20'000 + size / (20 * 1000))};
  const auto area = [](const StorageRef& storage) {
    return std::span(storage->data(), storage->size());
  };
  const ChildEnd end = run_confined(
      [&] {
        list_keras_weights({file.data(), file.size()}, area(shared.list), area(shared.data));
      },
      child);
  if (end == ChildEnd::late) {
    fail(ErrorCode::deadline, cat(what, ": libhdf5 has not read it within ", child.time.count(),
                                  " ms: a damaged file?"));
  }
  if (end == ChildEnd::unconfined) {
    fail(ErrorCode::unsupported,
         cat(what,
             ": not read: libhdf5 is only let at it in a process that can do nothing else, and "
             "this system makes none (it needs seccomp and /proc); save the model as safetensors "
             "on one that does"));
  }
  if (end == ChildEnd::crashed) {
    reject(what, "libhdf5 crashed on it (in a process of its own): a damaged file?");
  }
  return shared;
}

}  // namespace

bool reads_hdf5() noexcept {
  return true;
}

std::vector<KerasTensor> open_keras_weights(StorageRef storage, std::string_view what,
                                            const Hdf5Limits& limits) {
  const Bytes file = {storage->data(), storage->size()};
  if (!has_signature(file)) {
    reject(what,
           cat("no HDF5 file: ", likely_content(file.first(std::min<size_t>(file.size(), 512)))));
  }
  load_hdf5();
  const Shared shared = ask_child(*storage, what, limits);
  return read_hdf5_answer({std::move(storage), shared.list, shared.data}, what);
}

}  // namespace tern::hub
