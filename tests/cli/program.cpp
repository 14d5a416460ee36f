// SPDX-License-Identifier: Apache-2.0
#include "program.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace tern::test {

namespace fs = std::filesystem;

namespace {

int open_or_exit(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags, 0600);
  if (fd < 0) ::_exit(127);
  return fd;
}

int output_descriptor(const TemporaryFolder& folder, const Run& run) {
  if (!run.closed_output) {
    const std::string path = run.output_path.empty() ? folder / "out" : run.output_path;
    return open_or_exit(path, O_WRONLY | O_CREAT | O_TRUNC);
  }
  int ends[2];
  if (::pipe(ends) != 0) ::_exit(127);
  ::close(ends[0]);
  return ends[1];
}

[[noreturn]] void become_program(const std::vector<std::string>& arguments, const Run& run,
                                 const TemporaryFolder& folder) {
  ::dup2(open_or_exit(folder / "in", O_RDONLY), STDIN_FILENO);
  ::dup2(output_descriptor(folder, run), STDOUT_FILENO);
  ::dup2(open_or_exit(folder / "err", O_WRONLY | O_CREAT | O_TRUNC), STDERR_FILENO);
  std::signal(SIGPIPE, SIG_IGN);  // as under a careless parent
  for (const std::string& variable : run.variables) {
    ::putenv(const_cast<char*>(variable.c_str()));
  }
  std::vector<char*> argv = {const_cast<char*>(TERN_PROGRAM)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(TERN_PROGRAM, argv.data());
  ::_exit(127);
}

}  // namespace

Outcome run_tern(const std::vector<std::string>& arguments, const Run& run) {
  const TemporaryFolder folder;
  folder.write("in", run.input);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) become_program(arguments, run, folder);
  int status = 0;
  rusage usage = {};
  REQUIRE(::wait4(child, &status, 0, &usage) == child);
  Outcome outcome;
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
  if (exists(folder / "out")) outcome.out = read_file(folder / "out");
  outcome.err = read_file(folder / "err");
  outcome.peak_kilobytes = usage.ru_maxrss;
  return outcome;
}

TemporaryFolder::TemporaryFolder() {
  std::string path = (fs::temp_directory_path() / "tern-cli-XXXXXX").string();
  REQUIRE(::mkdtemp(path.data()) != nullptr);
  path_ = path;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string TemporaryFolder::operator/(std::string_view name) const {
  return (fs::path(path_) / name).string();
}

std::string TemporaryFolder::write(std::string_view name, std::string_view content) const {
  const std::string path = *this / name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool exists(const std::string& path) {
  return fs::exists(path);
}

std::string golden(std::string_view name) {
  for (const char* root : {TERN_TEST_DATA, TERN_SHARED_DATA}) {
    const fs::path path = fs::path(root) / "golden" / name;
    if (fs::exists(path)) return path.string();
  }
  MESSAGE("skipped: no golden checkpoint " << std::string(name));
  return {};
}

std::string model_with_vocabulary(const TemporaryFolder& folder, std::string_view name,
                                  int entries) {
  const std::string source = golden(name);
  if (source.empty()) return {};
  const std::string target = folder / name;
  fs::copy(source, target, fs::copy_options::recursive);
  fs::permissions(target, fs::perms::owner_all);
  std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  int written = 5;
  for (char letter = 'a'; letter <= 'z'; ++letter, written += 2) {
    vocabulary += std::string(1, letter) + "\n##" + letter + "\n";
  }
  for (int word = 0; written < entries; ++word, ++written) {
    vocabulary += "word" + std::to_string(word) + "\n";
  }
  std::ofstream(fs::path(target) / "vocab.txt") << vocabulary;
  std::ofstream(fs::path(target) / "tokenizer_config.json")
      << R"({"tokenizer_class":"BertTokenizer","do_lower_case":true,"model_max_length":64})";
  return target;
}

}  // namespace tern::test
