// SPDX-License-Identifier: Apache-2.0
// HubConnection: questions to the hub, one at a time. Redirects are followed by hand, at most five,
// so that the access token goes to the endpoint's own scheme, host and port and to nobody else, and
// from https never to http. Retry says whether and when a failed question is asked again.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "../engine/base/error.h"
#include "http.h"
#include "settings.h"

namespace tern::hub {

struct HubQuestion {
  std::string url;
  std::string range = {};  // "0-99", empty: everything
  bool head = false;
  /// HEAD: a redirect to another origin is the answer, not followed.
  bool stay = false;
  int idle_seconds = 10;
};

/// Takes the last answer; `hop` sees the head of every answer that came from the endpoint.
class HubReceiver : public HttpReceiver {
 public:
  virtual void hop(const HttpHead&) {}
};

struct HubAnswer {
  HttpResult result = {};
  std::string url = {};  // where the last answer came from
};

class HubConnection {
 public:
  explicit HubConnection(const HubSettings& settings);

  HubAnswer ask(const HubQuestion& question, HubReceiver& receiver);
  const HubSettings& settings() const noexcept { return settings_; }

 private:
  const HubSettings& settings_;
  std::unique_ptr<HttpSession> session_;
  Origin endpoint_;
};

/// Up to `most` failures in a row (three without any connection): 0.5, 1, 2, 4 s apart and up to
/// half as much more, or what Retry-After asks for when that is at most a minute.
class Retry {
 public:
  explicit Retry(int most = 5) noexcept : most_(most) {}
  /// True after waiting when it makes sense to ask again.
  bool again(const HttpResult& result);
  /// Something came: the failures before do not count any more.
  void progress() noexcept { failures_ = 0; }

 private:
  int most_, failures_ = 0;
};

/// The seconds to wait that a head asks for, as such or as a date (RFC 9110, 10.2.3; of the forms of
/// a date the one that servers must send); nothing when it does not, or in a form that is none.
std::optional<int64_t> retry_after(const HttpHead& head);

/// True for the answers that later may be others: 408, 429, 500, 502, 503, 504.
bool passing_status(int status) noexcept;

}  // namespace tern::hub
