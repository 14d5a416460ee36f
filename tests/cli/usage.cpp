// SPDX-License-Identifier: Apache-2.0
// What every verb shares: help, mistyped words, exit codes, messages.
#include <doctest/doctest.h>

#include "program.h"

using tern::test::lines_of;
using tern::test::Outcome;
using tern::test::TemporaryFolder;

namespace {

constexpr int kUsage = 2;

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("help of the program and of every verb fits a screen and goes to standard output") {
  constexpr size_t kScreenLines = 30, kScreenColumns = 100;
  for (const std::string& verb :
       std::vector<std::string>{"", "embed", "search", "rerank", "tokenize", "chat-template",
                                "forward", "generate", "info", "pull", "cache", "bench"}) {
    CAPTURE(verb);
    std::vector<std::string> arguments = {"--help"};
    if (!verb.empty()) arguments.insert(arguments.begin(), verb);
    const Outcome help = tern::test::run_tern(arguments);
    CHECK(help.exit_code == 0);
    CHECK(help.err.empty());
    CHECK(contains(help.out, "usage: tern"));
    CHECK(contains(help.out.substr(0, help.out.find("usage:")), " tern "));  // examples come first
    CHECK(lines_of(help.out).size() <= kScreenLines);
    for (const std::string& line : lines_of(help.out)) {
      CAPTURE(line);
      CHECK(line.size() <= kScreenColumns);
    }
  }
}

TEST_CASE("the version names the version and the instruction set") {
  const Outcome version = tern::test::run_tern({"--version"});
  CHECK(version.exit_code == 0);
  CHECK(lines_of(version.out).size() == 1);
  CHECK(contains(version.out, TERN_VERSION));
  const Outcome lowered = tern::test::run_tern({"--version"}, {.variables = {"TERN_ISA=generic"}});
  CHECK(contains(lowered.out, "generic"));
}

TEST_CASE("a usage error is one line on standard error and exit code 2") {
  struct Case {
    std::vector<std::string> arguments;
    const char* message;
  };
  const Case cases[] = {
      {{"emebd"}, "unknown verb 'emebd'; did you mean 'embed'?"},
      {{"xyzzy"}, "unknown verb 'xyzzy'"},
      {{"embed"}, "MODEL is required"},
      {{"embed", "m", "f", "g"}, "one argument too many: 'g'"},
      {{"embed", "m", "--fromat", "npy"}, "unknown option '--fromat'; did you mean '--format'?"},
      {{"embed", "m", "--format", "nyp"}, "did you mean 'npy'?"},
      {{"embed", "m", "--format", "npy"}, "needs --output FILE"},
      {{"embed", "m", "--batch-size", "0"}, "--batch-size"},
      {{"embed", "m", "--batch-size", "many"}, "--batch-size"},
      {{"embed", "m", "--batch-size="}, "has no value"},
      {{"embed", "m", "--threads", "-1"}, "--threads"},
      {{"embed", "m", "--output"}, "--output"},
      {{"search", "m", "f"}, "QUERY is required"},
      {{"tokenize"}, "--tokenizer is required"},
      {{"bench"}, "SUBJECT is required"},
      {{"bench", "models"}, "'models' is not to be measured"},
      {{"forward", "m", "--quantize", "int3"}, "--quantize"},
      {{"forward", "m", "--outputs", "o"}, "--inputs is required"},
      {{"forward", "m", "--inputs", "i"}, "--outputs is required"},
      {{"forward", "m", "--inputs", "i", "--outputs", "o", "--set", "x"}, "expected key=JSON"},
      {{"forward", "m", "--inputs", "i", "--outputs", "o", "--set", "x=cls"},
       "a text needs quotes"},
  };
  for (const Case& test : cases) {
    CAPTURE(test.message);
    const Outcome outcome = tern::test::run_tern(test.arguments);
    CHECK(outcome.exit_code == kUsage);
    CHECK(outcome.out.empty());
    CHECK_MESSAGE(contains(outcome.err, test.message), outcome.err);
    CHECK(outcome.err.starts_with("tern: "));
    CHECK(lines_of(outcome.err).size() == 1);
  }
}

TEST_CASE("without a verb the help goes to standard error with exit code 2") {
  const Outcome outcome = tern::test::run_tern({});
  CHECK(outcome.exit_code == kUsage);
  CHECK(outcome.out.empty());
  CHECK(contains(outcome.err, "usage: tern VERB"));
}

TEST_CASE("a device that is not there is refused as unsupported") {
  constexpr int kUnsupported = 5;
  const Outcome outcome =
      tern::test::run_tern({"forward", "m", "--inputs", "i", "--outputs", "o", "--device=cuda:0"});
  CHECK(outcome.exit_code == kUnsupported);
}

TEST_CASE("a folder that does not exist is exit code 3 and named without its control characters") {
  constexpr int kNotFound = 3;
  const TemporaryFolder folder;
  for (const char* verb : {"embed", "info"}) {
    const Outcome outcome = tern::test::run_tern({verb, folder / "no\x1b[31msuch"});
    CHECK(outcome.exit_code == kNotFound);
    CHECK(outcome.out.empty());
    CHECK(contains(outcome.err, "such"));
    CHECK_FALSE(contains(outcome.err, "\x1b"));
    CHECK(lines_of(outcome.err).size() == 1);
  }
}
