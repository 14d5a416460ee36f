// SPDX-License-Identifier: Apache-2.0
// tern bench: the table and the JSON lines made of what bench_kernels writes. A script stands in
// for it: what is tested here is what a reader sees, not how fast a kernel is.
#include <doctest/doctest.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "program.h"

using tern::test::lines_of;
using tern::test::Outcome;
using tern::test::run_tern;
using tern::test::TemporaryFolder;

namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// Lists two variants of one op and one each of two others, whose shapes have other keys and another
// unit in turn; answers a filter with the results of the names that match it, one of them without
// any counter.
constexpr const char* kStandIn = R"(#!/bin/sh
names='gemm_f32_avx512/m:1/n:384/iterations:40/manual_time
gemm_f32_avx512/m:64/n:384/iterations:40/manual_time
gemm_f32_avx2/m:1/n:384/iterations:40/manual_time
layer_norm_f32_generic/L1/manual_time
attention_f32_avx2/tokens:16/head_dim:32/manual_time
attention_f32_avx2/tokens:512/head_dim:128/causal:1/manual_time
attention_f32_avx2/tokens:64/head_dim:32/weights:memory/manual_time
attention_f32_avx2/keys:65536/head_dim:128/group:4/manual_time'
case $1 in --benchmark_list_tests*) echo "$names"; exit ;; esac
filter=${2#--benchmark_filter=}
echo '{
  "context": {
    "date": "now",
    "caches": [
      {
        "type": "Data"
      }
    ],
    "tern_isa": "avx512",
    "tern_onednn": "2.6.3",
    "tern_eigen": "",
    "tern_fma_avx512": "117.6"
  },
  "benchmarks": ['
echo "$names" | grep -E "$filter" | while read -r name; do
  echo '    {'
  echo "      \"name\": \"$name\","
  echo '      "family_index": 3, "per_family_instance_index": 0, "repetitions": 1,'
  echo '      "repetition_index": 0, "threads": 1, "iterations": 40, "cpu_time": 2400.0,'
  echo "      \"label\": \"quick ${TERN_BENCH_QUICK:-no}\","
  case $name in
    */keys:* | */weights:*) echo '      "GB/s": 20.5, "reading": 0.9, "quantize": 0.125, "cycles": 7.5,' ;;
    */tokens:*) echo '      "GFLOP/s": 88.5, "ceiling": 0.8,' ;;
    *m:1/*) echo '      "GFLOP/s": 45.25, "ceiling": 0.4, "reading": 0.93, "onednn": 0.9,' ;;
    *m:64/*) echo '      "GFLOP/s": 114.5, "ceiling": 0.97, "reading": 0.04, "onednn": 1.1, "eigen": 1.5,' ;;
  esac
  echo '      "real_time": 2500.0,'
  echo '      "time_unit": "ns"'
  echo '    },'
done
echo '  ]
}'
)";

std::string program_in(const TemporaryFolder& folder, const char* script = kStandIn) {
  const std::string path = folder.write("bench_kernels", script);
  ::chmod(path.c_str(), 0700);
  return path;
}

/// What the program shows on a terminal of that many columns.
std::string on_terminal(unsigned short columns, const char* encoding, const std::string& stand_in) {
  winsize size = {};
  size.ws_row = 50;
  size.ws_col = columns;
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
  REQUIRE(child >= 0);
  if (child == 0) {
    ::setenv("TERM", "xterm", 1);
    ::setenv("LC_ALL", encoding, 1);
    ::execl(TERN_PROGRAM, TERN_PROGRAM, "bench", "kernels", "--program", stand_in.c_str(), nullptr);
    ::_exit(127);
  }
  std::string all;
  char chunk[4096];
  for (ssize_t got; (got = ::read(terminal, chunk, sizeof chunk)) > 0;) {
    all.append(chunk, static_cast<size_t>(got));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(terminal);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  return all;
}

/// Characters of a line once colours, erased progress and line ends are gone.
size_t visible_columns(std::string line) {
  if (const size_t wiped = line.rfind("\r\x1b[K"); wiped != line.npos) line.erase(0, wiped + 4);
  size_t count = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b') {
      while (i < line.size() && line[i] != 'm' && line[i] != 'K') ++i;
    } else if (line[i] != '\r' && (line[i] & 0xC0) != 0x80) {
      ++count;
    }
  }
  return count;
}

}  // namespace

TEST_CASE("a table of kernels has a block per variant and its nearest limit in each row") {
  const TemporaryFolder folder;
  const Outcome table = run_tern({"bench", "kernels", "--program", program_in(folder)});
  CHECK(table.exit_code == 0);
  CHECK(table.err.empty());
  CHECK(contains(table.out, "avx512; GFLOP/s of one core: f32 118\n"));
  CHECK(contains(table.out, "baselines: oneDNN 2.6.3, Eigen absent\n"));
  const std::string block =
      "\ngemm_f32 avx512\n"
      "   m    n   GFLOP/s share of        oneDNN   Eigen       time\n"
      "   1  384      45.2   93% read        0.90       -    2.50 us\n"
      "  64  384     114.5   97% compute     1.10    1.50    2.50 us\n"
      "  geometric mean      95%             0.99    1.50\n"
      "\ngemm_f32 avx2\n";
  CHECK_MESSAGE(contains(table.out, block), table.out);
}

TEST_CASE("each value of a shape stands under its own key, each rate under its own unit") {
  const TemporaryFolder folder;
  const Outcome table =
      run_tern({"bench", "kernels", "--program", program_in(folder), "--filter", "attention"});
  const std::string block =
      "\nattention_f32 avx2\n"
      "  tokens  head_dim  causal  weights   GFLOP/s share of        oneDNN   Eigen       time\n"
      "      16        32                       88.5   80% compute        -       -    2.50 us\n"
      "     512       128       1               88.5   80% compute        -       -    2.50 us\n"
      "  tokens  head_dim  causal  weights      GB/s share of        oneDNN   Eigen       time\n"
      "      64        32          memory       20.5   90% read           -       -    2.50 us\n"
      "   keys  head_dim  group      GB/s share of        oneDNN   Eigen       time\n"
      "  65536       128      4      20.5   90% read           -       -    2.50 us\n"
      "  geometric mean";
  CHECK_MESSAGE(contains(table.out, block), table.out);
}

TEST_CASE("a kernel without counters has its time and dashes") {
  const TemporaryFolder folder;
  const Outcome table =
      run_tern({"bench", "kernels", "--program", program_in(folder), "--filter", "layer_norm"});
  CHECK(table.exit_code == 0);
  CHECK_MESSAGE(contains(table.out, "layer_norm_f32 generic\n"), table.out);
  CHECK_MESSAGE(contains(table.out, "2.50 us\n"), table.out);
  CHECK(!contains(table.out, "gemm"));
  CHECK(!contains(table.out, "geometric"));
}

TEST_CASE("the best variant of each op is the one listed first; --quick asks for few windows") {
  const TemporaryFolder folder;
  const std::string program = program_in(folder);
  for (const char* option : {"--best", "--quick"}) {
    CAPTURE(option);
    const Outcome table = run_tern({"bench", "kernels", "--program", program, option});
    CHECK(table.exit_code == 0);
    CHECK(contains(table.out, "gemm_f32 avx512\n"));
    CHECK(!contains(table.out, "gemm_f32 avx2\n"));
    CHECK(contains(table.out, "layer_norm_f32 generic\n"));
  }
  const std::string spy =
      program_in(folder,
                 "#!/bin/sh\n[ $1 = --benchmark_list_tests ] && echo a_avx2 && "
                 "exit\nenv >${0%/*}/environment\necho '{'; echo '\"benchmarks\": ['\n");
  run_tern({"bench", "kernels", "--program", spy, "--quick"});
  CHECK(contains(tern::test::read_file(folder / "environment"), "TERN_BENCH_QUICK=1"));
}

TEST_CASE("--quick takes shapes from all over a long list, and what is asked for is what is run") {
  const TemporaryFolder folder;
  const std::string spy =
      program_in(folder,
                 "#!/bin/sh\n[ $1 = --benchmark_list_tests ] && "
                 "{ for i in $(seq 1 40); do echo a_avx2/m:$i/x.y; done; echo b_avx2; exit; }\n"
                 "echo \"$2\" >>${0%/*}/filters\necho '{'; echo '\"benchmarks\": ['\n");
  const Outcome quick = run_tern({"bench", "kernels", "--program", spy, "--quick"});
  CHECK(contains(quick.err, "warning: a_avx2: 0 results for 16 benchmarks"));
  run_tern({"bench", "kernels", "--program", spy, "--filter", "m:1?1/|b"});
  const auto filters = lines_of(tern::test::read_file(folder / "filters"));
  REQUIRE(filters.size() == 4);
  CHECK(contains(filters[0], R"(=^(a_avx2/m:1/x\.y|a_avx2/m:3/x\.y|)"));
  CHECK(contains(filters[0], R"#(|a_avx2/m:38/x\.y)$)#"));
  CHECK(filters[1] == "--benchmark_filter=^b_avx2(/|$)");
  CHECK(filters[2] == R"#(--benchmark_filter=^(a_avx2/m:1/x\.y|a_avx2/m:11/x\.y)$)#");
  CHECK(filters[3] == filters[1]);
}

TEST_CASE("JSON lines carry the machine first and then every counter that was measured") {
  const TemporaryFolder folder;
  const Outcome json = run_tern({"bench", "kernels", "--json", "--program", program_in(folder)});
  CHECK(json.exit_code == 0);
  const auto lines = lines_of(json.out);
  REQUIRE(lines.size() == 9);
  CHECK(contains(lines[0], R"({"machine":{"isa":"avx512","onednn":"2.6.3",)"));
  CHECK(contains(lines[1], R"("op":"gemm_f32","isa":"avx512","shape":{"m":1,"n":384})"));
  CHECK(contains(lines[1], R"("flop_per_second":4.525e+10,)"));
  CHECK(contains(lines[1], R"("ceiling":0.4,"reading":0.93,"onednn":0.9})"));
  CHECK(contains(lines[4], R"("shape":{"case":"L1"})"));
  CHECK_MESSAGE(contains(lines[4], R"("seconds":2.5e-06})"), lines[4]);
  CHECK(contains(lines[8], R"("shape":{"keys":65536,"head_dim":128,"group":4})"));
  CHECK_MESSAGE(contains(lines[8],
                         R"("bytes_per_second":2.05e+10,"reading":0.9,"quantize":0.125,"cycles":7.5})"),
                lines[8]);
}

TEST_CASE("no line of the table is wider than the terminal, and bars are in its encoding") {
  const TemporaryFolder folder;
  const std::string program = program_in(folder);
  for (const unsigned short columns : std::initializer_list<unsigned short>{60, 80, 140}) {
    for (const char* encoding : {"C", "C.UTF-8"}) {
      CAPTURE(columns);
      CAPTURE(encoding);
      const std::string shown = on_terminal(columns, encoding, program);
      for (const std::string& line : lines_of(shown)) {
        CAPTURE(line);
        CHECK(visible_columns(line) <= columns);
      }
      const bool unicode = std::string_view(encoding) != "C";
      CHECK(contains(shown, "█") == unicode);
      CHECK(contains(shown, "####") == !unicode);
    }
  }
}

TEST_CASE("what is wrong with the measuring program is said") {
  const TemporaryFolder folder;
  struct Case {
    const char* script;
    const char* message;
    int code;
  };
  const Case cases[] = {
      {"#!/bin/sh\necho no such library >&2; exit 3\n", "returned 3: no such library", 1},
      {"#!/bin/sh\nkill -SEGV $$\n", "signal 11", 1},
      {"#!/bin/sh\n[ $1 = --benchmark_list_tests ] && echo a_avx2 && exit\n"
       "echo '{'; echo '\"benchmarks\": ['; echo '{'; echo '\"real_time\": 1'; echo '}'\n",
       "a benchmark without a name", 4},
      {"#!/bin/sh\n[ $1 = --benchmark_list_tests ] && echo a_avx2 && exit\n"
       "echo '{'; echo '\"benchmarks\": ['; echo '{'; echo '\"name\": \"a_avx2\", "
       "\"error_occurred\": "
       "true, \"error_message\": \"too hot\"'; echo '}'\n",
       "a_avx2: too hot", 1},
      {"#!/bin/sh\nexit 0\n", "no kernel's name matches", 3},
  };
  for (const Case& test : cases) {
    CAPTURE(test.message);
    const Outcome outcome =
        run_tern({"bench", "kernels", "--program", program_in(folder, test.script)});
    CHECK(outcome.exit_code == test.code);
    CHECK_MESSAGE(contains(outcome.err, test.message), outcome.err);
  }
  const Outcome absent = run_tern({"bench", "kernels", "--program", folder / "absent"});
  CHECK(absent.exit_code == 3);
  CHECK(contains(absent.err, "cannot run"));
  const Outcome pattern =
      run_tern({"bench", "kernels", "--program", program_in(folder), "--filter", "("});
  CHECK(pattern.exit_code == 2);
}
