// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "../../hub/formats/json.h"
#include "../../hub/formats/safetensors.h"
#include "program.h"

using namespace tern::test;
using ::tern::DType;
using ::tern::hub::Json;
using ::tern::hub::SafetensorsFile;
using ::tern::hub::TensorEntry;

namespace {

::tern::Bytes bytes_of(const SafetensorsFile& file, const TensorEntry& tensor) {
  return {file.storage->data() + tensor.begin, tensor.end - tensor.begin};
}

const TensorEntry& find(const SafetensorsFile& file, const std::string& name) {
  for (const TensorEntry& tensor : file.header.tensors) {
    if (tensor.name == name) return tensor;
  }
  FAIL("no tensor " << name);
  return file.header.tensors.front();
}

/// The inputs of a golden case as a file of their own, int64 ones narrowed to int32 if asked for.
std::string write_inputs(const TemporaryFolder& folder, const SafetensorsFile& golden_file,
                         const std::string& name, bool narrowed = false) {
  const std::string prefix = "case/" + name + "/in/";
  std::vector<::tern::hub::TensorToWrite> tensors;
  std::vector<std::vector<int32_t>> kept;
  for (const TensorEntry& tensor : golden_file.header.tensors) {
    if (!tensor.name.starts_with(prefix)) continue;
    const ::tern::Bytes bytes = bytes_of(golden_file, tensor);
    const std::string input = tensor.name.substr(prefix.size());
    if (narrowed && tensor.dtype == DType::i64) {
      auto& values = kept.emplace_back();
      for (size_t i = 0; i < bytes.size(); i += sizeof(int64_t)) {
        int64_t value;
        std::memcpy(&value, bytes.data() + i, sizeof value);
        values.push_back(static_cast<int32_t>(value));
      }
      tensors.push_back({input, DType::i32, tensor.shape, std::as_bytes(std::span(values))});
    } else {
      tensors.push_back({input, tensor.dtype, tensor.shape, bytes});
    }
  }
  const std::string path = folder / "in.safetensors";
  ::tern::hub::write_safetensors(path, tensors);
  return path;
}

/// Every golden output of the case is there, F32, of that shape, within 3e-5 · max(1,
/// max|expected|).
void check_outputs(const SafetensorsFile& golden_file, const std::string& name,
                   const std::string& outputs_path) {
  const SafetensorsFile outputs = ::tern::hub::open_safetensors(outputs_path);
  const std::string prefix = "case/" + name + "/out/";
  for (const TensorEntry& expected : golden_file.header.tensors) {
    if (!expected.name.starts_with(prefix)) continue;
    const TensorEntry& found = find(outputs, expected.name.substr(prefix.size()));
    CAPTURE(found.name);
    REQUIRE(found.dtype == DType::f32);
    REQUIRE(found.shape == expected.shape);
    std::vector<float> a((expected.end - expected.begin) / sizeof(float)), b(a.size());
    std::memcpy(a.data(), bytes_of(golden_file, expected).data(), a.size() * sizeof(float));
    std::memcpy(b.data(), bytes_of(outputs, found).data(), b.size() * sizeof(float));
    float largest = 1, error = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      largest = std::max(largest, std::abs(a[i]));
      error = std::max(error, std::abs(a[i] - b[i]));
    }
    CHECK(error <= 3e-5f * largest);
  }
}

}  // namespace

TEST_CASE("forward gives the golden outputs, the sentence embedding of a folder with modules too") {
  for (const char* name : {"bert", "minilm"}) {
    const std::string model = golden(name);
    if (model.empty()) return;
    CAPTURE(name);
    const TemporaryFolder folder;
    const auto file = ::tern::hub::open_safetensors(model + "/golden.safetensors");
    const std::string text = read_file(model + "/golden.json");
    const Json cases = Json::parse(text, "golden.json")["cases"];
    for (const Json& test : cases.elements()) {
      const std::string case_name(test["name"].string().value());
      CAPTURE(case_name);
      const std::string outputs = folder / "out.safetensors";
      std::vector<std::string> arguments = {
          "forward",   model,
          "--task",    std::string(test["auto_class"].string().value()),
          "--inputs",  write_inputs(folder, file, case_name),
          "--outputs", outputs,
          "--dtype",   "float32"};
      for (const auto& [key, value] : test["kwargs"].members()) {
        arguments.push_back("--set");
        arguments.push_back(key + "=" + value.dump());
      }
      const Outcome outcome = run_tern(arguments);
      CAPTURE(outcome.err);
      REQUIRE(outcome.exit_code == 0);
      CHECK(outcome.out.empty());
      check_outputs(file, case_name, outputs);
    }
  }
}

TEST_CASE("forward reads int32 inputs as int64 and writes the loading report") {
  const std::string model = golden("minilm");
  if (model.empty()) return;
  const TemporaryFolder folder;
  const auto file = ::tern::hub::open_safetensors(model + "/golden.safetensors");
  const std::string inputs = write_inputs(folder, file, "padded", true);
  const std::string outputs = folder / "out.safetensors", report = folder / "report.json";
  const Outcome outcome = run_tern({"forward", model, "--task", "BertForMaskedLM", "--inputs",
                                    inputs, "--outputs", outputs, "--report", report});
  CAPTURE(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  const Json json = Json::parse(read_file(report), "report");
  CHECK(json["missing_keys"].elements().size() > 0);
  CHECK(json["unexpected_keys"].is_array());
  CHECK(json["mismatched_keys"].elements().empty());
  CHECK(json["dtype"].string() == "float32");
  CHECK(outcome.err.find(json["missing_keys"].elements()[0].string().value()) != std::string::npos);
  CHECK(find(::tern::hub::open_safetensors(outputs), "logits").dtype == DType::f32);
}

TEST_CASE("forward refuses unknown tasks, unknown inputs and values of a wrong type") {
  const std::string model = golden("minilm");
  if (model.empty()) return;
  const TemporaryFolder folder;
  const auto file = ::tern::hub::open_safetensors(model + "/golden.safetensors");
  const std::string inputs = write_inputs(folder, file, "padded");
  const auto run = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"forward", model, "--inputs", inputs, "--outputs", folder / "out"});
    const Outcome outcome = run_tern(more);
    CHECK(outcome.out.empty());
    CHECK_FALSE(exists(folder / "out"));
    return outcome.exit_code;
  };
  CHECK(run({"--task", "AutoModelForNothing"}) != 0);
  CHECK(run({"--load", "ignore_mismatched_sizes=1"}) == 2);
  CHECK(run({"--load", "revision=3"}) == 2);
  CHECK(run({"--load", "variant=\"fp16\""}) == 5);
  CHECK(run({"--set", "nonesuch=true"}) == 2);
  CHECK(run_tern({"forward", model, "--inputs", folder / "none", "--outputs", folder / "out"})
            .exit_code == 3);
  const std::string bad = folder.write("bad.safetensors", "not a tensor file");
  CHECK(run_tern({"forward", model, "--inputs", bad, "--outputs", folder / "out"}).exit_code == 4);
}
