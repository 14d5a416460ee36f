// SPDX-License-Identifier: Apache-2.0
// PastKeyValues: a call that goes on from an earlier one gives the bits of a call that does not,
// and computes only what is new.
#include <doctest/doctest.h>

#include <stdexcept>

#include "../../engine/base/format.h"
#include "../../models/generate/generate.h"
#include "../../models/generate/stepper.h"
#include "golden.h"

using namespace tern;
using hub::Json;

namespace {

using Row = std::vector<int64_t>;

struct Loaded {
  PretrainedModel model;
  GenerationConfig config;
  explicit Loaded(const std::string& name)
      : model(load_model("AutoModelForCausalLM", hub::Repo::open(golden::root() + "/" + name),
                         {.dtype = "float32"})) {
    config = config.with(Json::parse(
        R"({"max_new_tokens": 12, "pad_token_id": 1, "output_logits": true})", "arguments"));
  }
};

/// Rows as a batch, shorter ones padded on the left.
NamedTensors batch(const std::vector<Row>& rows) {
  size_t length = 0;
  for (const Row& row : rows) length = std::max(length, row.size());
  Row ids, mask;
  for (const Row& row : rows) {
    ids.resize(ids.size() + length - row.size());
    mask.resize(ids.size());
    ids.insert(ids.end(), row.begin(), row.end());
    mask.resize(ids.size(), 1);
  }
  const Shape shape{static_cast<int64_t>(rows.size()), static_cast<int64_t>(length)};
  return {{"input_ids", Tensor::from<int64_t>(ids, shape)},
          {"attention_mask", Tensor::from<int64_t>(mask, shape)}};
}

NamedTensors run(const Loaded& loaded, const std::vector<Row>& rows,
                 const GenerateHooks& hooks = {}) {
  Context ctx;
  return generate(ctx, *loaded.model, batch(rows), loaded.config, hooks);
}

void check_same(const NamedTensors& got, const NamedTensors& expected) {
  CHECK(golden::same_bits(got["sequences"], expected["sequences"]));
  CHECK(golden::same_bits(got["step_logits"], expected["step_logits"]));
}

Row last_row(const NamedTensors& found) {
  const Tensor& all = found["sequences"];
  const auto* end = all.data<int64_t>() + all.numel();
  return {end - all.dim(1), end};
}

/// A language model of one layer that counts what it computes.
class Counting final : public CausalModel {
 public:
  explicit Counting(bool by_length = false) : by_length_(by_length) {}
  KvShape kv_shape() const override { return {.layers = 1, .kv_heads = 1, .head_dim = 1}; }
  bool depends_on_length() const override { return by_length_; }
  Tensor next_logits(Context&, const TokenBatch& batch,
                     std::span<const int64_t> rows) const override {
    computed += static_cast<int64_t>(batch.input_ids.size());
    return Tensor::empty(DType::f32, {static_cast<int64_t>(rows.size()), 1});
  }
  mutable int64_t computed = 0;

 private:
  bool by_length_;
};

}  // namespace

TEST_CASE("a prompt that begins as the call before computes only the rest") {
  Context ctx;
  const int64_t active[] = {0};
  for (const bool by_length : {false, true}) {
    CAPTURE(by_length);
    const Counting model(by_length);
    PastKeyValues past;
    const auto computed = [&](const Row& row) {
      const int64_t before = model.computed;
      Stepper stepper(ctx, model,
                      {.capacity = 16 + static_cast<int64_t>(row.size()), .past = &past});
      std::vector<Row> rows = {row};
      stepper.logits(rows, active);
      stepper.keep(rows);
      return model.computed - before;
    };
    const auto expected = [&](int64_t reused, const Row& row) {
      return static_cast<int64_t>(row.size()) - (by_length ? 0 : reused);
    };
    const Row first = {1, 2, 3, 4, 5}, longer = {1, 2, 3, 4, 5, 6, 7, 8}, other = {1, 2, 9, 4, 5};
    CHECK(computed(first) == 5);
    CHECK(computed(longer) == expected(4, longer));  // of a row the last token is not there
    CHECK(computed(longer) == expected(7, longer));
    CHECK(computed(other) == expected(2, other));
    CHECK(computed(Row(200, 1)) == expected(1, Row(200, 1)));  // the cache grows
    CHECK(computed(Row(100, 1)) == expected(99, Row(100, 1)));
    CHECK(past.tokens(0).size() == 99);
    CHECK(past.tokens(1).empty());
    CHECK(past.bytes() >= 216 * 8);
    const Counting another(by_length);
    Stepper anew(ctx, another, {.capacity = 300, .past = &past});
    CHECK(past.tokens(0).empty());
  }
}

TEST_CASE("turns of a conversation have the bits that they have alone") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  for (const char* name : {"llama", "mistral", "gemma2", "gemma3", "qwen3-yarn", "mixtral", "gpt2",
                           "gpt_neox", "phi3-longrope"}) {
    CAPTURE(std::string(name));
    const Loaded loaded(name);
    PastKeyValues past;
    Row row = {5, 9, 17};
    for (int turn = 0; turn < 4; ++turn) {
      CAPTURE(turn);
      const NamedTensors found = run(loaded, {row}, {.past_key_values = &past});
      check_same(found, run(loaded, {row}));
      row = last_row(found);
      const auto held = past.tokens(0);
      CHECK(Row(held.begin(), held.end()) == Row(row.begin(), row.end() - 1));
      for (const int64_t token : {31, 8 + turn, 77}) row.push_back(token);
    }
    row.resize(10);  // an earlier turn, another answer
    row.push_back(100);
    check_same(run(loaded, {row}, {.past_key_values = &past}), run(loaded, {row}));
  }
}

TEST_CASE("rows of a batch, guesses and a call that was broken off leave a past to go on from") {
  if (golden::root().empty()) return;
  const Loaded llama("llama"), assistant("gpt2");
  PastKeyValues past;
  std::vector<Row> rows = {{5, 9, 17}, {8, 31, 8, 31, 8}};
  for (const GenerateHooks& hooks :
       {GenerateHooks{.past_key_values = &past},
        GenerateHooks{.assistant_model = &*assistant.model, .past_key_values = &past},
        GenerateHooks{.assistant_model = &*llama.model, .past_key_values = &past}}) {
    check_same(run(llama, rows, hooks), run(llama, rows));
    CHECK(past.tokens(0).size() == rows[0].size() + 11);
    rows[0].insert(rows[0].end(),
                   past.tokens(0).begin() + static_cast<std::ptrdiff_t>(rows[0].size()),
                   past.tokens(0).end());
    rows[1].push_back(40);
  }
  int heard = 0;
  GenerateHooks hooks = {.past_key_values = &past};
  hooks.on_token = [&](int64_t, int64_t) {
    if (++heard == 9) throw std::runtime_error("enough");
    return true;
  };
  CHECK_THROWS_AS(run(llama, rows, hooks), std::runtime_error);
  check_same(run(llama, rows, {.past_key_values = &past}), run(llama, rows));
  check_same(run(llama, {rows[1]}, {.past_key_values = &past}), run(llama, {rows[1]}));
  check_same(run(assistant, {rows[1]}, {.past_key_values = &past}), run(assistant, {rows[1]}));
}

TEST_CASE("a past is refused where it cannot be kept") {
  if (golden::root().empty()) return;
  const Loaded llama("llama");
  PastKeyValues past;
  for (const char* bad : {R"({"num_beams": 2})", R"({"use_cache": false})"}) {
    CAPTURE(std::string(bad));
    const auto error = golden::error_of([&] {
      Context ctx;
      generate(ctx, *llama.model, batch({{5}}), llama.config.with(Json::parse(bad, "arguments")),
               {.past_key_values = &past});
    });
    CHECK(error.first == ErrorCode::unsupported);
    CHECK(error.second.find("past_key_values") != std::string::npos);
  }
}
