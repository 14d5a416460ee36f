// SPDX-License-Identifier: Apache-2.0
// FolderWriter: files that come into a folder together. They are written into a folder of their own
// (.saving.<8 hex>, in the target or, when that is not there yet, beside it), made durable, and
// moved when all are there. What goes wrong before that leaves the target as it was, and so does a
// move that fails; what a killed process left behind is removed by the next writer. A new target
// appears all at once. Called by save_pretrained of models and tokenizers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "../engine/base/bytes.h"
#include "cache.h"

namespace tern::hub {

class TERN_API FolderWriter {
 public:
  /// Makes the folders that are missing. invalid_argument when `folder` is a file; denied, io: the
  /// system's reason.
  explicit FolderWriter(const std::string& folder);
  /// Removes what was not published.
  ~FolderWriter();
  FolderWriter(const FolderWriter&) = delete;
  FolderWriter& operator=(const FolderWriter&) = delete;

  /// io when the file system has less space than this left.
  void need_space(uint64_t bytes) const;

  /// A file that is written piece by piece.
  class File {
   public:
    void append(Bytes bytes);
    /// Makes it durable. What is not finished is not published.
    void finish();

   private:
    friend class FolderWriter;
    File(FolderWriter& writer, const std::string& name);
    FolderWriter& writer_;
    std::string name_, path_;
    OpenedFile file_;
    uint64_t size_ = 0;
  };
  /// `name`: a plain relative path, at most one folder deep.
  File begin(const std::string& name);
  void write(const std::string& name, Bytes content);

  /// A file of the target that publishing takes away. Those are moved aside first, so that nobody
  /// finds some of them beside some of the new ones.
  void replace(const std::string& name);
  /// What the target has now.
  std::vector<std::string> target_files() const;

  /// Moves everything into place: what replace() names goes first, then write()'s files come, then
  /// begin()'s in the order given. So whoever reads, or a process that is killed, finds no file of
  /// begin() beside one that it replaces.
  void publish();

 private:
  std::string staged(std::string_view name) const;
  std::string target(std::string_view name) const;
  void add(const std::string& name, std::vector<std::string>& list);
  void make_staging(const std::string& home);
  void publish_into();
  void remove_strays(const std::string& parent) const;

  std::string folder_, staging_;
  bool new_ = false;  // the target appears as a whole
  std::optional<OpenedFile> lock_;
  std::vector<std::string> small_, large_, replaced_;
  std::set<std::string> unfinished_;
};

}  // namespace tern::hub
