// SPDX-License-Identifier: Apache-2.0
// The embeddings of encoder–decoders: under which names they are found, which are one table and
// which are not, and that all of them are saved.
#include <doctest/doctest.h>

#include <functional>
#include <map>

#include "../../engine/base/log.h"
#include "../../hub/formats/safetensors.h"
#include "../../models/blocks/seq2seq_model.h"
#include "golden.h"

using namespace tern;

namespace {

using Tensors = std::map<std::string, Tensor>;

std::string recorded(const std::string& name) {
  return std::string(TERN_TEST_DATA) + "/seq2seq/" + name;
}

/// A folder with a recorded model whose tensors `change` has changed.
std::string changed(const std::string& name, const std::function<void(Tensors&)>& change) {
  const std::string folder = golden::scratch_folder("tables");
  Tensors tensors = golden::tensors(recorded(name) + "/model.safetensors");
  change(tensors);
  std::vector<hub::TensorToWrite> all;
  for (const auto& [key, x] : tensors) {
    all.push_back({key, x.dtype(), {x.shape().dims().begin(), x.shape().dims().end()}, {}});
    all.back().bytes = {x.raw(), x.bytes()};
  }
  hub::write_safetensors(folder + "/model.safetensors", all);
  golden::write(folder + "/config.json", golden::read(recorded(name) + "/config.json"));
  return folder;
}

void rename(Tensors& tensors, const std::string& from, const std::string& to) {
  auto node = tensors.extract(from);
  REQUIRE(!node.empty());
  node.key() = to;
  tensors.insert(std::move(node));
}

Tensor times(const Tensor& x, float factor) {
  Tensor out = x.clone();
  for (int64_t i = 0; i < out.numel(); ++i) out.data<float>()[i] *= factor;
  return out;
}

struct Loaded {
  PretrainedModel model;
  std::vector<std::string> warnings;
};

Loaded load(const std::string& folder, const char* overrides = "{}",
            const char* task = "AutoModelForSeq2SeqLM") {
  Loaded out;
  set_log_callback([&](LogLevel, std::string_view text) { out.warnings.emplace_back(text); });
  out.model = load_model(
      task, hub::Repo::open(folder),
      {.dtype = "float32", .config_overrides = hub::Json::parse(overrides, "overrides")});
  set_log_callback(nullptr);
  return out;
}

Tensor logits(const PretrainedModel& model) {
  const auto ids = [](std::vector<int64_t> values) {
    return Tensor::from<int64_t>(values, {1, static_cast<int64_t>(values.size())});
  };
  return model({{"input_ids", ids({9, 17, 31, 5, 40, 22})},
                {"decoder_input_ids", ids({0, 11, 12})}})["logits"];
}

/// Saved and loaded again it gives the same bits.
Tensors saved(const PretrainedModel& model) {
  const std::string folder = golden::scratch_folder("tables-saved");
  model.save_pretrained(folder);
  const Loaded again = load(folder);
  CHECK(again.model->loading_report().clean());
  CHECK(golden::same_bits(logits(again.model), logits(model)));
  return golden::tensors(folder + "/model.safetensors");
}

}  // namespace

TEST_CASE("embeddings that both halves share are found under any of their names") {
  struct Row {
    const char *model, *from, *to;
  };
  const Row rows[] = {{"t5", "shared.weight", "encoder.embed_tokens.weight"},
                      {"t5", "shared.weight", "decoder.embed_tokens.weight"},
                      {"t5", "shared.weight", "lm_head.weight"},
                      {"bart", "model.shared.weight", "model.encoder.embed_tokens.weight"},
                      {"bart", "model.shared.weight", "model.decoder.embed_tokens.weight"}};
  for (const Row& row : rows) {
    CAPTURE(row.to);
    const Loaded named =
        load(changed(row.model, [&](Tensors& all) { rename(all, row.from, row.to); }));
    CHECK(named.model->loading_report().clean());
    CHECK(named.warnings.empty());
    CHECK(golden::same_bits(logits(named.model), logits(load(recorded(row.model)).model)));
    CHECK(saved(named.model).contains(row.from));
  }
  const Loaded nowhere =
      load(changed("t5", [](Tensors& all) { rename(all, "shared.weight", "other"); }));
  CHECK(nowhere.model->loading_report().missing_keys == std::vector<std::string>{"shared.weight"});
}

TEST_CASE("T5's lm_head is a parameter of its own where the config does not tie it") {
  const char* untied = R"({"tie_word_embeddings": false})";
  const std::string folder =
      changed("t5", [](Tensors& all) { all["lm_head.weight"] = times(all["shared.weight"], 2); });
  const Loaded model = load(folder, untied);
  CHECK(model.model->loading_report().clean());
  CHECK(model.warnings.empty());
  const Tensor expected = times(logits(load(recorded("t5"), untied).model), 2);
  CHECK(golden::same_bits(logits(model.model), expected));
  const Tensors tensors = saved(model.model),
                given = golden::tensors(folder + "/model.safetensors");
  for (const char* name : {"shared.weight", "lm_head.weight"}) {
    CAPTURE(name);
    REQUIRE(tensors.contains(name));
    CHECK(golden::same_bits(tensors.at(name), given.at(name)));
  }
  const Loaded tied = load(folder);
  REQUIRE(tied.warnings.size() == 1);
  CHECK(tied.warnings[0].starts_with("the config ties 'shared.weight' and 'lm_head.weight'"));
}

TEST_CASE("halves with different embeddings, and none that they share, keep both when saved") {
  for (const std::string name : {"t5", "bart"}) {
    CAPTURE(name);
    const std::string scope = name == "bart" ? "model." : "";
    const std::string encoder = scope + "encoder.embed_tokens.weight",
                      decoder = scope + "decoder.embed_tokens.weight";
    const Loaded model = load(changed(name, [&](Tensors& all) {
      rename(all, scope + "shared.weight", encoder);
      all[decoder] = times(all[encoder], 0.5F);
    }));
    CHECK(model.model->loading_report().clean());
    const Loaded same = load(recorded(name));
    CHECK_FALSE(golden::same_bits(logits(model.model), logits(same.model)));
    const Tensors tensors = saved(model.model);
    REQUIRE(tensors.contains(decoder));
    const Tensor& shared = tensors.at(scope + "shared.weight");
    CHECK(golden::same_bits(tensors.at(decoder), times(shared, 0.5F)));
  }
}

TEST_CASE("a table that halves and head share is converted once") {
  const Checkpoint checkpoint = Checkpoint::open(hub::Repo::open(changed("t5", [](Tensors& all) {
    const Tensor x = all["shared.weight"];
    Tensor wide = Tensor::empty(DType::f64, x.shape());
    for (int64_t i = 0; i < x.numel(); ++i) {
      wide.data<double>()[i] = double{x.data<float>()[i]};
    }
    all["shared.weight"] = wide;
  })));
  const Weights w(checkpoint, {});
  const Shape shape = {48, 16};
  std::vector<const std::byte*> found;
  for (const char* own : {"encoder.embed_tokens", "decoder.embed_tokens", "lm_head"}) {
    const Tensor table = take_shared(
        w, own, {"shared", "encoder.embed_tokens", "decoder.embed_tokens", "lm_head"}, shape);
    CHECK(table.dtype() == DType::f32);
    found.push_back(table.raw());
  }
  CHECK(found[1] == found[0]);
  CHECK(found[2] == found[0]);
  CHECK(w.parameters().size() == 1);
}

TEST_CASE("a decoder-only BART keeps the attention to an encoder that it never runs") {
  const PretrainedModel model = load(recorded("bart-causal"), "{}", "AutoModelForCausalLM").model;
  CHECK(model->loading_report().clean());
  const std::string folder = golden::scratch_folder("tables-saved");
  model.save_pretrained(folder);
  const Tensors tensors = golden::tensors(folder + "/model.safetensors");
  for (const auto& given : golden::tensors(recorded("bart-causal") + "/model.safetensors")) {
    if (given.first.find("encoder_attn.") == std::string::npos) continue;
    INFO(given.first);
    REQUIRE(tensors.contains(given.first));
    CHECK(golden::same_bits(tensors.at(given.first), given.second));
  }
}
