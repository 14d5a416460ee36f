// SPDX-License-Identifier: Apache-2.0
// Any bytes as a pickle with the globals of PyTorch; every value that can be reached lies inside.
#include "../../hub/formats/pickle.h"

#include "../../hub/formats/torch_globals.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tern;
  return fuzz::answer([&] {
    const Bytes bytes = fuzz::input(data, size);
    const auto pickle = hub::Pickle::parse({.bytes = bytes,
                                            .offset = 0,
                                            .what = "fuzz.pkl",
                                            .globals = hub::torch_pickle_globals(),
                                            .file_size = size});
    if (pickle.size() > size) fuzz::finding("longer than its bytes");
    const auto look = [&](hub::Pickle::Value value) {
      (void)pickle.integer(value);
      const auto text = pickle.text(value);
      if (text && text->data() + text->size() > as_text(bytes).data() + size) {
        fuzz::finding("a text outside the bytes");
      }
      const auto global = pickle.global(value);
      if (global && *global >= hub::torch_pickle_globals().size()) fuzz::finding("a global");
      return pickle.items(value);
    };
    for (const auto value : look(pickle.root())) {
      for (const auto inner : look(value)) look(inner);
    }
    for (const auto value : pickle.persistents()) {
      fuzz::answer([&] { (void)look(value); });
    }
  });
}
