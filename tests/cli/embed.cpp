// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "../../hub/formats/json.h"
#include "../../hub/formats/safetensors.h"
#include "program.h"

using namespace tern::test;

namespace {

constexpr int64_t kWidth = 48;  // hidden size of the golden model

std::string embed_lines(const std::string& model, const std::string& input,
                        std::vector<std::string> options = {}) {
  options.insert(options.begin(), {"embed", model, "-q"});
  const Outcome outcome = run_tern(options, {.input = input});
  CAPTURE(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return outcome.out;
}

std::string several_texts() {
  std::string input;
  for (int i = 0; i < 100; ++i) {
    for (int k = 0; k <= i % 17; ++k) input += "word" + std::to_string((i * 7 + k) % 200) + " ";
    input += "\n";
  }
  return input;
}

}  // namespace

TEST_CASE("embed gives every line a vector, in order, empty and odd lines too") {
  const TemporaryFolder folder;
  const std::string model = model_with_vocabulary(folder, "minilm");
  if (model.empty()) return;
  const std::vector<std::string> alone = {
      embed_lines(model, "word1 word2\n"), embed_lines(model, "\n"),
      embed_lines(model, std::string("\0\xff\xfe\n", 4)), embed_lines(model, "last\n")};
  for (const std::string& line : alone) CHECK(lines_of(line).size() == 1);
  const std::string together =
      embed_lines(model, std::string("word1 word2\n\n\0\xff\xfe\nlast", 22));
  CHECK(together == alone[0] + alone[1] + alone[2] + alone[3]);
}

TEST_CASE("embed drops one carriage return before the newline and none elsewhere") {
  const TemporaryFolder folder;
  const std::string model = model_with_vocabulary(folder, "minilm");
  if (model.empty()) return;
  CHECK(embed_lines(model, "word1 a\r\nb\r\n") == embed_lines(model, "word1 a\nb\n"));
  CHECK(lines_of(embed_lines(model, "word1\rword2\n")).size() == 1);
}

TEST_CASE("embed of no line gives no vector") {
  const TemporaryFolder folder;
  const std::string model = model_with_vocabulary(folder, "minilm");
  if (model.empty()) return;
  CHECK(embed_lines(model, "").empty());
}

TEST_CASE("embed accepts a line of ten megabytes") {
  const TemporaryFolder folder;
  const std::string model = model_with_vocabulary(folder, "minilm");
  if (model.empty()) return;
  std::string input = "word1\n";
  constexpr size_t kBytes = 10'000'000;
  while (input.size() < kBytes) input += "word2 word3 word4 ";
  input += "\nword1\n";
  const auto lines = lines_of(embed_lines(model, input));
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == lines[2]);
  CHECK(lines[0] != lines[1]);
}

TEST_CASE("embed gives the same bytes for any number of threads and any batch size") {
  const TemporaryFolder folder;
  const std::string model = model_with_vocabulary(folder, "minilm");
  if (model.empty()) return;
  const std::string expected = embed_lines(model, several_texts());
  CHECK(lines_of(expected).size() == 100);
  for (const char* threads : {"1", "2", "3"}) {
    for (const char* batch : {"1", "7", "64"}) {
      CAPTURE(threads);
      CAPTURE(batch);
      const std::vector<std::string> options = {"--threads", threads, "--batch-size", batch};
      CHECK(embed_lines(model, several_texts(), options) == expected);
    }
  }
}

TEST_CASE("embed writes a NumPy array whose header and rows agree with the JSON lines") {
  const TemporaryFolder folder;
  const std::string model = model_with_vocabulary(folder, "minilm");
  if (model.empty()) return;
  const std::string path = folder / "vectors.npy";
  const std::string input = several_texts();
  CHECK(embed_lines(model, input, {"--format", "npy", "--output", path}).empty());
  const std::string file = read_file(path);
  REQUIRE(file.size() == 128 + 100 * kWidth * sizeof(float));
  CHECK(file.substr(0, 8) == std::string("\x93NUMPY\x01\x00", 8));
  CHECK(static_cast<uint8_t>(file[8]) + 256 * static_cast<uint8_t>(file[9]) == 118);
  CHECK(file.substr(10, 68) ==
        "{'descr': '<f4', 'fortran_order': False, 'shape': (100, 48), }      ");
  CHECK(file[127] == '\n');

  const auto lines = lines_of(embed_lines(model, input));
  for (size_t row = 0; row < lines.size(); ++row) {
    const auto json = ::tern::hub::Json::parse(lines[row], "line");
    REQUIRE(json["embedding"].elements().size() == kWidth);
    for (size_t i = 0; i < kWidth; ++i) {
      float binary;
      std::memcpy(&binary, file.data() + 128 + (row * kWidth + i) * sizeof binary, sizeof binary);
      const auto text = static_cast<float>(json["embedding"].elements()[i].number().value());
      CHECK(text == binary);  // the shortest text reads back as the same float
    }
  }
}

TEST_CASE("embed writes a safetensors file that the reader accepts, also without any line") {
  const TemporaryFolder folder;
  const std::string model = model_with_vocabulary(folder, "minilm");
  if (model.empty()) return;
  for (const std::string& input : {several_texts(), std::string()}) {
    const std::string path = folder / "vectors.safetensors";
    embed_lines(model, input, {"--format", "safetensors", "-o", path});
    const auto file = ::tern::hub::open_safetensors(path);
    REQUIRE(file.header.tensors.size() == 1);
    const auto& tensor = file.header.tensors[0];
    CHECK(tensor.name == "embeddings");
    CHECK(tensor.dtype == ::tern::DType::f32);
    CHECK(tensor.shape ==
          std::vector<int64_t>{static_cast<int64_t>(lines_of(input).size()), kWidth});
  }
}

TEST_CASE("embed leaves an existing output file as it is when it fails, and no temporary file") {
  const TemporaryFolder folder;
  const std::string model = model_with_vocabulary(folder, "minilm");
  if (model.empty()) return;
  const std::string path = folder.write("vectors.npy", "precious");
  const Outcome outcome =
      run_tern({"embed", model, folder / "missing.txt", "--format", "npy", "-o", path});
  CHECK(outcome.exit_code == 3);
  const Outcome unknown_prompt =
      run_tern({"embed", model, "--prompt-name", "nonesuch", "-o", path}, {.input = "word1\n"});
  CHECK(unknown_prompt.exit_code != 0);
  CHECK(read_file(path) == "precious");
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder / ".")) {
    if (entry.is_regular_file()) ++files;
  }
  CHECK(files == 1);
}

TEST_CASE("embed ends quietly when nobody reads its output, and with code 6 when it cannot write") {
  const TemporaryFolder folder;
  const std::string model = model_with_vocabulary(folder, "minilm");
  if (model.empty()) return;
  const Outcome closed =
      run_tern({"embed", model}, {.input = several_texts(), .closed_output = true});
  CHECK(closed.signal == SIGPIPE);
  CHECK(closed.err.empty());
  const Outcome full =
      run_tern({"embed", model}, {.input = several_texts(), .output_path = "/dev/full"});
  CHECK(full.exit_code == 6);
  CHECK(full.err.starts_with("tern: <stdout>: cannot write"));
}

TEST_CASE("embed names truncated weights and ends with code 4") {
  const TemporaryFolder folder;
  const std::string model = model_with_vocabulary(folder, "minilm");
  if (model.empty()) return;
  const std::string weights = model + "/model.safetensors";
  std::filesystem::permissions(weights, std::filesystem::perms::owner_all);
  std::filesystem::resize_file(weights, std::filesystem::file_size(weights) / 2);
  const Outcome outcome = run_tern({"embed", model}, {.input = "word1\n"});
  CHECK(outcome.exit_code == 4);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.find("model.safetensors") != std::string::npos);
  CHECK(lines_of(outcome.err).size() == 1);
}

TEST_CASE("embed needs no more memory for ten times the lines") {
  const TemporaryFolder folder;
  const std::string model = model_with_vocabulary(folder, "minilm");
  if (model.empty()) return;
  // A word of 100 letters that is in no vocabulary is one token, so that a line costs little time.
  const std::string line = std::string(110, 'x') + "\n";
  const auto peak = [&](size_t lines) {
    const std::string path = folder / "lines.txt";
    {
      // Written line by line: a child starts with the memory of this process on its account.
      std::ofstream file(path);
      for (size_t i = 0; i < lines; ++i) file << line;
    }
    const std::string output = folder / "vectors.npy";
    const Outcome outcome = run_tern({"embed", model, path, "--format", "npy", "-o", output});
    REQUIRE(outcome.exit_code == 0);
    CHECK(std::filesystem::file_size(output) == 128 + lines * kWidth * sizeof(float));
    return outcome.peak_kilobytes;
  };
  constexpr size_t kFew = 20'000, kMany = 200'000;
  const long few = peak(kFew), many = peak(kMany);
  CAPTURE(few);
  CAPTURE(many);
  // Kept lines or kept vectors would cost at least this much more.
  const auto kept =
      static_cast<long>((kMany - kFew) * std::min(line.size(), kWidth * sizeof(float)));
  CHECK((many - few) * 1024 < kept / 2);
}
