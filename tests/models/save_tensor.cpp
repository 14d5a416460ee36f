// SPDX-License-Identifier: Apache-2.0
// One tensor into a file: strided ones are read from their mapping once, and keep every bit.
#include "../../models/save_tensor.h"

#include <doctest/doctest.h>

#include <array>

#include "../../engine/base/env.h"
#include "golden.h"

using namespace tern;

namespace {

/// Adds up what is asked to be read in.
struct CountingEnv : Env {
  CountingEnv() { set_env(this); }
  ~CountingEnv() override { set_env(nullptr); }
  size_t populated = 0;
  bool populate(const std::byte* data, size_t size) noexcept override {
    populated += size;
    return Env::populate(data, size);
  }
};

}  // namespace

TEST_CASE("a strided tensor is saved dense, and read once however large it is") {
  const std::string folder = golden::scratch_folder("save-tensor");
  constexpr int64_t kSide = 2000;
  std::string bytes(kSide * kSide * sizeof(double), '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
  golden::write(folder + "/file", bytes);
  const StorageRef storage = map_storage(folder + "/file", false);
  const std::array<int64_t, 2> strides = {1, kSide};
  const Tensor view(storage, DType::f64, {kSide, kSide}, strides, 0);

  CountingEnv env;
  hub::FolderWriter out(folder + "/saved");
  hub::FolderWriter::File file = out.begin("tensor");
  append_tensor({.name = "x", .tensor = view}, DType::f64, thread_context(), file);
  file.finish(bytes.size());
  out.publish();
  CHECK(env.populated <= bytes.size());
  const std::string saved = golden::read(folder + "/saved/tensor");
  const Tensor dense = view.clone();
  CHECK(saved == as_text({dense.raw(), dense.bytes()}));
}
