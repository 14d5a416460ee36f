// SPDX-License-Identifier: Apache-2.0
// OutputFile: where a verb's data goes: standard output, or a file that appears under its name only
// when it is complete (a temporary file beside it, synced and renamed; removed on errors and on
// SIGINT, SIGTERM, SIGHUP). A device or pipe given as --output is written in place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tern::cli {

class OutputFile {
 public:
  /// "" or "-": standard output.
  explicit OutputFile(const std::string& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes);
  /// Overwrites bytes from the beginning of the file; only when seekable().
  void rewrite_start(std::string_view bytes);
  bool seekable() const noexcept { return !temporary_.empty(); }
  bool to_terminal() const;
  /// Makes what was written permanent; without it the file is thrown away.
  void commit();

 private:
  void write_at(std::string_view bytes, int64_t offset);

  std::string name_, target_, temporary_;
  int fd_ = -1;
  bool owned_ = false;
};

}  // namespace tern::cli
