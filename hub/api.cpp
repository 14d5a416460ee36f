// SPDX-License-Identifier: Apache-2.0
#include "api.h"

#include <algorithm>
#include <charconv>

#include "../engine/base/format.h"
#include "cache_layout.h"
#include "formats/json.h"
#include "formats/safetensors_header.h"
#include "hash.h"
#include "repo.h"

namespace tern::hub {

namespace {

constexpr size_t kMostListing = size_t{64} << 20;
constexpr size_t kMostFiles = 100'000;
constexpr uint64_t kMostSize = uint64_t{1} << 44;

/// Percent-encodes what is not plain; '/' stays when `slashes`.
std::string url_part(std::string_view text, bool slashes) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~' || (c == '/' && slashes);
    const auto byte = static_cast<unsigned char>(c);
    if (plain) {
      out += c;
    } else {
      out += {'%', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]};
    }
  }
  return out;
}

uint64_t size_of(const Json& json, const std::string& id, const std::string& path) {
  const auto size = json.integer();
  if (size && *size >= 0 && static_cast<uint64_t>(*size) <= kMostSize) {
    return static_cast<uint64_t>(*size);
  }
  fail(ErrorCode::corrupt, cat(id, ": the hub gives no possible size for ", shown_name(path)));
}

HubFile file_of(const Json& entry, const std::string& id) {
  const auto name = entry["rfilename"].string();
  if (!name || !safe_relative_path(*name)) {
    fail(ErrorCode::denied, cat(id, ": the hub lists a file ", shown_name(name.value_or("")),
                                ", which is no plain relative path"));
  }
  HubFile file{.path = std::string(*name)};
  const Json& lfs = entry["lfs"];
  const Json& hash = !lfs.is_object()         ? entry["blobId"]
                     : lfs.contains("sha256") ? lfs["sha256"]
                                              : lfs["oid"];
  if (hash.is_null()) return file;
  file.hash = hash.string().value_or("");
  if (!is_hash(file.hash)) {
    fail(ErrorCode::denied, cat(id, ": the hub names the content of ", file.path, " ",
                                shown_name(file.hash), ", which is no hash"));
  }
  file.size =
      size_of(lfs.is_object() && lfs.contains("size") ? lfs["size"] : entry["size"], id, file.path);
  return file;
}

std::string advice_on_access(const HubSubject& subject, const HubSettings& settings) {
  return cat("ask for access at ", settings.endpoint, "/", subject.id,
             settings.token.empty() ? ", then pass an access token (option token, HF_TOKEN)"
                                    : " with the account the token belongs to");
}

std::string place(const HubSubject& subject) {
  return subject.file.empty() ? subject.id : cat(subject.id, ": ", subject.file);
}

[[noreturn]] void fail_refused(const HubSubject& subject, const HubSettings& settings,
                               const HttpHead& head) {
  const std::string* given = head.find("x-error-code");
  const std::string code = given ? *given : "";
  const bool token = !settings.token.empty();
  if (code == "GatedRepo") {
    fail(ErrorCode::denied,
         cat(place(subject), ": the model is gated: ", advice_on_access(subject, settings)));
  }
  if (code == "RevisionNotFound") {
    fail(ErrorCode::not_found,
         cat(subject.id, ": the hub knows no revision ", shown_name(subject.revision),
             " of it: is the branch, tag or commit spelled right?"));
  }
  if (code == "EntryNotFound") {
    fail(ErrorCode::not_found,
         cat(subject.id, ": the repository has no file ", shown_name(subject.file)));
  }
  if (code == "RepoNotFound" || (head.status == 401 && !token) || head.status == 404) {
    fail(ErrorCode::not_found,
         cat(subject.id,
             ": the hub knows no such model, or it is private: check the name; for a "
             "private one ",
             token ? "the token's account needs access"
                   : "pass an access token (option token, HF_TOKEN)"));
  }
  if (head.status == 401) {
    fail(ErrorCode::denied, cat(place(subject),
                                ": the hub does not accept the access token: is it "
                                "expired? https://huggingface.co/settings/tokens"));
  }
  fail(ErrorCode::denied, cat(place(subject), ": access is denied (HTTP ", head.status,
                              "): ", advice_on_access(subject, settings)));
}

}  // namespace

const HubFile* HubListing::find(std::string_view path) const noexcept {
  const auto it = std::lower_bound(files.begin(), files.end(), path,
                                   [](const HubFile& f, std::string_view p) { return f.path < p; });
  return it != files.end() && it->path == path ? &*it : nullptr;
}

std::string resolve_address(const HubSettings& settings, const std::string& id,
                            const std::string& commit, const std::string& path) {
  return cat(settings.endpoint, "/", id, "/resolve/", url_part(commit, false), "/",
             url_part(path, true));
}

std::string plain_etag(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return std::string(etag);
}

void fail_answer(const HubSubject& subject, const HubSettings& settings, const HttpResult& result) {
  const std::string where = cat(place(subject), ": ", settings.endpoint);
  switch (result.end) {
    case HttpEnd::unreachable:
      fail(ErrorCode::network, cat(where, " cannot be reached (", result.problem,
                                   "): look at the connection and proxy, or set HF_HUB_OFFLINE=1 "
                                   "to use what the cache has"));
    case HttpEnd::insecure:
      fail(ErrorCode::network,
           cat(where, " gives no trustworthy encrypted connection (", result.problem,
               "): for a company's own certificates set SSL_CERT_FILE"));
    case HttpEnd::complete:
      break;
    default:
      fail(ErrorCode::network,
           cat(where, ": the answer broke off (", result.problem, "): try again"));
  }
  const int status = result.head.status;
  if (status == 429) {
    const std::optional<int64_t> wait = retry_after(result.head);
    fail(ErrorCode::network,
         cat(where, " has too many requests from here (HTTP 429): wait ",
             wait ? cat("the ", *wait, " s it asks for") : std::string("a few minutes"),
             settings.token.empty() ? ", or pass an access token (HF_TOKEN), which may ask more"
                                    : ""));
  }
  if (status == 401 || status == 403 || status == 404) fail_refused(subject, settings, result.head);
  fail(ErrorCode::network, cat(where, " answers HTTP ", status,
                               status >= 500 ? ", a fault of its own: try again later"
                                             : ": is HF_ENDPOINT right, or does a proxy answer?"));
}

HubListing HubApi::list(int tries) {
  const HubSettings& settings = connection_.settings();
  const std::string url = cat(settings.endpoint, "/api/models/", id_, "/revision/",
                              url_part(revision_, false), "?blobs=true");
  const HubSubject subject{.id = id_, .revision = revision_};
  Retry retry(tries);
  while (true) {
    TextReceiver receiver(kMostListing);
    const HubAnswer answer =
        connection_.ask({.url = url, .idle_seconds = settings.etag_seconds}, receiver);
    if (receiver.overflow) fail(ErrorCode::corrupt, cat(id_, ": the hub's listing is over 64 MiB"));
    const bool good = answer.result.end == HttpEnd::complete && answer.result.head.status == 200;
    if (good) return parse_listing(receiver.text, id_);
    if (!retry.again(answer.result)) fail_answer(subject, settings, answer.result);
  }
}

HubListing parse_listing(const std::string& text, const std::string& id) {
  Json json;
  try {
    json = Json::parse(text, "listing");
  } catch (const Error&) {
    fail(ErrorCode::network, cat(id,
                                 ": the hub's answer is no JSON: does a login page or proxy answer "
                                 "in its place?"));
  }
  HubListing listing{.commit = std::string(json["sha"].string().value_or(""))};
  if (!is_commit_hash(listing.commit)) {
    fail(ErrorCode::denied,
         cat(id, ": the hub names the commit ", shown_name(listing.commit), ", which is none"));
  }
  if (json["siblings"].elements().size() > kMostFiles) {
    fail(ErrorCode::unsupported, cat(id, ": more than ", kMostFiles, " files"));
  }
  for (const Json& entry : json["siblings"].elements()) listing.files.push_back(file_of(entry, id));
  std::sort(listing.files.begin(), listing.files.end(),
            [](const HubFile& a, const HubFile& b) { return a.path < b.path; });
  return listing;
}

void HubApi::complete(const std::string& commit, HubFile& file) {
  if (!file.hash.empty()) return;
  const HubSettings& settings = connection_.settings();
  const HubQuestion question{.url = resolve_address(settings, id_, commit, file.path),
                             .head = true,
                             .stay = true,
                             .idle_seconds = settings.etag_seconds};
  const HubSubject subject{.id = id_, .revision = revision_, .file = file.path};
  Retry retry;
  while (true) {
    TextReceiver receiver(0);
    const HttpResult result = connection_.ask(question, receiver).result;
    const bool good =
        result.end == HttpEnd::complete && result.head.status >= 200 && result.head.status < 400;
    if (!good && retry.again(result)) continue;
    if (!good) fail_answer(subject, settings, result);
    const std::string* linked = result.head.find("x-linked-etag");
    const std::string* etag = linked ? linked : result.head.find("etag");
    const std::string* linked_size = result.head.find("x-linked-size");
    const std::string* size = linked_size ? linked_size : result.head.find("content-length");
    file.hash = etag ? plain_etag(*etag) : "";
    const char* end = size ? size->data() + size->size() : nullptr;
    const bool sized =
        size && std::from_chars(size->data(), end, file.size).ptr == end && !size->empty();
    if (!is_hash(file.hash) || !sized || file.size > kMostSize) {
      fail(ErrorCode::denied,
           cat(id_, ": the hub gives ", file.path, " the ETag ", shown_name(file.hash),
               " and the size ", shown_name(size ? *size : ""), ", which no file of the hub has"));
    }
    return;
  }
}

}  // namespace tern::hub
