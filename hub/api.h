// SPDX-License-Identifier: Apache-2.0
// HubApi: what a repository holds at a revision, and the hub's refusals as sentences that say what
// to do. Everything the hub says is checked here: hashes, sizes, commit, and every name, which must
// be a plain relative path.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connection.h"

namespace tern::hub {

struct HubFile {
  std::string path;
  uint64_t size = 0;
  std::string hash = {};  // is_hash; empty in a listing that does not tell
};

struct HubListing {
  std::string commit = {};
  std::vector<HubFile> files = {};  // sorted by path

  const HubFile* find(std::string_view path) const noexcept;
};

/// What is being asked for, in messages.
struct HubSubject {
  std::string id, revision, file = {};
};

class HubApi {
 public:
  HubApi(HubConnection& connection, const std::string& id, const std::string& revision)
      : connection_(connection), id_(id), revision_(revision) {}

  /// GET api/models/<id>/revision/<revision>. Errors: not_found, denied (gated, token, hostile
  /// names), network, corrupt (no listing).
  HubListing list(int tries);
  /// HEAD <id>/resolve/<commit>/<path>: fills size and hash where the listing has none.
  void complete(const std::string& commit, HubFile& file);

 private:
  HubConnection& connection_;
  const std::string &id_, &revision_;
};

/// The listing in the hub's JSON.
HubListing parse_listing(const std::string& text, const std::string& id);

/// <endpoint>/<id>/resolve/<commit>/<path>
std::string resolve_address(const HubSettings& settings, const std::string& id,
                            const std::string& commit, const std::string& path);

/// W/"…" and quotes taken off.
std::string plain_etag(std::string_view etag);

/// The Error that a failed exchange or a refusal means.
[[noreturn]] void fail_answer(const HubSubject& subject, const HubSettings& settings,
                              const HttpResult& result);

/// Keeps a body that is an answer in words.
class TextReceiver final : public HubReceiver {
 public:
  explicit TextReceiver(size_t limit) : limit_(limit) {}
  bool head(const HttpHead&) override {
    text.clear();
    return true;
  }
  bool body(Bytes bytes) override {
    if (bytes.size() > limit_ - text.size()) {
      overflow = true;
      return false;
    }
    text += as_text(bytes);
    return true;
  }

  std::string text;
  bool overflow = false;

 private:
  size_t limit_;
};

}  // namespace tern::hub
