// SPDX-License-Identifier: Apache-2.0
#include "json_input.h"

#include "../engine/base/env.h"
#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "lines.h"

namespace tern::cli {

hub::Json read_json(const std::string& path) {
  constexpr uint64_t kLargest = uint64_t{64} << 20;
  if (path != "-") return hub::Json::parse(env().read_file(path, kLargest), path);
  LineSource source("-");
  Lines lines;
  std::string text;
  while (source.take(lines)) {
    for (size_t i = 0; i < lines.size(); ++i) text += cat(lines[i], "\n");
    if (text.size() > kLargest) fail(ErrorCode::invalid_argument, "<stdin>: more than 64 MB");
    lines.clear();
  }
  return hub::Json::parse(text, "<stdin>");
}

}  // namespace tern::cli
