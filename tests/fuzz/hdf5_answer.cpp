// SPDX-License-Identifier: Apache-2.0
// Any bytes as what the process that runs libhdf5 says; every tensor lies inside its storage.
#include "../../hub/formats/hdf5_answer.h"

#include <cstring>
#include <string>

#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tern;
  // A mutated header is mostly a problem or a wrong length: it is set right, so that records count.
  std::string list(sizeof(hub::Hdf5Answer), '\0');
  list += as_text(fuzz::input(data, size));
  const uint64_t numbers[] = {1, size > 0 ? data[0] % 4 : uint64_t{1}, size};
  std::memcpy(list.data(), numbers, sizeof numbers);
  return fuzz::answer([&] {
    static const std::string file(256, 'f'), read(128, 'd');
    const auto storage = [](const std::string& bytes) {
      return borrowed_storage(as_bytes(bytes).data(), bytes.size());
    };
    const auto tensors =
        hub::read_hdf5_answer({storage(file), storage(list), storage(read)}, "fuzz.h5");
    for (const auto& tensor : tensors) {
      uint64_t length = bits(tensor.dtype) / 8;
      for (const int64_t dim : tensor.shape) length *= static_cast<uint64_t>(dim);
      if (tensor.begin > tensor.storage->size() || length > tensor.storage->size() - tensor.begin) {
        fuzz::finding("a tensor outside its storage");
      }
    }
  });
}
