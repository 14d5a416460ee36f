// SPDX-License-Identifier: Apache-2.0
// FakeHub: the hub on 127.0.0.1, with the headers that the real one sends: an endpoint (listing,
// resolve: a relative redirect for small files, 302 to another origin for large ones) and a content
// server on another port. A test lays hands on any answer through `tamper`; every request is kept.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace tern::test {

struct HubRequest {
  bool content_server = false;
  std::string method, target;
  std::map<std::string, std::string> headers;  // names in lower case

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

struct HubReply {
  int status = 200;
  std::vector<std::string> headers;  // "Name: value"
  std::string body;
  std::optional<uint64_t> length = {};  // Content-Length, when it is not the body's
  bool chunked = false;                 // no length
  size_t cut = std::string::npos;       // the connection is reset after so many bytes
  size_t piece = std::string::npos;     // bytes at a time,
  int pause_ms = 0;                     // and the pause after each
  bool silent = false;                  // no answer at all
  std::string raw;                      // instead of everything
  void set(const std::string& header);  // replaces one of that name
  void remove(const std::string& name);
};

/// Accepts on 127.0.0.1, a thread per connection.
class LocalServer {
 public:
  using Handler = std::function<HubReply(const HubRequest&)>;
  explicit LocalServer(Handler handler);
  ~LocalServer();
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;

  std::string origin() const;
  std::atomic<uint64_t> body_bytes{0}, connections{0};

 private:
  void accept_all();
  void serve(int socket);
  bool send(int socket, const HubRequest& request, const HubReply& reply);

  Handler handler_;
  int listener_ = -1, port_ = 0;
  std::atomic<bool> ending_{false};
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable closed_;
  std::set<int> open_;
};

class FakeHub {
 public:
  FakeHub();

  struct File {
    std::string content;
    bool large = false;
    mutable std::string known_hash = {};
    std::string hash() const;
  };
  struct Model {
    std::string commit = "0123456789abcdef0123456789abcdef01234567";
    std::map<std::string, File> files;
  };
  std::map<std::string, Model> models;  // by id; main is its commit

  /// Called for each answer before it is sent.
  std::function<void(const HubRequest&, HubReply&)> tamper;
  bool lists_hashes = true;  // the answer to blobs=true

  std::string endpoint() const { return endpoint_.origin(); }
  std::string content_origin() const { return content_.origin(); }
  std::vector<HubRequest> requests() const;
  void forget_requests();
  uint64_t content_bytes() const { return content_.body_bytes; }
  uint64_t connections() const { return endpoint_.connections + content_.connections; }

 private:
  HubReply answer(const HubRequest& request);
  HubReply answer_endpoint(const HubRequest& request);
  HubReply listing(const std::string& id, const Model& model) const;
  HubReply resolve(const HubRequest& request, const std::string& id, const Model& model);
  HubReply content(const HubRequest& request, const File& file) const;

  mutable std::mutex mutex_;
  std::vector<HubRequest> requests_;
  LocalServer endpoint_, content_;
};

/// `size` bytes that no other seed gives.
std::string random_bytes(size_t size, unsigned seed);

}  // namespace tern::test
