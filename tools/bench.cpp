// SPDX-License-Identifier: Apache-2.0
// tern bench: measures kernels beside the machine's limits and other libraries. The measuring is
// done by a program of its own, bench_kernels, so that no benchmark or baseline library is ever
// linked into tern; here its results become a table, or JSON lines, while they come in.
#include <regex.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <set>
#include <utility>

#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "bench_results.h"
#include "bench_table.h"
#include "child.h"
#include "display.h"
#include "system.h"
#include "verbs.h"

namespace tern::cli {

namespace {

constexpr VerbHelp kHelp = {
    .usage = "tern bench kernels [options]    (language models: tern bench llm --help)",
    .summary =
        "Measures every kernel variant this CPU can run, on one core, on shapes of real\n"
        "models: the share of what the machine can do, and other libraries' time over ours.",
    .examples =
        "  tern bench kernels --quick\n"
        "  tern bench kernels --filter 'gemm_bf16.*m:64/'\n"
        "  tern bench kernels --best --json >kernels.jsonl\n",
    .notes =
        "The program bench_kernels does the measuring; bench/kernels/README.md describes it.\n"
        "Pin both to a quiet core (taskset -c 1 tern bench kernels) for steady numbers.\n",
};

struct BenchArguments {
  std::string subject, filter, program;
  bool quick = false, best = false, json = false;

  /// For every call of the program: the number of windows is a part of a benchmark's name.
  std::vector<std::string> variables() const {
    return quick ? std::vector<std::string>{"TERN_BENCH_QUICK=1"} : std::vector<std::string>{};
  }

  bool parse(const Arguments& arguments) {
    Options options(kHelp);
    options.positional("SUBJECT", subject, "kernels", true);
    options.text("--filter", "REGEX", filter, "only those whose name matches (grep -E)");
    options.flag("--best", best, "only the best variant of each op for this CPU");
    options.flag("--quick", quick, "--best, a few shapes of each, a few windows for each shape");
    options.flag("--json", json, "one JSON object per line: the machine first, then the results");
    options.text("--program", "FILE", program, "bench_kernels, when it is not found by itself");
    if (!options.parse(arguments)) return false;
    if (subject != "kernels") {
      fail(ErrorCode::invalid_argument,
           cat("'", subject, "' is not to be measured; 'kernels' and 'llm' are"));
    }
    return true;
  }
};

/// Installed beside this program or in libexec, or built beside it in a build tree.
std::string find_program() {
  std::string folder(4096, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", folder.data(), folder.size());
  folder.resize(length > 0 ? static_cast<size_t>(length) : 0);
  folder.resize(std::min(folder.size(), folder.rfind('/')));
  for (const char* place :
       {"/bench_kernels", "/../libexec/tern/bench_kernels", "/../bench/kernels/bench_kernels"}) {
    const std::string path = folder + place;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  fail(ErrorCode::not_found,
       cat("bench_kernels: not found beside ", folder,
           "/tern, in ../libexec/tern or in the build tree. Name it with --program, or build both "
           "in tern's sources: tools/packages bench && meson setup build/bench -Dtests=disabled && "
           "ninja -C build/bench tools/tern bench/kernels/bench_kernels (then run "
           "build/bench/tools/tern bench kernels)"));
}

/// grep -E's expressions.
class Pattern {
 public:
  explicit Pattern(const std::string& expression) {
    const int failed = ::regcomp(&compiled_, expression.c_str(), REG_EXTENDED | REG_NOSUB);
    if (failed == 0) return;
    char message[256];
    ::regerror(failed, &compiled_, message, sizeof message);
    fail(ErrorCode::invalid_argument, cat("--filter: '", expression, "': ", message));
  }
  ~Pattern() { ::regfree(&compiled_); }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  bool matches(const std::string& text) const {
    return ::regexec(&compiled_, text.c_str(), 0, nullptr, 0) == 0;
  }

 private:
  regex_t compiled_;
};

/// Of one kernel: all its shapes, or those asked for.
struct Group {
  std::string kernel;
  std::vector<BenchName> names = {};
  bool whole = true;
};

/// A few names from all over the list.
void thin_out(Group& group) {
  constexpr size_t kShapes = 16;
  const size_t count = group.names.size();
  if (count <= kShapes) return;
  std::vector<BenchName> kept;
  for (size_t i = 0; i < kShapes; ++i) kept.push_back(std::move(group.names[i * count / kShapes]));
  group.names = std::move(kept);
  group.whole = false;
}

std::vector<Group> list_groups(const BenchArguments& options) {
  const Pattern pattern(options.filter);
  Child child(options.program, {"--benchmark_list_tests"}, options.variables());
  std::vector<Group> groups;
  std::set<std::string> ops;  // whose best variant came by
  std::string best;
  bool whole = true;  // of the kernel listed now, all names were taken
  std::string kernel;
  for (std::string line; child.next_line(line);) {
    BenchName name = BenchName::parse(line);
    if (std::exchange(kernel, name.kernel) != name.kernel) whole = true;
    if (ops.insert(name.op).second) best = name.kernel;
    if ((options.best || options.quick) && name.kernel != best) continue;
    const bool wanted = pattern.matches(name.full);
    whole &= wanted;
    if (wanted && (groups.empty() || groups.back().kernel != name.kernel))
      groups.push_back({kernel});
    if (!groups.empty() && groups.back().kernel == name.kernel) groups.back().whole = whole;
    if (wanted) groups.back().names.push_back(std::move(name));
  }
  child.finish();
  if (options.quick) std::for_each(groups.begin(), groups.end(), thin_out);
  return groups;
}

/// An expression for exactly these benchmarks.
std::string exactly(const Group& group) {
  if (group.whole) return "^" + group.kernel + "(/|$)";
  std::string out = "^(";
  for (const BenchName& name : group.names) {
    if (out.back() != '(') out += '|';
    for (const char c : name.full) {
      if (std::string_view(".[]{}()\\*+?^$|").find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
  }
  return out + ")$";
}

/// "12 of 340, 3 min left" on standard error when that is a terminal.
class Countdown {
 public:
  explicit Countdown(size_t total) : total_(total) {}
  void show(std::string_view kernel) const {
    if (!shown_) return;
    std::string line = cat(kernel, "  ", done_, " of ", total_);
    if (done_ > 0) {
      const std::chrono::duration<double, std::ratio<60>> spent = Clock::now() - begin_;
      const double left =
          spent.count() * static_cast<double>(total_ - done_) / static_cast<double>(done_);
      line += cat(", ", static_cast<int64_t>(left) + 1, " min left");
    }
    std::fputs(cat("\r", printable(line, terminal_columns(STDERR_FILENO)), "\x1b[K").c_str(),
               stderr);
    std::fflush(stderr);
  }
  void wipe() const {
    if (shown_) std::fputs("\r\x1b[K", stderr);
  }
  void advance() { ++done_; }

 private:
  using Clock = std::chrono::steady_clock;
  size_t total_, done_ = 0;
  bool shown_ = is_terminal(STDERR_FILENO);
  Clock::time_point begin_ = Clock::now();
};

hub::Json machine_of(const hub::Json& context) {
  std::vector<hub::Json::NewMember> members;
  for (const auto& [key, value] : context.members()) {
    constexpr std::string_view kOurs = "tern_";
    if (key.rfind(kOurs, 0) == 0) members.emplace_back(key.substr(kOurs.size()), value);
  }
  return hub::Json::object({{"machine", hub::Json::object(std::move(members))}});
}

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  if (std::fflush(stdout) != 0) fail_system("<stdout>", "write");
}

/// Runs the kernels of one group and shows what comes.
void run_group(const BenchArguments& options, const Group& group, BenchTable& table,
               Countdown& countdown, bool first) {
  Child child(options.program, {"--benchmark_format=json", "--benchmark_filter=" + exactly(group)},
              options.variables());
  table.begin(group.names);
  BenchReader reader;
  size_t shown = 0;
  countdown.show(group.kernel);
  for (std::string line; child.next_line(line);) {
    const BenchReader::Found found = reader.add(line);
    if (found == BenchReader::Found::nothing) continue;
    countdown.wipe();
    if (found == BenchReader::Found::context && first) {
      print(options.json ? machine_of(reader.json()).dump() + "\n" : table.heading(reader.json()));
    }
    if (found == BenchReader::Found::result) {
      const BenchResult result = BenchResult::from(reader.json());
      print(options.json ? result.to_json().dump() + "\n" : table.row(result));
      countdown.advance();
      ++shown;
    }
    countdown.show(group.kernel);
  }
  countdown.wipe();
  child.finish();
  if (!options.json) print(table.end());
  if (shown != group.names.size()) {
    log(LogLevel::warning,
        cat(group.kernel, ": ", shown, " results for ", group.names.size(), " benchmarks"));
  }
}

}  // namespace

int bench(const Arguments& arguments) {
  if (!arguments.empty() && arguments[0] == "llm")
    return bench_llm(Arguments(arguments.begin() + 1, arguments.end()));
  BenchArguments options;
  if (!options.parse(arguments)) return 0;
  if (options.program.empty()) options.program = find_program();
  const std::vector<Group> groups = list_groups(options);
  size_t total = 0;
  for (const Group& group : groups) total += group.names.size();
  if (total == 0) {
    fail(ErrorCode::not_found, cat("--filter: no kernel's name matches '", options.filter, "'"));
  }
  Countdown countdown(total);
  BenchTable table(TableLook::of(STDOUT_FILENO));
  for (const Group& group : groups) {
    run_group(options, group, table, countdown, &group == &groups.front());
  }
  return 0;
}

}  // namespace tern::cli
