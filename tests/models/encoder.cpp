// SPDX-License-Identifier: Apache-2.0
// Text encoders on packed tokens: the same bits in any batch, order and number of threads, no
// allocation once warm, calls from several threads; and what they refuse.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "allocations.h"
#include "golden.h"

using namespace tern;

namespace {

/// A small model of each architecture; without shared data only BERT.
std::vector<std::string> folders() {
  if (golden::root().empty()) return {std::string(TERN_TEST_DATA) + "/golden/bert"};
  std::vector<std::string> out;
  for (const char* name : {"bert", "distilbert", "roberta", "mpnet"})
    out.push_back(golden::root() + "/" + name);
  return out;
}

using Ids = std::vector<int64_t>;

/// Sequences of 1 to 40 ids above the special ones.
std::vector<Ids> random_texts(golden::Rng& rng, size_t count) {
  std::vector<Ids> texts(count);
  for (Ids& ids : texts) {
    ids.resize(static_cast<size_t>(1 + rng.below(40)));
    for (int64_t& id : ids) id = 5 + rng.below(200);
  }
  return texts;
}

struct Packed {
  Ids ids;
  std::vector<Segment> sequences;

  Packed(const std::vector<Ids>& texts, const std::vector<size_t>& order) {
    for (const size_t i : order) {
      const auto begin = static_cast<int64_t>(ids.size());
      ids.insert(ids.end(), texts[i].begin(), texts[i].end());
      sequences.push_back({begin, static_cast<int64_t>(ids.size())});
    }
  }
  TokenBatch batch() const { return {.input_ids = ids, .segments = {.sequences = sequences}}; }
};

/// The pooled vector of each text, by text.
std::vector<Tensor> embed(Context& ctx, const PretrainedModel& model, const std::vector<Ids>& texts,
                          const std::vector<size_t>& order) {
  const Packed packed(texts, order);
  const Tensor hidden = model->encode(ctx, packed.batch());
  const Tensor rows = normalize(ctx, pool(ctx, hidden, packed.batch().segments, Pooling::mean));
  std::vector<Tensor> out(texts.size());
  for (size_t i = 0; i < order.size(); ++i) out[order[i]] = rows[static_cast<int64_t>(i)].clone();
  return out;
}

Tensor ids_tensor(const Ids& ids, Shape shape) {
  return Tensor::from(std::span<const int64_t>(ids), shape);
}

}  // namespace

TEST_CASE("a sequence has the same bits alone, in any batch, in any order, on 1, 2 and 4 threads") {
  golden::Rng rng{20240607};
  for (const std::string& folder : folders()) {
    INFO(folder, ", seed 20240607");
    for (const char* dtype : {"float32", "bfloat16"}) {
      const PretrainedModel model = AutoModel::from_pretrained(folder, {.dtype = dtype});
      const std::vector<Ids> texts = random_texts(rng, 13);
      std::vector<Tensor> alone;
      Context plain;
      for (const Ids& ids : texts) alone.push_back(embed(plain, model, {ids}, {0})[0]);

      for (const int threads : {1, 2, 4}) {
        ThreadPool pool(threads, true);
        Context ctx({.pool = &pool});
        std::vector<size_t> order(texts.size());
        for (size_t i = 0; i < order.size(); ++i) order[i] = i;
        for (int shuffle = 0; shuffle < 3; ++shuffle) {
          const std::vector<Tensor> together = embed(ctx, model, texts, order);
          for (size_t i = 0; i < texts.size(); ++i)
            REQUIRE(golden::same_bits(together[i], alone[i]));
          for (size_t i = order.size(); i > 1; --i) {
            std::swap(order[i - 1], order[static_cast<size_t>(rng.below(static_cast<int64_t>(i)))]);
          }
        }
      }
    }
  }
}

TEST_CASE("padding on the right changes no bit of the real tokens") {
  const PretrainedModel model =
      AutoModel::from_pretrained(std::string(TERN_TEST_DATA) + "/golden/bert");
  const Ids ids = {2, 40, 41, 42, 3};
  Ids padded = ids, mask(5, 1);
  padded.resize(32, 0);
  mask.resize(32, 0);
  const Tensor alone = model({{"input_ids", ids_tensor(ids, {1, 5})}})["last_hidden_state"];
  const Tensor wide = model({{"input_ids", ids_tensor(padded, {1, 32})},
                             {"attention_mask", ids_tensor(mask, {1, 32})}})["last_hidden_state"];
  CHECK(golden::same_bits(wide[0].slice(0, 0, 5).clone(), alone[0].clone()));
}

TEST_CASE("a forward pass on packed tokens allocates nothing once warm") {
  if (!golden::allocations_are_counted()) {
    MESSAGE("skipped: allocations cannot be counted in this build");
    return;
  }
  golden::Rng rng{7};
  ThreadPool pool(2, true);
  for (const std::string& folder : folders()) {
    CAPTURE(folder);
    const PretrainedModel model = AutoModel::from_pretrained(folder);
    const std::vector<Ids> texts = random_texts(rng, 6);
    const Packed packed(texts, {0, 1, 2, 3, 4, 5});
    Context ctx({.pool = &pool});
    const auto run = [&] {
      const Tensor hidden = model->encode(ctx, packed.batch());
      normalize(ctx, tern::pool(ctx, hidden, packed.batch().segments, Pooling::mean));
    };
    for (int warm = 0; warm < 3; ++warm) run();
    const uint64_t before = golden::allocations();
    run();
    CHECK(golden::allocations() - before == 0);
  }
}

TEST_CASE("two threads share one model and get the bits of one") {
  const PretrainedModel model = AutoModel::from_pretrained(folders().front());
  golden::Rng rng{11};
  const std::vector<Ids> texts = random_texts(rng, 8);
  const std::vector<size_t> order = {0, 1, 2, 3, 4, 5, 6, 7};
  Context ctx;
  const std::vector<Tensor> expected = embed(ctx, model, texts, order);
  std::atomic<int> wrong{0};
  const auto work = [&] {
    Context own;
    for (int repeat = 0; repeat < 20; ++repeat) {
      const std::vector<Tensor> got = embed(own, model, texts, order);
      for (size_t i = 0; i < texts.size(); ++i)
        wrong += golden::same_bits(got[i], expected[i]) ? 0 : 1;
    }
  };
  std::thread one(work), two(work);
  one.join();
  two.join();
  CHECK(wrong == 0);
}

TEST_CASE("inputs and arguments that make no sense are invalid_argument and say why") {
  const PretrainedModel model =
      AutoModel::from_pretrained(folders().front());  // 320 words, 64 positions
  const Tensor good = ids_tensor({2, 17, 3}, {1, 3});
  const auto code_of = [&](const NamedTensors& inputs, const char* part) {
    const auto found = golden::error_of([&] { model(inputs); });
    const auto code = found.first;  // clang 14 captures no structured binding
    const auto& message = found.second;
    CAPTURE(message);
    CHECK(message.find(part) != std::string::npos);
    return code;
  };
  constexpr auto kBad = ErrorCode::invalid_argument;
  CHECK(code_of({{"input_ids", ids_tensor({2, 320, 3}, {1, 3})}},
                "token 1 has 320, outside [0, 320)") == kBad);
  CHECK(code_of({{"input_ids", ids_tensor({2, -1, 3}, {1, 3})}}, "-1") == kBad);
  CHECK(code_of({{"input_ids", good}, {"token_type_ids", ids_tensor({0, 2, 0}, {1, 3})}},
                "type_vocab_size") == kBad);
  CHECK(code_of({{"input_ids", good}, {"position_ids", ids_tensor({0, 64, 0}, {1, 3})}},
                "max_position") == kBad);
  CHECK(code_of({{"input_ids", ids_tensor(Ids(65, 7), {1, 65})}},
                "65 tokens is longer than the 64") == kBad);
  CHECK(code_of({{"input_ids", ids_tensor({2, 3}, {2})}}, "[batch, length]") == kBad);
  CHECK(code_of({{"input_ids", ids_tensor({}, {1, 0})}}, "not empty") == kBad);
  CHECK(code_of({{"input_ids", good}, {"attention_mask", ids_tensor({1, 1}, {1, 2})}},
                "attention_mask") == kBad);
  CHECK(code_of({{"input_ids", good}, {"labels", good}}, "unknown input 'labels'") == kBad);
  CHECK(code_of({{"attention_mask", good}}, "either input_ids or inputs_embeds") == kBad);
  CHECK(code_of({{"input_ids", Tensor::empty(DType::f32, {1, 3})}}, "expected an integer type") ==
        kBad);
  CHECK(code_of({{"input_ids", good}, {"attention_mask", ids_tensor(Ids(9, 1), {1, 3, 3})}},
                "one value per token") == ErrorCode::unsupported);

  const auto argument = [&](const char* json) {
    return golden::error_of([&] {
             model({{"input_ids", good}}, {.arguments = hub::Json::parse(json, "set")});
           })
        .first;
  };
  CHECK(argument(R"({"use_the_force": true})") == kBad);
  CHECK(argument(R"({"output_hidden_states": 3})") == kBad);
  CHECK(argument(R"([1])") == kBad);
  CHECK(argument(R"({"output_attentions": true})") == ErrorCode::unsupported);
}

TEST_CASE("inputs_embeds of the word embeddings give what input_ids give") {
  const std::string folder = std::string(TERN_TEST_DATA) + "/golden/bert";
  const PretrainedModel model = AutoModel::from_pretrained(folder);
  const Ids ids = {2, 17, 99, 3};
  const Tensor table =
      golden::tensors(folder + "/model.safetensors").at("embeddings.word_embeddings.weight");
  const Tensor embeds =
      gather_rows(thread_context(), table, ids).clone().reshape({1, 4, table.dim(1)});
  const Tensor expected = model({{"input_ids", ids_tensor(ids, {1, 4})}})["last_hidden_state"];
  CHECK(golden::same_bits(model({{"inputs_embeds", embeds}})["last_hidden_state"], expected));
}

TEST_CASE("a call that is cancelled or past its deadline ends with that code") {
  const PretrainedModel model = AutoModel::from_pretrained(folders().front());
  const NamedTensors inputs{{"input_ids", ids_tensor({2, 17, 3}, {1, 3})}};
  const std::atomic<bool> stop{true};
  Context cancelled({.cancel = &stop});
  CHECK(golden::error_of([&] { model(cancelled, inputs); }).first == ErrorCode::cancelled);
  Context late({.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1)});
  CHECK(golden::error_of([&] { model(late, inputs); }).first == ErrorCode::deadline);
}
