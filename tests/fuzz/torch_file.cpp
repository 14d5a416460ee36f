// SPDX-License-Identifier: Apache-2.0
// Any bytes as a PyTorch file of either form; every tensor handed out lies inside its storage, and
// all together are at most four times the file and 1 MiB.
#include "../../hub/formats/torch_file.h"

#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tern;
  return fuzz::answer([&] {
    const Bytes bytes = fuzz::input(data, size);
    const auto file = hub::open_torch_file(borrowed_storage(bytes.data(), size), "fuzz.bin");
    uint64_t total = 0;
    for (const auto& tensor : file.tensors) {
      uint64_t numel = 1, last = 0;
      for (size_t i = tensor.shape.size(); i-- > 0;) {
        const auto dim = static_cast<uint64_t>(tensor.shape[i]);
        const uint64_t stride =
            tensor.strides.empty() ? numel : static_cast<uint64_t>(tensor.strides[i]);
        if (dim > 0) last += (dim - 1) * stride;
        numel *= dim;
      }
      const uint64_t width = bits(tensor.dtype) / 8;
      const uint64_t end = tensor.begin + (numel > 0 ? (last + 1) * width : 0);
      if (end > tensor.storage->size()) fuzz::finding("a tensor outside its storage");
      total += numel * width;
    }
    if (total > 4 * size + (uint64_t{1} << 20)) fuzz::finding("more than four times the file");
  });
}
