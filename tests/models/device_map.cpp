// SPDX-License-Identifier: Apache-2.0
// Device maps: the plans of Transformers and Accelerate for 1,500 models and budgets
// (tools/record_device_maps.py), and the texts that users write.
#include "../../models/device_map.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "golden.h"
#include "text/cases.h"

using namespace tern;

namespace {

ModelOutline outline(const hub::Json& recorded) {
  ModelOutline out;
  for (const hub::Json& e : recorded["entries"].elements()) {
    const auto kind = *e.elements()[2].string();
    out.entries.push_back({.name = std::string(*e.elements()[0].string()),
                           .bytes = static_cast<uint64_t>(*e.elements()[1].integer()),
                           .kind = kind == "parameter" ? ModelOutline::Kind::parameter
                                   : kind == "buffer"  ? ModelOutline::Kind::buffer
                                                       : ModelOutline::Kind::module});
  }
  for (const hub::Json& name : recorded["layers"].elements())
    out.layers.emplace_back(*name.string());
  for (const hub::Json& pair : recorded["tied"].elements()) {
    out.tied.emplace_back(*pair.elements()[0].string(), *pair.elements()[1].string());
  }
  return out;
}

std::vector<DeviceMap::Entry> sorted(const DeviceMap& map) {
  std::vector<DeviceMap::Entry> out = map.entries();
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return out;
}

std::string message(const std::string& text) {
  return golden::error_of([&] { parse_memory_size(text); }).second;
}

}  // namespace

TEST_CASE("every recorded plan is Accelerate's") {
  int cases = 0;
  for (const std::string& line : test::lines(
           test::read_maybe_xz(std::string(TERN_TEST_DATA) + "/loading/device_maps.jsonl"))) {
    const hub::Json recorded = hub::Json::parse(line, "device_maps.jsonl");
    const auto placement = placement_from_string(*recorded["placement"].string());
    REQUIRE(placement);
    const DeviceMap map =
        plan_device_map(outline(recorded), parse_max_memory(recorded["memory"]), *placement);
    const DeviceMap expected = DeviceMap::from_json(recorded["map"]);
    ++cases;
    CAPTURE(cases);
    CHECK_MESSAGE(sorted(map) == sorted(expected),
                  map.dump() << " instead of " << expected.dump() << " for " << recorded.dump());
  }
  CHECK(cases == 1500);
}

TEST_CASE("a tensor goes where the nearest module above it goes, and names end at dots") {
  const DeviceMap map = DeviceMap::from_json(hub::Json::parse(
      R"({"": "disk", "model": "cpu", "model.layers.1": 0, "model.layers.1.mlp": "cuda:3"})",
      "map"));
  CHECK(map.of("lm_head.weight").to_string() == "disk");
  CHECK(map.of("model.norm.weight").to_string() == "cpu");
  CHECK(map.of("model.layers.10.mlp.weight").to_string() == "cpu");
  CHECK(map.of("model.layers.1.self_attn.q_proj.weight").to_string() == "0");
  CHECK(map.of("model.layers.1.mlp.up_proj.weight").to_string() == "3");
  CHECK(map.dump() ==
        R"({"": "disk", "model": "cpu", "model.layers.1": 0, "model.layers.1.mlp": 3})");
  CHECK(DeviceMap().of("anything").to_string() == "cpu");
}

TEST_CASE("sizes are read as Accelerate reads them, and nonsense is named") {
  CHECK(parse_memory_size("10GiB") == 10ULL << 30);
  CHECK(parse_memory_size("1.5MiB") == 3 << 19);
  CHECK(parse_memory_size("2kib") == 2048);
  CHECK(parse_memory_size("3GB") == 3000000000);
  CHECK(parse_memory_size("8Gb") == 1000000000);
  CHECK(parse_memory_size("12 MB") == 12000000);
  CHECK(parse_memory_size("4096") == 4096);
  for (const char* bad : {"", "GB", "-1GB", "tenGB", "1e300GB", "10 apples", "nan", "1GBB"}) {
    CAPTURE(bad);
    CHECK(message(bad).find("is no size; expected bytes") != std::string::npos);
  }
  const auto error = [](const char* json) {
    return golden::error_of([&] { parse_max_memory(hub::Json::parse(json, "max_memory")); });
  };
  for (const char* bad :
       {"[]", "{\"gpu0\": 1}", "{\"0\": -4}", "{\"0\": true}", "{\"-1\": 4}", "{\"99999\": 4}"}) {
    CAPTURE(bad);
    CHECK(error(bad).first == ErrorCode::invalid_argument);
  }
  CHECK(golden::error_of([] {
          DeviceMap::from_json(hub::Json::parse("{\"a\": []}", "map"));
        }).second == "device_map: the device of 'a' is []; expected a name or an index");
}
