// SPDX-License-Identifier: Apache-2.0
// A build without libhdf5's headers.
#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "hdf5.h"

namespace tern::hub {

bool reads_hdf5() noexcept {
  return false;
}

std::vector<KerasTensor> open_keras_weights(StorageRef, std::string_view what, const Hdf5Limits&) {
  fail(ErrorCode::unsupported, cat(what, ": this build reads no HDF5 (-Dhdf5=enabled adds it)"));
}

}  // namespace tern::hub
