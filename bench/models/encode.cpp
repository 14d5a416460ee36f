// SPDX-License-Identifier: Apache-2.0
// Whole passes of a model on request, one per line of standard input, so that a script can
// interleave them with a peer's. Says "ready" when the model stands, then answers:
//   all          tokenise + run + pool + normalise the lines of FILE; seconds
//   one N        the same for one sentence of N tokens (special tokens included), alone; median
//                seconds of 50 calls
//   cell B S     the transformer alone on B sequences of S tokens; median seconds of the calls that
//                fill a quarter of a second
//   vectors OUT  writes the vectors of the lines of FILE as raw f32; "done"
// Usage: bench_encode MODEL FILE [float32|bfloat16|int8] [threads]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "../../models/tern.h"

namespace {

double seconds_of(auto&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> times) {
  const auto middle = times.begin() + static_cast<long>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

/// "the the the …": every word is one token of a WordPiece vocabulary.
std::string sentence_of(int tokens) {
  std::string text = "the";
  for (int i = 3; i < tokens; ++i) text += " the";
  return text;
}

tern::LoadOptions load_options(const std::string& dtype) {
  tern::LoadOptions options;
  options.pack_at_load = true;
  if (dtype == "int8") {
    options.quantize = dtype;
  } else {
    options.dtype = dtype;
  }
  return options;
}

class Bench {
 public:
  Bench(const std::string& model, std::vector<std::string> lines, const std::string& dtype,
        int threads)
      : pool_(threads),
        ctx_({.pool = &pool_}),
        lines_(std::move(lines)),
        texts_(lines_.begin(), lines_.end()),
        encoder_(tern::SentenceTransformer::from_pretrained(model, load_options(dtype))) {}

  double all() {
    return seconds_of([&] { encoder_.encode(ctx_, texts_); });
  }

  double one(int tokens) {
    const std::string text = sentence_of(tokens);
    const std::string_view alone[] = {text};
    std::vector<double> times;
    for (int i = 0; i < 50; ++i) {
      times.push_back(seconds_of([&] { encoder_.encode(ctx_, alone); }));
    }
    return median(times);
  }

  double cell(int batch, int length) {
    const tern::Shape shape = {batch, length};
    tern::Tensor ids = tern::Tensor::empty(tern::DType::i64, shape);
    tern::Tensor mask = tern::Tensor::empty(tern::DType::i64, shape);
    for (int64_t i = 0; i < shape.numel(); ++i) {
      ids.data<int64_t>()[i] = 1000 + i * 7919 % 20000;
      mask.data<int64_t>()[i] = 1;
    }
    const tern::NamedTensors inputs = {{"input_ids", ids}, {"attention_mask", mask}};
    std::vector<double> times;
    constexpr double kWindow = 0.25;
    for (double spent = 0; spent < kWindow; spent += times.back()) {
      times.push_back(seconds_of([&] { encoder_.model()(ctx_, inputs); }));
    }
    return median(times);
  }

  void write_vectors(const std::string& path) {
    const tern::Tensor vectors = encoder_.encode(ctx_, texts_);
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(vectors.raw()),
               static_cast<std::streamsize>(vectors.bytes()));
    if (!file.flush()) tern::fail(tern::ErrorCode::io, path + ": cannot write");
  }

 private:
  tern::ThreadPool pool_;
  tern::Context ctx_;
  std::vector<std::string> lines_;
  std::vector<std::string_view> texts_;
  tern::SentenceTransformer encoder_;
};

void serve(Bench& bench) {
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb, path;
    int a = 0, b = 0;
    words >> verb;
    if (verb == "vectors") {
      words >> path;
      bench.write_vectors(path);
      std::puts("done");
    } else {
      words >> a >> b;
      std::printf("%.9f\n", verb == "one"    ? bench.one(a)
                            : verb == "cell" ? bench.cell(a, b)
                                             : bench.all());
    }
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: bench_encode MODEL FILE [float32|bfloat16|int8] [threads]\n");
    return 2;
  }
  try {
    std::ifstream file(argv[2]);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    Bench bench(argv[1], std::move(lines), argc > 3 ? argv[3] : "float32",
                argc > 4 ? std::atoi(argv[4]) : 1);
    std::puts("ready");
    std::fflush(stdout);
    serve(bench);
  } catch (const tern::Error& error) {
    std::fprintf(stderr, "bench_encode: %s\n", error.what());
    return tern::exit_code(error.code());
  }
  return 0;
}
