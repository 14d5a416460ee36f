// SPDX-License-Identifier: Apache-2.0
// Any bytes as a Flax file: MessagePack of any depth and form; every array handed out lies inside
// its storage, under a name of its own.
#include "../../hub/formats/flax.h"

#include <set>

#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tern;
  return fuzz::answer([&] {
    const Bytes bytes = fuzz::input(data, size);
    const auto file = hub::open_flax(borrowed_storage(bytes.data(), size), "fuzz.msgpack");
    std::set<std::string_view> names;
    for (const auto& tensor : file.tensors) {
      if (!names.insert(tensor.name).second) fuzz::finding("a name twice");
      uint64_t numel = 1;
      for (const int64_t dim : tensor.shape) numel *= static_cast<uint64_t>(dim);
      const uint64_t length = numel * bits(tensor.dtype) / 8;
      if (tensor.storage->size() > size) fuzz::finding("more bytes than the file");
      if (tensor.begin > tensor.storage->size() || length > tensor.storage->size() - tensor.begin) {
        fuzz::finding("an array outside its storage");
      }
    }
  });
}
