// SPDX-License-Identifier: Apache-2.0
// FolderWriter: files that come into a folder together. They are written into a folder of their own
// (.saving.<8 hex>, in the target or, when that is not there yet, beside it), made durable, and
// moved when all are there. What goes wrong before that leaves the target as it was, and so does a
// move that fails. Of a killed process, the next writer removes what was not complete and finishes
// the moves that had begun. A new target appears all at once. Called by save_pretrained of models
// and tokenizers.
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

/// A folder and those above it, where they are missing. invalid_argument when one is a file.
void make_folders(const std::string& path);

class TERN_API FolderWriter {
 public:
  /// Makes the folders that are missing. invalid_argument when `folder` is a file; denied, io: the
  /// system's reason, also why what another writer had begun to move cannot be moved.
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
    /// Makes it durable; internal when it has not this size. What is not finished is not published.
    void finish(uint64_t size);

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

  /// Files of the target, or of its folder `inside`, that publishing takes away: those that it has
  /// then, whoever wrote them. `stale` is told their names, in full.
  void replace_if(std::function<bool(const std::string& name)> stale,
                  const std::string& inside = {});
  void replace(const std::string& name);

  /// Moves everything into place: first the old files go, write()'s in reverse, begin()'s, and what
  /// replace() names; then the new ones come, begin()'s and write()'s in the order given. So while
  /// the last file of write() is there, all are, and of one model; whoever is killed in between
  /// leaves none. When one file alone changes it is replaced at once. Writers of one folder publish
  /// one after the other (flock of the folder, where its file system has that); io when
  /// another one takes a minute for it.
  void publish();

 private:
  std::string staged(std::string_view name) const;
  std::string target(std::string_view name) const;
  void add(const std::string& name, std::vector<std::string>& list);
  void make_staging(const std::string& home);
  OpenedFile turn() const;
  void publish_into();
  std::vector<std::string> stale_files() const;
  bool changes(const std::string& name) const;
  void clear_strays(const std::string& parent, bool has_turn) const;

  std::string folder_, staging_;
  bool new_ = false;  // the target appears as a whole
  std::optional<OpenedFile> lock_;
  std::vector<std::string> small_, large_;
  struct Stale {
    std::string inside;
    std::function<bool(const std::string&)> is;
  };
  std::vector<Stale> stale_;
  std::set<std::string> unfinished_;
};

}  // namespace tern::hub
