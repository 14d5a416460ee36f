// SPDX-License-Identifier: Apache-2.0
#ifdef TERN_HAS_CURL

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>
#include <signal.h>

#include <array>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "http_exchange.h"

#undef curl_easy_setopt
#undef curl_easy_getinfo

namespace tern::hub {

namespace {

constexpr size_t kMostHeaders = 64 << 10;
constexpr long kBuffer = 512 << 10;

/// The functions of libcurl that are used.
struct Curl {
  decltype(&curl_global_init) global_init;
  decltype(&curl_easy_init) easy_init;
  decltype(&curl_easy_cleanup) easy_cleanup;
  decltype(&curl_easy_reset) easy_reset;
  decltype(&curl_easy_setopt) setopt;
  decltype(&curl_easy_perform) perform;
  decltype(&curl_easy_strerror) strerror;
  decltype(&curl_slist_append) slist_append;
  decltype(&curl_slist_free_all) slist_free_all;
  decltype(&curl_url) url;
  decltype(&curl_url_cleanup) url_cleanup;
  decltype(&curl_url_set) url_set;
  decltype(&curl_url_get) url_get;
  decltype(&curl_free) free;
};

template <class Function>
void bind(void* library, Function& function, const char* name) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (!function) {
    fail(ErrorCode::unsupported, cat("libcurl.so.4 has no ", name, ": install a newer libcurl"));
  }
}

Curl load_curl() {
  void* library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* reason = ::dlerror();
    fail(ErrorCode::unsupported,
         cat("downloads need libcurl.so.4, which cannot be loaded: ",
             reason ? reason : "no reason given", ": install it (Debian: libcurl4)"));
  }
  Curl curl = {};
  bind(library, curl.global_init, "curl_global_init");
  bind(library, curl.easy_init, "curl_easy_init");
  bind(library, curl.easy_cleanup, "curl_easy_cleanup");
  bind(library, curl.easy_reset, "curl_easy_reset");
  bind(library, curl.setopt, "curl_easy_setopt");
  bind(library, curl.perform, "curl_easy_perform");
  bind(library, curl.strerror, "curl_easy_strerror");
  bind(library, curl.slist_append, "curl_slist_append");
  bind(library, curl.slist_free_all, "curl_slist_free_all");
  bind(library, curl.url, "curl_url");
  bind(library, curl.url_cleanup, "curl_url_cleanup");
  bind(library, curl.url_set, "curl_url_set");
  bind(library, curl.url_get, "curl_url_get");
  bind(library, curl.free, "curl_free");
  if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    fail(ErrorCode::internal, "libcurl cannot be initialised");
  }
  return curl;
}

/// Loaded once and never let go: connections of other threads may live on it.
const Curl& curl() {
  static const Curl loaded = load_curl();
  return loaded;
}

/// A peer that closes the connection raises SIGPIPE in the thread that writes; held back here, and
/// taken if it came.
class SigpipeHeld {
 public:
  SigpipeHeld() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~SigpipeHeld() {
    const timespec none = {};
    if (!was_pending_) ::sigtimedwait(&pipe_, nullptr, &none);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SigpipeHeld(const SigpipeHeld&) = delete;
  SigpipeHeld& operator=(const SigpipeHeld&) = delete;

 private:
  sigset_t pipe_, before_;
  bool was_pending_;
};

/// No exception may pass through C code: it is kept until the call is over.
template <class Call>
bool guarded(HttpExchange& exchange, Call call) {
  try {
    return call();
  } catch (...) {
    exchange.thrown = std::current_exception();
    return false;
  }
}

size_t on_header(char* data, size_t, size_t size, void* user) {
  auto& exchange = *static_cast<HttpExchange*>(user);
  exchange.header_bytes += size;
  exchange.too_many_headers = exchange.header_bytes > kMostHeaders;
  const bool ok = !exchange.too_many_headers && guarded(exchange, [&] {
    exchange.header({data, size});
    exchange.heard = env().now();
    return true;
  });
  return ok ? size : 0;
}

size_t on_body(char* data, size_t, size_t size, void* user) {
  auto& exchange = *static_cast<HttpExchange*>(user);
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  return guarded(exchange, [&] { return exchange.body(bytes); }) ? size : 0;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& exchange = *static_cast<HttpExchange*>(user);
  return guarded(exchange, [&] { return exchange.alive(); }) ? 0 : 1;
}

HttpEnd end_of(CURLcode code) {
  switch (code) {
    case CURLE_OK:
      return HttpEnd::complete;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
      return HttpEnd::unreachable;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return HttpEnd::insecure;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_WEIRD_SERVER_REPLY:
      return HttpEnd::malformed;
    default:
      return HttpEnd::broken;
  }
}

class CurlSession final : public HttpSession {
 public:
  CurlSession() : handle_(curl().easy_init()) {
    if (!handle_) fail(ErrorCode::out_of_memory, "no memory for a connection");
  }
  ~CurlSession() override { curl().easy_cleanup(handle_); }
  CurlSession(const CurlSession&) = delete;
  CurlSession& operator=(const CurlSession&) = delete;

  HttpResult send(const HttpRequest& request, HttpReceiver& receiver) override;

 private:
  template <class Value>
  void set(CURLoption option, Value value) {
    if (curl().setopt(handle_, option, value) != CURLE_OK) {
      fail(ErrorCode::unsupported, cat("this libcurl does not know option ",
                                       static_cast<int>(option), ": install a newer one"));
    }
  }
  void configure(const HttpRequest& request, HttpExchange& exchange, curl_slist* headers);

  CURL* handle_;
  std::array<char, CURL_ERROR_SIZE> reason_;  // the library's, of the exchange's end
};

void CurlSession::configure(const HttpRequest& request, HttpExchange& exchange,
                            curl_slist* headers) {
  curl().easy_reset(handle_);  // connections stay
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_NOBODY, request.head ? 1L : 0L);
  set(CURLOPT_HTTPHEADER, headers);
  // Refused after a name could not be resolved; only speed hangs on it.
  static_cast<void>(curl().setopt(handle_, CURLOPT_BUFFERSIZE, kBuffer));
  set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(request.connect_seconds));
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_HEADERFUNCTION, on_header);
  set(CURLOPT_HEADERDATA, &exchange);
  set(CURLOPT_WRITEFUNCTION, on_body);
  set(CURLOPT_WRITEDATA, &exchange);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, on_progress);
  set(CURLOPT_XFERINFODATA, &exchange);
  set(CURLOPT_ERRORBUFFER, reason_.data());
  for (const char* name :
       {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"}) {
    const auto trusted = env().variable(name);
    if (!trusted || trusted->empty()) continue;
    const bool folder = env().stat(*trusted).directory;
    set(CURLOPT_CAINFO, folder ? nullptr : trusted->c_str());
    if (folder) set(CURLOPT_CAPATH, trusted->c_str());
    break;
  }
}

HttpResult CurlSession::send(const HttpRequest& request, HttpReceiver& receiver) {
  HttpExchange exchange{.receiver = receiver, .idle_seconds = request.idle_seconds};
  curl_slist* headers = nullptr;
  for (const std::string& header : request.headers) {
    curl_slist* longer = curl().slist_append(headers, header.c_str());
    if (longer) headers = longer;
  }
  const std::unique_ptr<curl_slist, decltype(curl().slist_free_all)> owner(headers,
                                                                           curl().slist_free_all);
  reason_[0] = '\0';
  configure(request, exchange, headers);
  CURLcode code = CURLE_OK;
  {
    const SigpipeHeld held;
    code = curl().perform(handle_);
  }
  if (exchange.thrown) std::rethrow_exception(exchange.thrown);
  if (code == CURLE_OK) exchange.give_head();
  HttpResult result{.head = std::move(exchange.head),
                    .problem = reason_[0] ? reason_.data() : curl().strerror(code)};
  result.end = exchange.stopped            ? HttpEnd::stopped
               : exchange.too_many_headers ? HttpEnd::malformed
               : exchange.stalled          ? HttpEnd::broken
                                           : end_of(code);
  if (exchange.too_many_headers) result.problem = "more than 64 KiB of headers";
  if (exchange.stalled)
    result.problem = cat("nothing or too little came for ", request.idle_seconds, " s");
  if (code == CURLE_OPERATION_TIMEDOUT && exchange.header_bytes == 0) {
    result.end = HttpEnd::unreachable;
  }
  return result;
}

/// A parsed URL.
class ParsedUrl {
 public:
  ParsedUrl() : url_(curl().url(), curl().url_cleanup) {
    if (!url_) fail(ErrorCode::out_of_memory, "no memory for a URL");
  }
  bool set(const std::string& text) {
    return curl().url_set(url_.get(), CURLUPART_URL, text.c_str(), 0) == CURLUE_OK;
  }
  std::string part(CURLUPart which) const {
    char* text = nullptr;
    if (curl().url_get(url_.get(), which, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return {};
    const std::unique_ptr<char, decltype(curl().free)> owner(text, curl().free);
    return text;
  }

 private:
  std::unique_ptr<CURLU, decltype(curl().url_cleanup)> url_;
};

}  // namespace

std::unique_ptr<HttpSession> HttpSession::open() {
  return std::make_unique<CurlSession>();
}

bool http_built() noexcept {
  return true;
}

std::optional<std::string> resolve_url(const std::string& base, const std::string& location) {
  ParsedUrl url;
  if (!base.empty() && !url.set(base)) return std::nullopt;
  if (location.find('\0') != location.npos || !url.set(location)) return std::nullopt;
  const std::string scheme = url.part(CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return std::nullopt;
  if (!url.part(CURLUPART_USER).empty() || !url.part(CURLUPART_PASSWORD).empty())
    return std::nullopt;
  std::string text = url.part(CURLUPART_URL);
  if (text.empty()) return std::nullopt;
  return text;
}

Origin origin_of(const std::string& text) {
  ParsedUrl url;
  if (!url.set(text)) return {};
  std::string host = url.part(CURLUPART_HOST);
  for (char& c : host) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return {url.part(CURLUPART_SCHEME), host, url.part(CURLUPART_PORT)};
}

}  // namespace tern::hub

#endif
