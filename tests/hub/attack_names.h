// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace tern::test {

// Names that no part of a repository may have.
inline const std::vector<std::string>& attack_names() {
  static const std::vector<std::string> kNames = {
      "..", ".", "", "/", "//", "/abs", "/etc/passwd", "../x", "../../x", "../../../../etc/passwd",
      "a/..", "a/../b", "a/../../b", "a/../../../b", "./a", "a/.", "a/./b", "a//b", "//a", "a/", "a//",
      "../", "./", "./../x", "C:\\x", "c:\\windows\\win.ini", "\\\\host\\share", "\\", "a\\b",
      "..\\..\\x", "a\\..\\b", "a/..\\b", "\\..", std::string("\0", 1), std::string("a\0b", 3),
      std::string("config.json\0", 12), std::string("\0/etc/passwd", 12), std::string("..\0", 3),
      std::string(256, 'x'), std::string(300, 'x'), "a/" + std::string(300, 'x'),
      std::string(300, 'x') + "/a", std::string("../") + std::string(255, 'x'), "a/b/c/../../../../d",
      "blobs/../../x", "....//..", "../.", "./..", ".//", "a/../", "/../x", "/./x", "//host/share",
      "refs/../../x", "snapshots/../../../secret", "a/b/..", "..//a", "/a/", "a///b", "x/\\",
  };
  return kNames;
}

}  // namespace tern::test
