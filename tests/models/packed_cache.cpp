// SPDX-License-Identifier: Apache-2.0
// Quantised weights kept between loads: the same bits, without the weights, and never other ones.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "../../engine/base/log.h"
#include "../../kernels/isa.h"
#include "packed_model.h"

using namespace tern;
using golden::same_bits;
using test::CacheEnv;
using test::kModels;
using test::PackedModel;
namespace fs = std::filesystem;

namespace {

/// Warnings while it lives.
struct Warnings {
  Warnings() {
    set_log_callback([this](LogLevel level, std::string_view text) {
      if (level == LogLevel::warning) texts.emplace_back(text);
    });
  }
  ~Warnings() { set_log_callback({}); }
  std::vector<std::string> texts;
};

}  // namespace

TEST_CASE("a second load is the first bit for bit, and reads no weight that was packed") {
  for (const auto& kind : kModels) {
    for (const char* format : {"int8", "int4", "float32", "bfloat16", "float16"}) {
      CAPTURE(std::string(kind.second));
      CAPTURE(format);
      CacheEnv env;
      const PackedModel model(kind.first, kind.second);
      LoadOptions without, with;
      for (LoadOptions* options : {&without, &with}) {
        (std::string(format).starts_with("int") ? options->quantize : options->dtype) = format;
        options->packed_cache = options == &with;
      }
      const Tensor expected = model.run(without);
      CHECK(env.entries().empty());
      CHECK(same_bits(model.run(with), expected));
      REQUIRE(env.entries().size() == 1);
      // What is written now is seen by whoever reads it, for the file's times stay.
      env.freeze(model.weights());
      CHECK(model.spoil_matrices() > 4);
      CHECK(!same_bits(model.run(without), expected));
      CHECK(same_bits(model.run(with), expected));
    }
  }
}

TEST_CASE("all classes of one checkpoint share one file, and one that needs more adds to it") {
  CacheEnv env;
  const PackedModel model("AutoModelForCausalLM", kModels[1].second);
  model.run({.quantize = "int8"}, "AutoModel");
  REQUIRE(env.entries().size() == 1);
  const auto size = fs::file_size(env.entries()[0]);
  const Tensor logits = model.run({.quantize = "int8"});
  CHECK(env.entries().size() == 1);
  const auto more = fs::file_size(env.entries()[0]);
  CHECK(more > size);
  model.run({.quantize = "int8"}, "AutoModel");
  CHECK(same_bits(model.run({.quantize = "int8"}), logits));
  CHECK(fs::file_size(env.entries()[0]) == more);
}

TEST_CASE("another format, another instruction set and other content are other files") {
  CacheEnv env;
  const PackedModel model("AutoModel", kModels[0].second);
  size_t known = 0;
  const auto check_new = [&](const LoadOptions& options) {
    LoadOptions without = options;
    without.packed_cache = false;
    const Tensor expected = model.run(without);
    for (int start = 0; start < 2; ++start) CHECK(same_bits(model.run(options), expected));
    CHECK(env.entries().size() == ++known);
  };
  check_new({.quantize = "int8"});
  check_new({.quantize = "int4"});
  for (const char* dtype : {"float32", "bfloat16", "float16"}) {
    check_new({.dtype = dtype, .packed_cache = true});
  }
  if (kernels::isa() != kernels::Isa::generic) {
    const kernels::Isa best = kernels::isa();
    kernels::force_isa(kernels::Isa::generic);
    check_new({.quantize = "int8"});
    kernels::force_isa(best);
  }
  const auto size = fs::file_size(model.weights());
  model.spoil_matrices();  // the same name, inode and size
  CHECK(fs::file_size(model.weights()) == size);
  check_new({.quantize = "int8"});
}

TEST_CASE("a copy of a checkpoint finds what the original left, in shards too") {
  CacheEnv env;
  const PackedModel model("AutoModel", kModels[0].second, "100KB");
  const Tensor expected = model.run({.quantize = "int8"});
  const auto entries = env.entries();
  REQUIRE(entries.size() == 1);
  const std::string inside = golden::read(entries[0]);
  fs::copy(model.folder(), model.folder() + "-copy");
  fs::remove_all(model.folder());
  fs::rename(model.folder() + "-copy", model.folder());
  CHECK(same_bits(model.run({.quantize = "int8"}), expected));
  CHECK(env.entries() == entries);
}

TEST_CASE("above the limit the least recently used files go, and never the one just written") {
  CacheEnv env;
  const auto made = [&](uint64_t seed) {
    const std::vector<std::string> before = env.entries();
    const PackedModel model("AutoModel", kModels[0].second, "1GB", seed);
    model.run({.quantize = "int8"});
    test::pass_time();
    for (const std::string& entry : env.entries()) {
      if (std::find(before.begin(), before.end(), entry) == before.end()) return entry;
    }
    return std::string();
  };
  const std::string first = made(0), second = made(1);
  const auto size = fs::file_size(first);
  CHECK(made(0).empty());  // used again
  env.variables["TERN_PACKED_CACHE_LIMIT"] = std::to_string(2 * size + size / 2);
  const std::string third = made(2);
  CHECK(fs::exists(first));
  CHECK(!fs::exists(second));
  env.variables["TERN_PACKED_CACHE_LIMIT"] = "1KB";
  const std::string fourth = made(3);
  CHECK(env.entries() == std::vector{fourth});
  env.variables["TERN_PACKED_CACHE_LIMIT"] = "much";
  const Warnings warnings;
  CHECK(made(4).empty());
  REQUIRE(warnings.texts.size() == 1);
  CHECK(warnings.texts[0].find("TERN_PACKED_CACHE_LIMIT: 'much' is no size") != std::string::npos);
}

TEST_CASE("a damaged file is named in one warning and made anew") {
  CacheEnv env;
  const PackedModel model("AutoModel", kModels[0].second);
  const Tensor expected = model.run({.quantize = "int8"});
  const std::string entry = env.entries().at(0), whole = golden::read(entry);
  const std::string renamed = [&] {
    std::string text = whole;
    for (size_t at; (at = text.find("stacked 0+")) != std::string::npos;) text[at] = 'S';
    return text;
  }();
  for (const std::string& content :
       {std::string(), std::string("garbage"), whole.substr(0, 100),
        whole.substr(0, whole.size() - 1), whole + "x", std::string(whole.size(), '\xff')}) {
    golden::write(entry, content);
    const Warnings warnings;
    CHECK(same_bits(model.run({.quantize = "int8"}), expected));
    REQUIRE(warnings.texts.size() == 1);
    CHECK(warnings.texts[0].find(entry) != std::string::npos);
    CHECK(golden::read(entry) == whole);
  }
  golden::write(entry, renamed);
  CHECK(same_bits(model.run({.quantize = "int8"}), expected));
  CHECK(golden::read(entry) != renamed);
}

TEST_CASE("runs of another size are not taken for panels") {
  CacheEnv env;
  const PackedModel model("AutoModel", kModels[0].second);
  const Tensor expected = model.run({.quantize = "int8"});
  const std::string entry = env.entries().at(0), whole = golden::read(entry);
  std::vector<hub::TensorToWrite> runs;
  const hub::SafetensorsFile opened = hub::open_safetensors(golden::storage_of(whole), "whole");
  for (const hub::TensorEntry& run : opened.header.tensors) {
    runs.push_back({run.name, DType::u8, {64}, {opened.storage->data() + run.begin, 64}});
  }
  hub::write_safetensors(entry, runs);
  CHECK(same_bits(model.run({.quantize = "int8"}), expected));
  CHECK(golden::read(entry) == whole);
}

TEST_CASE("a missing weight is reported and made up each time, and the rest is kept") {
  CacheEnv env;
  const PackedModel model("AutoModel", kModels[0].second);
  const std::string renamed = "encoder.layer.0.intermediate.dense.weigHt";
  model.replace_in_header("encoder.layer.0.intermediate.dense.weight", renamed);
  std::vector<LoadingReport> reports;
  for (const bool cache : {false, true, true}) {
    const PretrainedModel loaded = model.load({.quantize = "int8", .packed_cache = cache});
    reports.push_back(loaded->loading_report());
    CHECK(reports.back().missing_keys ==
          std::vector<std::string>{"encoder.layer.0.intermediate.dense.weight"});
    CHECK(reports.back().unexpected_keys == std::vector<std::string>{renamed});
  }
  CHECK(golden::read(env.entries().at(0)).find("stacked") != std::string::npos);
}

TEST_CASE("nothing is kept when it is switched off, and floats only where it is asked for") {
  CacheEnv env;
  const PackedModel model("AutoModel", kModels[0].second);
  model.run({.quantize = "int8", .packed_cache = false});
  model.run({});
  env.variables["TERN_PACKED_CACHE"] = "off";
  model.run({.quantize = "int8"});
  CHECK(!fs::exists(env.folder()));
  env.variables.erase("TERN_PACKED_CACHE");
  model.run({.quantize = "int8"});
  CHECK(env.entries().size() == 1);
  CHECK((fs::status(env.folder()).permissions() & fs::perms::all) == fs::perms::owner_all);
}

TEST_CASE("a file that changed a moment ago leaves nothing") {
  CacheEnv env;
  const PackedModel model("AutoModel", kModels[0].second);
  env.clock_offset = 0;
  fs::last_write_time(model.weights(), fs::file_time_type::clock::now());
  model.run({.quantize = "int8"});
  CHECK(env.entries().empty());
  env.clock_offset = CacheEnv::kHour;
  model.run({.quantize = "int8"});
  CHECK(env.entries().size() == 1);
}

TEST_CASE(
    "a file that is written to while it is loaded, at whatever moment, leaves nothing wrong") {
  const LoadOptions without = {.quantize = "int8", .packed_cache = false};
  int moments = 0;
  for (bool more = true; more; moments += more) {
    CAPTURE(moments);
    CacheEnv env;
    const PackedModel model("AutoModel", kModels[0].second);
    const std::string original = golden::read(model.weights());
    const Tensor expected = model.run(without);
    env.moment = moments;
    env.at_moment = [&] { model.spoil_matrices(); };
    model.run({.quantize = "int8"});
    more = env.reached();
    env.at_moment = {};
    CHECK(same_bits(model.run({.quantize = "int8"}), model.run(without)));
    test::pass_time();
    golden::write(model.weights(), original);
    CHECK(same_bits(model.run({.quantize = "int8"}), expected));
  }
  MESSAGE(moments << " moments");
  CHECK(moments > 20);
}

TEST_CASE("a file that is replaced while it is loaded gives the old model or the new one") {
  CacheEnv env;
  const PackedModel one("AutoModel", kModels[0].second);
  const PackedModel other("AutoModel", kModels[0].second, "1GB", 1);
  const Tensor old_result = one.run({.quantize = "int8"}), result = other.run({.quantize = "int8"});
  CHECK(env.entries().size() == 2);
  const std::string coming = one.folder() + "/coming", back = one.folder() + "/back";
  // The first load hashes the file, for its name is new to the times; the second knows the hash.
  int moments = 0;
  for (const bool knows : {false, true}) {
    const int before = moments;
    for (bool more = true; more; moments += more) {
      CAPTURE(moments);
      test::pass_time();
      fs::copy(one.weights(), back);
      fs::copy(other.weights(), coming);
      if (knows) one.run({.quantize = "int8"});
      env.moment = moments - before;
      env.at_moment = [&] { fs::rename(coming, one.weights()); };
      const Tensor got = one.run({.quantize = "int8"});
      more = env.reached();
      env.at_moment = {};
      CHECK((same_bits(got, old_result) || same_bits(got, result)));
      fs::remove(coming);
      fs::rename(back, one.weights());
    }
  }
  MESSAGE(moments << " moments");
  CHECK(moments > 10);
}
