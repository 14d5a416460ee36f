// SPDX-License-Identifier: Apache-2.0
// What stands in place of http.cpp in a build without the hub client.
#ifndef TERN_HAS_CURL

#include "../engine/base/error.h"
#include "http.h"

namespace tern::hub {

std::unique_ptr<HttpSession> HttpSession::open() {
  fail(ErrorCode::unsupported,
       "this tern was built without the hub client (-Dhub=disabled): put the files in a folder, or "
       "into the cache, and pass its name");
}

bool http_built() noexcept {
  return false;
}

std::optional<std::string> resolve_url(const std::string&, const std::string&) {
  return std::nullopt;
}

Origin origin_of(const std::string&) {
  return {};
}

}  // namespace tern::hub

#endif
