// SPDX-License-Identifier: Apache-2.0
// The tern program: finds the verb, and turns what goes wrong into one line on standard error and
// an exit code (engine/base/error.h). SIGPIPE ends the program quietly, as it does every filter.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <new>
#include <span>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "../engine/base/sigbus.h"
#include "../models/version.h"
#include "display.h"
#include "nearest.h"
#include "verbs.h"

namespace {

using tern::cat;
using tern::cli::Arguments;

struct Verb {
  const char* name;
  const char* summary;
  int (*run)(const Arguments&);
};

constexpr std::array kVerbs = {
    Verb{"embed", "texts to vectors, one line each", tern::cli::embed},
    Verb{"search", "the lines of a file nearest to a question", tern::cli::search},
    Verb{"rerank", "the lines of a file in the order a cross-encoder ranks them",
         tern::cli::rerank},
    Verb{"tokenize", "texts to token ids", tern::cli::tokenize},
    Verb{"chat-template", "a conversation as a model's prompt", tern::cli::chat_template},
    Verb{"generate", "continue a prompt with a language model", tern::cli::generate_verb},
    Verb{"forward", "run a model on tensors of a safetensors file", tern::cli::forward},
    Verb{"info", "what a model is made of", tern::cli::info},
    Verb{"verify", "hashes, values and names of a model's files", tern::cli::verify},
    Verb{"pull", "download a model of the hub", tern::cli::pull},
    Verb{"cache", "list, verify or remove what was downloaded", tern::cli::cache},
    Verb{"bench", "what kernels and language models reach on this machine", tern::cli::bench},
};

void print_help(std::FILE* to) {
  std::string out =
      "tern runs models of the Hugging Face hub as they are.\n\n"
      "  echo 'It rained.' | tern embed sentence-transformers/all-MiniLM-L6-v2\n"
      "  tern search sentence-transformers/all-MiniLM-L6-v2 notes.txt 'Where is the key?'\n\n"
      "usage: tern VERB … ('tern VERB --help' tells more)\n";
  constexpr size_t kColumn = 15;
  for (const Verb& verb : kVerbs) {
    const std::string name(verb.name);
    out += cat("  ", name, std::string(kColumn - name.size(), ' '), verb.summary, "\n");
  }
  out += "      --version      version, instruction set and threads\n";
  std::fputs(out.c_str(), to);
}

/// A descriptor that is closed at the start would be given to the next file opened: then data meant
/// for "standard output" would land there. Opened the wrong way round, it fails as closed.
void occupy_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    const int opened = ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    if (opened >= 0 && opened != fd) ::close(opened);
  }
}

/// Text from files in a message may hold anything; a terminal must not obey it.
void print_message(std::string_view prefix, std::string_view message) {
  std::string out;
  while (!message.empty()) {
    const size_t end = std::min(message.find('\n'), message.size());
    out += cat(out.empty() ? prefix : "", tern::cli::printable(message.substr(0, end)), "\n");
    message.remove_prefix(std::min(end + 1, message.size()));
  }
  std::fputs(out.c_str(), stderr);
}

int report(const char* message, int code) {
  std::string line(message);
  std::replace(line.begin(), line.end(), '\n', ' ');
  print_message("tern: ", line);
  return code;
}

int run(std::span<char*> argv) {
  if (argv.size() < 2) {
    print_help(stderr);
    return tern::exit_code(tern::ErrorCode::invalid_argument);
  }
  const std::string name = argv[1];
  if (name == "--help" || name == "-h" || name == "help") {
    print_help(stdout);
    return 0;
  }
  if (name == "--version") {
    std::puts(tern::build_info().c_str());
    return 0;
  }
  for (const Verb& verb : kVerbs) {
    if (name == verb.name) return verb.run(Arguments(argv.begin() + 2, argv.end()));
  }
  std::vector<std::string> names = {"--help", "--version"};
  for (const Verb& verb : kVerbs) names.emplace_back(verb.name);
  tern::fail(tern::ErrorCode::invalid_argument,
             cat("unknown verb '", name, "'", tern::cli::did_you_mean(name, names),
                 " ('tern --help' lists them)"));
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_descriptors();
  std::signal(SIGPIPE, SIG_DFL);
  tern::install_sigbus_guard(tern::exit_code(tern::ErrorCode::io));
  tern::set_log_callback([](tern::LogLevel level, std::string_view message) {
    if (level == tern::LogLevel::warning) print_message("tern: warning: ", message);
  });
  try {
    const int code = run({argv, static_cast<size_t>(argc)});
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      return report("<stdout>: cannot write", tern::exit_code(tern::ErrorCode::io));
    }
    return code;
  } catch (const tern::Error& error) {
    return report(error.what(), tern::exit_code(error.code()));
  } catch (const std::bad_alloc&) {
    return report("out of memory", tern::exit_code(tern::ErrorCode::out_of_memory));
  } catch (const std::exception& error) {
    return report(error.what(), tern::exit_code(tern::ErrorCode::internal));
  }
}
