// SPDX-License-Identifier: Apache-2.0
// Timed passes of SentenceTransformer::encode, one per line read from stdin, so that a script can
// interleave them with a peer's:
//   all        tokenise + run + pool + normalise the lines of FILE; prints seconds
//   one N      the same for one sentence of N tokens (special tokens included), alone; prints the
//              median seconds of 50 calls
// Usage: bench_encode MODEL FILE [float32|bfloat16] [threads]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "../../models/tern.h"

namespace {

double seconds_of(auto&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// "the the the …": every word is one token of a WordPiece vocabulary.
std::string sentence_of(int tokens) {
  std::string text = "the";
  for (int i = 3; i < tokens; ++i) text += " the";
  return text;
}

void answer(const std::string& line, const tern::SentenceTransformer& encoder, tern::Context& ctx,
            const std::vector<std::string_view>& texts) {
  if (line.rfind("one ", 0) == 0) {
    const std::string text = sentence_of(std::atoi(line.c_str() + 4));
    const std::string_view one[] = {text};
    std::vector<double> times;
    for (int i = 0; i < 50; ++i) times.push_back(seconds_of([&] { encoder.encode(ctx, one); }));
    std::nth_element(times.begin(), times.begin() + 25, times.end());
    std::printf("%.9f\n", times[25]);
  } else {
    std::printf("%.9f\n", seconds_of([&] { encoder.encode(ctx, texts); }));
  }
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: bench_encode MODEL FILE [float32|bfloat16] [threads]\n");
    return 2;
  }
  try {
    std::ifstream file(argv[2]);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    const std::vector<std::string_view> texts(lines.begin(), lines.end());

    tern::ThreadPool pool(argc > 4 ? std::atoi(argv[4]) : 1);
    tern::Context ctx({.pool = &pool});
    const auto encoder = tern::SentenceTransformer::from_pretrained(
        argv[1], {.dtype = argc > 3 ? argv[3] : "float32"});
    for (std::string line; std::getline(std::cin, line);) answer(line, encoder, ctx, texts);
  } catch (const tern::Error& error) {
    std::fprintf(stderr, "bench_encode: %s\n", error.what());
    return tern::exit_code(error.code());
  }
  return 0;
}
