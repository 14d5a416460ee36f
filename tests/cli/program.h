// SPDX-License-Identifier: Apache-2.0
// Runs the built program with files as standard input and output, so that no test can deadlock, and
// makes the small model folders its tests need.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tern::test {

struct Outcome {
  int exit_code = -1;  // -1: ended by a signal
  int signal = 0;
  std::string out, err;
  long peak_kilobytes = 0;  // resident
};

struct Run {
  std::string input = {};                   // standard input
  std::vector<std::string> variables = {};  // "NAME=value", added to the environment
  bool closed_output = false;               // standard output is a pipe that nobody reads
  std::string output_path = {};             // standard output goes to this file ("/dev/full")
};

/// The program with these arguments.
Outcome run_tern(const std::vector<std::string>& arguments, const Run& run = {});

/// A folder that goes away with its owner.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  /// The path of a file or folder in it.
  std::string operator/(std::string_view name) const;
  /// Writes a file and returns its path.
  std::string write(std::string_view name, std::string_view content) const;

 private:
  std::string path_;
};

std::string read_file(const std::string& path);
std::vector<std::string> lines_of(std::string_view text);
bool exists(const std::string& path);

/// Where a golden checkpoint lies; "" (and a message) when this clone has none.
std::string golden(std::string_view name);

/// A copy of golden checkpoint `name` in `folder` with a WordPiece vocabulary of its size (special
/// tokens, letters, and the words word0 …), for the goldens have no tokenizer. "" when there is
/// none.
std::string model_with_vocabulary(const TemporaryFolder& folder, std::string_view name,
                                  int entries = 300);

}  // namespace tern::test
