// SPDX-License-Identifier: Apache-2.0
// The model that the download tests fetch, and what every cache must hold whatever happened to it.
#pragma once

#include <doctest/doctest.h>

#include "../../engine/base/bytes.h"
#include "../../engine/base/format.h"
#include "../../hub/hash.h"
#include "expect_error.h"
#include "hub_env.h"

namespace tern::test {

inline const std::string kModel = "org/name";
inline const std::string kSnapshot =
    "models--org--name/snapshots/0123456789abcdef0123456789abcdef01234567/";

/// Texts, a large file of `size` bytes, and files that nobody needs.
inline FakeHub::Model small_model(size_t size = 300'000, unsigned seed = 1) {
  FakeHub::Model model;
  model.files["config.json"] = {.content = "{\"model_type\":\"bert\"}"};
  model.files["tokenizer.json"] = {.content = "{\"version\":\"1.0\"}"};
  model.files["empty.txt"] = {.content = ""};
  model.files["model.safetensors"] = {.content = random_bytes(size, seed), .large = true};
  model.files["pytorch_model.bin"] = {.content = random_bytes(500, 2), .large = true};
  model.files["onnx/model.onnx"] = {.content = random_bytes(500, 3), .large = true};
  model.files["README.md"] = {.content = "words"};
  return model;
}

inline std::string hash_of(std::string_view content, size_t digits) {
  hub::Hasher hasher(digits == 64 ? hub::HashKind::sha256 : hub::HashKind::git_sha1,
                     content.size());
  hasher.update(as_bytes(content));
  return hasher.finish();
}

/// Every visible blob has the hash that is its name; every file of a snapshot is a link to one, or
/// its copy. True when no unfinished file is left either.
inline bool check_cache(const std::filesystem::path& cache) {
  bool tidy = true;
  const auto files = tree(cache);
  for (const auto& file : files) {
    const auto& name = file.first;  // clang 14 takes no structured binding into CAPTURE's lambda
    const auto& content = file.second;
    CAPTURE(name);
    const std::string leaf = name.substr(name.rfind('/') + 1);
    if (name.find("/blobs/") != std::string::npos) {
      if (leaf.ends_with(".incomplete")) {
        tidy = false;
      } else {
        CHECK(leaf == hash_of(content, leaf.size()));
      }
    }
    if (name.find("/snapshots/") == std::string::npos) continue;
    if (content.starts_with("-> ")) {
      CHECK(content.starts_with("-> ../"));
      CHECK(std::filesystem::exists(cache / name));
      continue;
    }
    const std::string blobs = name.substr(0, name.find("/snapshots/")) + "/blobs/";
    const bool copied = files.count(blobs + hash_of(content, 64)) == 1 ||
                        files.count(blobs + hash_of(content, 40)) == 1;
    CHECK(copied);  // where links cannot be made
  }
  return tidy;
}

}  // namespace tern::test
