// SPDX-License-Identifier: Apache-2.0
// The real all-MiniLM-L6-v2: the Python library's vectors, the same bits in any batch, and what its
// weights in int8 and int4 cost in accuracy.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <sstream>

#include "../../hub/repo.h"
#include "../../models/sentence_transformer.h"
#include "golden.h"

using namespace tern;

namespace {

/// all-MiniLM-L6-v2 from TERN_MINILM or the Hugging Face cache; empty when it is not here.
std::string real_minilm() {
  if (const char* path = std::getenv("TERN_MINILM")) return path;
  const std::string id = "sentence-transformers/all-MiniLM-L6-v2";
  try {
    hub::Repo::open(id);
    return id;
  } catch (const Error&) {
    return {};
  }
}

std::vector<std::string> sentences() {
  std::vector<std::string> texts;
  std::istringstream lines(golden::read(std::string(TERN_SHARED_DATA) + "/minilm/sentences.txt"));
  for (std::string line; std::getline(lines, line);) texts.push_back(line);
  return texts;
}

Tensor expected_vectors() {
  return golden::tensors(std::string(TERN_SHARED_DATA) + "/minilm/embeddings.safetensors")
      .at("embeddings");
}

/// The id of the model where both it and the sentences are here; otherwise says what was skipped.
std::string model_or_skip() {
  const std::string id = real_minilm();
  if (!id.empty() && golden::exists(std::string(TERN_SHARED_DATA) + "/minilm/")) return id;
  MESSAGE("skipped: no all-MiniLM-L6-v2 in the cache or under TERN_MINILM, or no shared data");
  return {};
}

void check_same_bits(const SentenceTransformer& encoder, const std::vector<std::string>& texts,
                     const Tensor& vectors) {
  const auto views = [](const std::vector<std::string>& t) {
    return std::vector<std::string_view>(t.begin(), t.end());
  };
  for (const int batch_size : {1, 2, 7, 64}) {
    CHECK(golden::same_bits(encoder.encode(views(texts), {.batch_size = batch_size}), vectors));
  }
  for (const int threads : {1, 2, 4}) {
    ThreadPool pool(threads, true);
    Context ctx({.pool = &pool});
    const std::vector<std::string> reversed(texts.rbegin(), texts.rend());
    const Tensor got = encoder.encode(ctx, views(reversed));
    for (int64_t i = 0; i < 64; ++i) CHECK(golden::same_bits(got[i], vectors[63 - i]));
  }
}

/// Mean and smallest cosine of the rows; both have unit length.
std::pair<double, double> cosines(const Tensor& a, const Tensor& b) {
  double sum = 0, least = 1;
  for (int64_t i = 0; i < a.dim(0); ++i) {
    double cosine = 0;
    for (int64_t j = 0; j < a.dim(1); ++j) {
      cosine += static_cast<double>(a[i].data<float>()[j]) * static_cast<double>(b[i].data<float>()[j]);
    }
    sum += cosine;
    least = std::min(least, cosine);
  }
  return {sum / static_cast<double>(a.dim(0)), least};
}

}  // namespace

TEST_CASE(
    "the real all-MiniLM-L6-v2 gives the Python library's vectors, the same bits in any batch") {
  const std::string id = model_or_skip();
  if (id.empty()) return;
  const auto encoder = SentenceTransformer::from_pretrained(id);
  const std::vector<std::string> texts = sentences();
  const Tensor vectors = encoder.encode(std::vector<std::string_view>(texts.begin(), texts.end()));
  const double error = golden::error(vectors, expected_vectors());
  CHECK(error <= 2e-6);
  MESSAGE("all-MiniLM-L6-v2: " << texts.size() << " sentences, largest error " << error);
  check_same_bits(encoder, texts, vectors);
}

TEST_CASE("all-MiniLM-L6-v2 in int8 stays near its fp32 vectors, the same bits in any batch") {
  const std::string id = model_or_skip();
  if (id.empty()) return;
  const std::vector<std::string> texts = sentences();
  for (const char* dtype : {"auto", "float32"}) {
    const auto encoder =
        SentenceTransformer::from_pretrained(id, {.dtype = dtype, .quantize = "int8"});
    const Tensor vectors = encoder.encode(std::vector<std::string_view>(texts.begin(), texts.end()));
    const auto [mean, least] = cosines(vectors, expected_vectors());
    CHECK(mean >= 0.9990);  // what the best peers reach is 0.9975 and 0.972
    CHECK(least >= 0.990);
    MESSAGE("int8, the rest in " << dtype << ": cosine mean " << mean << ", least " << least);
    check_same_bits(encoder, texts, vectors);
  }
}
