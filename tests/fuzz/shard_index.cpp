// SPDX-License-Identifier: Apache-2.0
// parse_shard_index of any bytes; no accepted shard may lie outside the folder.
#include "../../hub/formats/safetensors.h"
#include "../../hub/repo.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tern;
  return fuzz::answer([&] {
    for (const auto& [tensor, shard] :
         hub::parse_shard_index(as_text(fuzz::input(data, size)), "fuzz.index.json")) {
      if (shard.empty() || shard[0] == '/') fuzz::finding("an absolute shard");
      if (("/" + shard + "/").find("/../") != std::string::npos) fuzz::finding("a climbing shard");
    }
  });
}
