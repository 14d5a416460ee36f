// SPDX-License-Identifier: Apache-2.0
// One HTTP exchange at a time: no redirect is followed, no content is decoded, nothing is retried.
// http.cpp is the only file that knows the client library (libcurl, loaded on first use, because
// its 35 libraries cost a program 5 ms at start). Headers and the rate of the body are bounded.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../engine/base/bytes.h"

namespace tern::hub {

/// Where a URL leads: what a credential is bound to.
struct Origin {
  std::string scheme, host, port;
  bool operator==(const Origin&) const = default;
};

struct HttpRequest {
  bool head = false;  // HEAD instead of GET
  std::string url;
  std::vector<std::string> headers = {};  // "Name: value"
  int connect_seconds = 10;
  /// The longest silence; three times as long below 1 KiB/s ends the exchange as well.
  int idle_seconds = 10;
};

struct HttpHead {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers = {};  // names in lower case

  /// The last header of that name, nullptr when there is none.
  const std::string* find(std::string_view name) const noexcept;
};

/// Takes the answer as it comes. Returning false ends the exchange (HttpEnd::stopped).
class HttpReceiver {
 public:
  virtual ~HttpReceiver() = default;
  virtual bool head(const HttpHead& head) = 0;
  virtual bool body(Bytes bytes) = 0;
  /// Asked at least once a second.
  virtual bool wanted() { return true; }
};

enum class HttpEnd {
  complete,
  stopped,      // by the receiver
  unreachable,  // no connection: name, address, proxy
  insecure,     // the certificate or the encryption is not acceptable
  broken,       // the connection ended early, went silent or slow
  malformed,    // no HTTP, or more headers than allowed
};

struct HttpResult {
  HttpEnd end = HttpEnd::complete;
  HttpHead head = {};
  std::string problem = {};  // what the client library says
};

/// A connection that is kept for the next exchange; one thread at a time.
class HttpSession {
 public:
  virtual ~HttpSession() = default;
  virtual HttpResult send(const HttpRequest& request, HttpReceiver& receiver) = 0;

  /// Error unsupported when tern was built without a client or the library is not installed.
  static std::unique_ptr<HttpSession> open();
};

/// True when tern was built with a client.
bool http_built() noexcept;

/// `location` as seen from `base` (empty for none); nullopt unless it becomes an http or https URL
/// without a user name.
std::optional<std::string> resolve_url(const std::string& base, const std::string& location);
/// The origin of a URL that resolve_url gave.
Origin origin_of(const std::string& url);

}  // namespace tern::hub
