// SPDX-License-Identifier: Apache-2.0
// Child: a program run to the side, its standard output read line by line as it comes. What it
// writes to standard error is kept for the message when it fails.
#pragma once

#include <string>
#include <vector>

namespace tern::cli {

class Child {
 public:
  /// Starts `program` (a path); `variables` ("NAME=value") replace or join the environment. Error
  /// io or not_found when it cannot be started.
  Child(const std::string& program, const std::vector<std::string>& arguments,
        const std::vector<std::string>& variables);
  /// Ends it if it still runs.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// The next line without its end; false at the end of the output.
  bool next_line(std::string& line);
  /// Waits for the end. Error internal, with the last line of its standard error, unless it
  /// returned 0.
  void finish();

 private:
  std::string last_error_line() const;

  std::string program_, buffer_;
  int pid_ = -1, output_ = -1, errors_ = -1;
};

}  // namespace tern::cli
