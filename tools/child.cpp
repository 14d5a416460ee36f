// SPDX-License-Identifier: Apache-2.0
#include "child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string_view>
#include <utility>

#include "system.h"

extern char** environ;

namespace tern::cli {

namespace {

/// The environment with each of `variables` in place of its namesake.
std::vector<char*> environment_with(const std::vector<std::string>& variables) {
  std::vector<char*> all;
  const auto same_name = [](std::string_view a, std::string_view b) {
    return a.substr(0, a.find('=')) == b.substr(0, b.find('='));
  };
  for (char** entry = environ; *entry != nullptr; ++entry) {
    bool replaced = false;
    for (const std::string& variable : variables) replaced |= same_name(*entry, variable);
    if (!replaced) all.push_back(*entry);
  }
  for (const std::string& variable : variables) all.push_back(const_cast<char*>(variable.c_str()));
  all.push_back(nullptr);
  return all;
}

}  // namespace

Child::Child(const std::string& program, const std::vector<std::string>& arguments,
             const std::vector<std::string>& variables)
    : program_(program) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail_system(program, "make a pipe to");
  output_ = ends[0];
  errors_ = ::memfd_create("errors", MFD_CLOEXEC);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  if (errors_ >= 0) ::posix_spawn_file_actions_adddup2(&actions, errors_, STDERR_FILENO);

  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int failed = ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv.data(),
                                   environment_with(variables).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failed == 0) return;
  ::close(output_);
  if (errors_ >= 0) ::close(errors_);
  errno = failed;
  fail_system(program, "run");
}

Child::~Child() {
  ::close(output_);
  if (pid_ > 0) {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  if (errors_ >= 0) ::close(errors_);
}

bool Child::next_line(std::string& line) {
  size_t end;
  while ((end = buffer_.find('\n')) == std::string::npos) {
    char chunk[4096];
    const ssize_t got = ::read(output_, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_system(program_, "read the output of");
    if (got == 0) {
      line = std::exchange(buffer_, {});
      return !line.empty();
    }
    buffer_.append(chunk, static_cast<size_t>(got));
  }
  line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return true;
}

void Child::finish() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  const std::string how = WIFSIGNALED(status)
                              ? cat("was ended by signal ", WTERMSIG(status), " (",
                                    std::string_view(::strsignal(WTERMSIG(status))), ")")
                              : cat("returned ", WEXITSTATUS(status));
  const std::string last = last_error_line();
  fail(ErrorCode::internal, cat(program_, ": ", how, last.empty() ? "" : ": ", last));
}

std::string Child::last_error_line() const {
  constexpr off_t kMost = 4096;
  const off_t size = errors_ >= 0 ? ::lseek(errors_, 0, SEEK_END) : 0;
  if (size <= 0) return {};
  std::string text(static_cast<size_t>(std::min(size, kMost)), '\0');
  const ssize_t got = ::pread(errors_, text.data(), text.size(), std::max<off_t>(0, size - kMost));
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const size_t line = text.rfind('\n');
  return line == std::string::npos ? text : text.substr(line + 1);
}

}  // namespace tern::cli
