// SPDX-License-Identifier: Apache-2.0
// tern bench llm: one row for each task, as a table and as JSON lines.
#include <doctest/doctest.h>

#include <filesystem>

#include "../../hub/formats/json.h"
#include "program.h"

using namespace tern::test;
using ::tern::hub::Json;

TEST_CASE(
    "bench llm measures prefill and decode, and says which of them a model is too short for") {
  const std::string model = golden("llama");
  if (model.empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  const TemporaryFolder folder;
  std::filesystem::copy(model + "/model.safetensors", folder / "model.safetensors");
  std::string config = read_file(model + "/config.json");
  const std::string positions = "\"max_position_embeddings\": 128";
  const size_t at = config.find(positions);
  REQUIRE(at != std::string::npos);
  folder.write("config.json",
               config.replace(at, positions.size(), "\"max_position_embeddings\": 600"));

  const Outcome table = run_tern({"bench", "llm", folder / "", "--runs", "1", "--batch", "3"});
  CAPTURE(table.err);
  CHECK(table.exit_code == 0);
  const std::vector<std::string> lines = lines_of(table.out);
  REQUIRE(lines.size() == 8);
  CHECK(lines[0].ends_with("LlamaForCausalLM, float32"));
  CHECK(lines[4].starts_with("    3  prefill  256 "));
  CHECK(lines[5] == "    3  prefill 1024  the model has 600 positions");
  CHECK(lines[7].starts_with("    3  decode   256 "));

  const Outcome rows =
      run_tern({"bench", "llm", folder / "", "--runs", "1", "--batch", "1", "--json"});
  const std::vector<std::string> json = lines_of(rows.out);
  REQUIRE(json.size() == 4);
  CHECK(*Json::parse(json[0], "")["class"].string() == "LlamaForCausalLM");
  const int64_t tokens[] = {256, 64, 256};
  for (size_t i = 1; i < 4; ++i) {
    CAPTURE(json[i]);
    const Json row = Json::parse(json[i], "row");
    CHECK(row["tokens"].integer() == tokens[i - 1]);
    CHECK(row["task"].string() == (i == 1 ? "prefill" : "decode"));
    const double median = row["tokens_per_second"].number().value_or(0);
    CHECK(median > 0);
    CHECK(row["slowest"].number().value_or(1e9) <= median);
    CHECK(row["fastest"].number().value_or(0) >= median);
  }
  const Outcome encoder = run_tern({"bench", "llm", golden("bert")});
  CHECK(encoder.exit_code != 0);
  CHECK(encoder.err.find("does not say is_decoder") != std::string::npos);
}
