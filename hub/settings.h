// SPDX-License-Identifier: Apache-2.0
// What the environment says about the hub, by huggingface_hub's rules: HF_ENDPOINT, HF_TOKEN,
// HF_TOKEN_PATH, HF_HUB_OFFLINE and the rest. Proxies (https_proxy, no_proxy, …) and the trusted
// certificates (SSL_CERT_FILE, …: never none) are the HTTP client's own business.
#pragma once

#include <string>

#include "../engine/base/api.h"

namespace tern::hub {

struct HubSettings {
  std::string endpoint = "https://huggingface.co";  // without '/' at the end
  std::string token = {};                           // empty: none. Never part of a message.
  bool symlinks = true;
  int etag_seconds = 10;      // for a question about a repository
  int download_seconds = 10;  // of silence while a file comes

  /// `token`: the caller's, which stands before the environment's. invalid_argument when the
  /// endpoint is no http(s) URL or the token could not be sent in a header.
  static HubSettings read(const std::string& token = {});
};

/// HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set.
TERN_API bool hub_offline();

}  // namespace tern::hub
