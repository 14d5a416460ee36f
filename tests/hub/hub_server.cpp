// SPDX-License-Identifier: Apache-2.0
#include "hub_server.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "../../engine/base/format.h"
#include "../../hub/formats/json.h"
#include "../../hub/hash.h"

namespace tern::test {

namespace {

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

std::string name_of(const std::string& header) {
  return lower(header.substr(0, header.find(':')));
}

std::string decoded(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void reset(int socket) {
  const linger hard = {1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

std::optional<HubRequest> parse(const std::string& text) {
  HubRequest request;
  size_t at = text.find("\r\n");
  const std::string line = text.substr(0, at);
  const size_t first = line.find(' '), second = line.find(' ', first + 1);
  if (second == std::string::npos) return std::nullopt;
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, second - first - 1);
  for (at += 2; at < text.size();) {
    const size_t end = text.find("\r\n", at);
    const std::string header = text.substr(at, end - at);
    at = end + 2;
    const size_t colon = header.find(':');
    if (colon != std::string::npos) {
      request.headers[name_of(header)] = header.substr(std::min(colon + 2, header.size()));
    }
  }
  return request;
}

}  // namespace

void HubReply::remove(const std::string& name) {
  std::erase_if(headers, [&](const std::string& header) { return name_of(header) == lower(name); });
}

void HubReply::set(const std::string& header) {
  remove(name_of(header));
  headers.push_back(header);
}

LocalServer::LocalServer(Handler handler) : handler_(std::move(handler)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(listener_, 64) == 0);
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { accept_all(); });
}

LocalServer::~LocalServer() {
  ending_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  {
    std::unique_lock lock(mutex_);
    for (const int socket : open_) ::shutdown(socket, SHUT_RDWR);
    closed_.wait(lock, [this] { return open_.empty(); });
  }
  ::close(listener_);
}

std::string LocalServer::origin() const {
  return cat("http://127.0.0.1:", port_);
}

void LocalServer::accept_all() {
  while (!ending_) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) continue;
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ++connections;
    const std::scoped_lock lock(mutex_);
    open_.insert(socket);
    // Not kept to be joined: tens of thousands of ended threads would still have their stacks.
    std::thread([this, socket] { serve(socket); }).detach();
  }
}

void LocalServer::serve(int socket) {
  std::string text;
  for (bool open = true; open && !ending_;) {
    char bytes[4096];
    const ssize_t got = ::recv(socket, bytes, sizeof bytes, 0);
    if (got <= 0) break;
    text.append(bytes, static_cast<size_t>(got));
    const size_t end = text.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    const auto request = parse(text.substr(0, end + 2));
    text.erase(0, end + 4);
    open = request && send(socket, *request, handler_(*request));
  }
  const std::scoped_lock lock(mutex_);
  open_.erase(socket);
  ::close(socket);
  closed_.notify_all();
}

bool LocalServer::send(int socket, const HubRequest& request, const HubReply& reply) {
  if (reply.silent) {
    char byte;
    return ::recv(socket, &byte, 1, 0) > 0;  // until the other side gives up
  }
  if (!reply.raw.empty()) {
    send_all(socket, reply.raw);
    return false;
  }
  std::string head = cat("HTTP/1.1 ", reply.status, " Words\r\n");
  for (const std::string& header : reply.headers) head += header + "\r\n";
  if (reply.chunked) {
    head += "Transfer-Encoding: chunked\r\n";
  } else {
    head += cat("Content-Length: ", reply.length.value_or(reply.body.size()), "\r\n");
  }
  if (!send_all(socket, head + "\r\n")) return false;
  if (request.method == "HEAD") return true;
  const std::string_view body = std::string_view(reply.body).substr(0, reply.cut);
  for (size_t at = 0; at < body.size() && !ending_;) {
    const std::string_view piece = body.substr(at, std::min<size_t>(reply.piece, size_t{64} << 10));
    const std::string size = reply.chunked ? [&] {
      char digits[32];
      std::snprintf(digits, sizeof digits, "%zx\r\n", piece.size());
      return std::string(digits);
    }() : "";
    body_bytes += piece.size();  // first: who has received it may count
    if (!send_all(socket, cat(size, piece, reply.chunked ? "\r\n" : ""))) return false;
    at += piece.size();
    if (reply.pause_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(reply.pause_ms));
  }
  if (reply.cut < reply.body.size()) {
    // What was sent is to arrive; a reset would take it back.
    if (reply.cut % 2 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (reply.cut % 2 == 0) reset(socket);
    return false;
  }
  if (reply.chunked) return send_all(socket, "0\r\n\r\n");
  return !reply.length;
}

std::string FakeHub::File::hash() const {
  constexpr size_t kWorthKeeping = 1 << 20;  // tests change small files only
  if (!known_hash.empty()) return known_hash;
  hub::Hasher hasher(large ? hub::HashKind::sha256 : hub::HashKind::git_sha1, content.size());
  hasher.update(as_bytes(content));
  std::string hash = hasher.finish();
  if (content.size() > kWorthKeeping) known_hash = hash;
  return hash;
}

FakeHub::FakeHub()
    : endpoint_([this](const HubRequest& request) { return answer(request); }),
      content_([this](const HubRequest& request) {
        HubRequest marked = request;
        marked.content_server = true;
        return answer(marked);
      }) {}

std::vector<HubRequest> FakeHub::requests() const {
  const std::scoped_lock lock(mutex_);
  return requests_;
}

void FakeHub::forget_requests() {
  const std::scoped_lock lock(mutex_);
  requests_.clear();
}

HubReply FakeHub::answer(const HubRequest& request) {
  const std::scoped_lock lock(mutex_);
  requests_.push_back(request);
  HubReply reply;
  if (request.content_server) {
    const std::string hash = request.target.substr(6, request.target.find('?') - 6);  // "/blob/"
    reply.status = 403;
    for (const auto& [id, model] : models) {
      for (const auto& [path, file] : model.files) {
        if (file.hash() == hash) reply = content(request, file);
      }
    }
  } else {
    reply = answer_endpoint(request);
  }
  if (tamper) tamper(request, reply);
  return reply;
}

HubReply FakeHub::answer_endpoint(const HubRequest& request) {
  const std::string target = decoded(request.target.substr(0, request.target.find('?')));
  HubReply missing{
      .status = 401, .headers = {"X-Error-Code: RepoNotFound"}, .body = "{}", .raw = ""};
  for (const auto& [id, model] : models) {
    const std::string api = cat("/api/models/", id, "/revision/");
    if (target.starts_with(api)) {
      const std::string revision = target.substr(api.size());
      if (revision == "main" || revision == model.commit) return listing(id, model);
      return {
          .status = 404, .headers = {"X-Error-Code: RevisionNotFound"}, .body = "{}", .raw = ""};
    }
    const bool resolves = target.starts_with(cat("/", id, "/resolve/")) ||
                          target.starts_with(cat("/api/resolve-cache/models/", id, "/"));
    if (resolves) return resolve(request, id, model);
  }
  return missing;
}

HubReply FakeHub::listing(const std::string& id, const Model& model) const {
  std::string files;
  for (const auto& [path, file] : model.files) {
    files += cat(files.empty() ? "" : ",", "{\"rfilename\":", hub::json_quote(path));
    if (lists_hashes) {
      const std::string hash = file.hash();
      files += cat(",\"size\":", file.content.size(), ",\"blobId\":\"",
                   file.large ? std::string(40, 'e') : hash, "\"");
      if (file.large) {
        files += cat(",\"lfs\":{\"sha256\":\"", hash, "\",\"size\":", file.content.size(),
                     ",\"pointerSize\":134}");
      }
    }
    files += "}";
  }
  return {.headers = {"Content-Type: application/json; charset=utf-8"},
          .body = cat("{\"id\":\"", id, "\",\"sha\":\"", model.commit,
                      "\",\"private\":false,\"siblings\":[", files, "]}"),
          .raw = ""};
}

HubReply FakeHub::resolve(const HubRequest& request, const std::string& id, const Model& model) {
  std::string rest = decoded(request.target.substr(0, request.target.find('?')));
  const bool second = rest.starts_with("/api/resolve-cache/");
  rest.erase(0, second ? std::string("/api/resolve-cache/models/").size() + id.size() + 1
                       : id.size() + std::string("//resolve/").size());
  const std::string path = rest.substr(rest.find('/') + 1);
  const auto found = model.files.find(path);
  if (found == model.files.end()) {
    return {.status = 404,
            .headers = {"X-Error-Code: EntryNotFound", "X-Repo-Commit: " + model.commit},
            .body = "Entry not found",
            .raw = ""};
  }
  const File& file = found->second;
  HubReply reply;
  if (second) {
    reply = content(request, file);
  } else {
    reply.status = file.large ? 302 : 307;
    reply.headers.push_back(
        file.large ? cat("Location: ", content_origin(), "/blob/", file.hash(), "?sig=x")
                   : cat("Location: /api/resolve-cache/models/", id,
                         request.target.substr(cat("/", id, "/resolve").size())));
    reply.headers.push_back(cat("X-Linked-Size: ", file.content.size()));
    reply.headers.push_back(cat("X-Linked-Etag: \"", file.hash(), "\""));
    reply.headers.push_back(cat("ETag: \"", file.hash(), "\""));
    reply.body = "Temporary redirect";
  }
  reply.headers.push_back("X-Repo-Commit: " + model.commit);
  return reply;
}

HubReply FakeHub::content(const HubRequest& request, const File& file) const {
  HubReply reply;
  reply.headers = {"Accept-Ranges: bytes", cat("ETag: \"", file.hash(), "\"")};
  const std::string range = request.header("range");
  if (!range.starts_with("bytes=")) {
    reply.body = file.content;
    return reply;
  }
  const size_t dash = range.find('-');
  const size_t first = std::stoull(range.substr(6, dash - 6));
  const size_t last =
      std::min<size_t>(std::stoull(range.substr(dash + 1)), file.content.size() - 1);
  if (first >= file.content.size()) {
    reply.status = 416;
    return reply;
  }
  reply.status = 206;
  reply.headers.push_back(cat("Content-Range: bytes ", first, "-", last, "/", file.content.size()));
  reply.body = file.content.substr(first, last - first + 1);
  return reply;
}

std::string random_bytes(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

}  // namespace tern::test
