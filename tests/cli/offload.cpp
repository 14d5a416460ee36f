// SPDX-License-Identifier: Apache-2.0
// Modules on disk by the program.
#include <doctest/doctest.h>

#include "../../models/tern.h"
#include "program.h"

using namespace tern;
using namespace tern::test;

TEST_CASE("device_map and max_memory are arguments of --load, and change no token") {
  const TemporaryFolder folder;
  const std::string model = folder / "model";
  const Config config(hub::Json::parse(R"({"model_type": "llama", "vocab_size": 500,
      "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3,
      "num_attention_heads": 4, "eos_token_id": 499})",
                                       "config"),
                      "config");
  AutoModelForCausalLM::from_config(config).save_pretrained(model);
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {
        "generate", model, "--ids", "1,2,3", "--max-new-tokens", "3", "--greedy", "--threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Outcome outcome = run_tern(arguments);
    CAPTURE(outcome.err);
    CHECK(outcome.exit_code == 0);
    return outcome;
  };
  const Outcome memory = run({});
  const Outcome disk = run({"--load", "device_map=\"disk\""});
  const Outcome half =
      run({"--load", "device_map=\"auto\"", "--load", R"(max_memory={"cpu": "600KB"})"});
  CHECK(disk.out == memory.out);
  CHECK(half.out == memory.out);
}
