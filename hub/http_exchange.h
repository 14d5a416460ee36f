// SPDX-License-Identifier: Apache-2.0
// HttpExchange: what http.cpp's callbacks share while one answer comes: it parses the head, counts,
// and notices when nothing or too little comes. Knows nothing of the client library.
#pragma once

#include <chrono>
#include <exception>

#include "../engine/base/env.h"
#include "http.h"

namespace tern::hub {

struct HttpExchange {
  HttpReceiver& receiver;
  int idle_seconds;
  HttpHead head = {};
  size_t header_bytes = 0, received = 0;
  bool head_given = false, stopped = false, too_many_headers = false, stalled = false;
  std::exception_ptr thrown = nullptr;
  std::chrono::steady_clock::time_point heard = env().now(), window = heard;
  size_t window_received = 0;

  /// One line of the head.
  void header(std::string_view line);
  /// Hands the head to the receiver, once.
  bool give_head();
  bool body(Bytes bytes);
  /// False when the exchange is to end: not wanted any more, silent or too slow.
  bool alive();
};

}  // namespace tern::hub
