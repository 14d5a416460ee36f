// SPDX-License-Identifier: Apache-2.0
// Servers whose certificate or encryption is not to be trusted: the program openssl makes the
// certificates and is the server. It says "FILE:…" of every request that it answers.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "scene.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace {

const std::string kCommit = "0123456789abcdef0123456789abcdef01234567";

/// A hub with one small file, on 127.0.0.1, over TLS.
class TlsServer {
 public:
  TlsServer(const TemporaryFolder& folder, const std::string& certificate,
            const std::string& options = "")
      : log_(folder / (certificate + options + ".log")) {
    const std::string www = (folder / "www").string();
    const std::string command = cat(
        "cd ", www, " && exec openssl s_server -HTTP -accept 127.0.0.1:0 -cert ../", certificate,
        ".pem -key ../", certificate, ".key ", options, " >'", log_.string(), "' 2>&1");
    int input[2];
    REQUIRE(::pipe2(input, O_CLOEXEC) == 0);  // at the end of its input the server ends
    input_ = input[1];
    id_ = ::fork();
    REQUIRE(id_ >= 0);
    if (id_ == 0) {
      ::dup2(input[0], 0);
      ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      ::_exit(126);
    }
    ::close(input[0]);
    for (int i = 0; i < 1000 && said().find("ACCEPT ") == std::string::npos; ++i) ::usleep(10'000);
    const std::string text = said();
    const size_t at = text.find("127.0.0.1:");
    CAPTURE(text);
    REQUIRE(at != std::string::npos);
    origin_ = "https://" + text.substr(at, text.find('\n', at) - at);
  }
  ~TlsServer() {
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
    ::close(input_);
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  const std::string& origin() const { return origin_; }
  std::string said() const {
    std::ifstream file(log_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::filesystem::path log_;
  int input_ = -1;
  pid_t id_ = -1;
  std::string origin_;
};

/// An authority, and certificates of its: right, expired, for another name, and one of nobody's.
bool make_certificates(const TemporaryFolder& folder) {
  const std::string script = cat("cd ", folder.string(), R"( && exec >log 2>&1 || exit 1
command -v openssl || exit 1
new="openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
$new -x509 -days 2 -subj /CN=authority -keyout ca.key -out ca.pem
make() {
  $new -subj /CN=hub -addext "subjectAltName=$2" -keyout $1.key -out $1.csr
  openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -days $3 -copy_extensions copy -out $1.pem
}
make good IP:127.0.0.1 2; make expired IP:127.0.0.1 -1; make other DNS:hub.example 2
$new -x509 -days 2 -subj /CN=hub -addext subjectAltName=IP:127.0.0.1 -keyout own.key -out own.pem
mkdir trusted && cp ca.pem trusted && openssl rehash trusted
)");
  return std::system(script.c_str()) == 0;
}

void write_answers(const TemporaryFolder& folder) {
  const std::string content = "{\"model_type\":\"bert\"}";
  const auto answer = [&](const std::string& target, const std::string& body) {
    folder.write("www/" + target, cat("HTTP/1.0 200 OK\r\nX-Repo-Commit: ", kCommit,
                                      "\r\nContent-Length: ", body.size(), "\r\n\r\n", body));
  };
  const auto list = [&](const std::string& name) {
    return cat("{\"id\":\"", name, "\",\"sha\":\"", kCommit,
               R"(","siblings":[{"rfilename":"config.json","size":)", content.size(),
               ",\"blobId\":\"", hash_of(content, 40), "\"}]}");
  };
  answer("api/models/org/name/revision/main?blobs=true", list(kModel));
  answer("org/name/resolve/" + kCommit + "/config.json", content);
  answer("api/models/org/lowered/revision/main?blobs=true", list("org/lowered"));
  folder.write("www/org/lowered/resolve/" + kCommit + "/config.json",
               "HTTP/1.0 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n");
}

}  // namespace

TEST_CASE("a server that cannot be trusted gets no request, and nothing of it is kept") {
  const TemporaryFolder folder;
  if (!make_certificates(folder)) {
    MESSAGE("skipped: there is no openssl (Debian: openssl) that makes certificates");
    return;
  }
  write_answers(folder);
  const std::string authority = (folder / "ca.pem").string();
  const FakeHub none;
  HubEnv environment(none, folder);
  environment.variables["HF_TOKEN"] = "hf_secret";
  const auto fetch = [](const std::string& id = kModel) { download(id, {}, {"config.json"}); };
  const std::string blobs = "cache/models--org--name/blobs";

  struct Row {
    std::string certificate, options, reason;
  };
  for (const Row& row :
       {Row{"own", "", "self-signed certificate"}, Row{"expired", "", "certificate has expired"},
        Row{"other", "", "no alternative certificate subject name matches"},
        Row{"good", "-tls1 -cipher ALL:@SECLEVEL=0", "protocol version"},
        Row{"good", "-tls1_1 -cipher ALL:@SECLEVEL=0", "protocol version"}}) {
    CAPTURE(row.certificate);
    CAPTURE(row.options);
    const TlsServer server(folder, row.certificate, row.options);
    environment.variables["HF_ENDPOINT"] = server.origin();
    environment.variables["SSL_CERT_FILE"] = authority;
    expect_error(fetch, ErrorCode::network, server.origin());
    expect_error(fetch, ErrorCode::network, row.reason);
    CHECK(server.said().find("FILE:") == std::string::npos);
    CHECK(tree(folder / "cache").empty());
  }
  CHECK(environment.slept_ms == 0);  // waiting mends no certificate

  const TlsServer server(folder, "good");
  environment.variables["HF_ENDPOINT"] = server.origin();
  environment.variables.erase("SSL_CERT_FILE");
  expect_error(fetch, ErrorCode::network, "unable to get local issuer certificate");
  CHECK(server.said().find("FILE:") == std::string::npos);
  environment.variables["SSL_CERT_FILE"] = (folder / "absent.pem").string();
  expect_error(fetch, ErrorCode::network, "absent.pem");
  environment.variables.erase("SSL_CERT_FILE");
  for (const char* name :
       {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"}) {
    CAPTURE(std::string(name));
    std::filesystem::remove_all(folder / "cache");
    const bool is_folder = name == std::string("SSL_CERT_DIR");
    environment.variables[name] = is_folder ? (folder / "trusted").string() : authority;
    fetch();
    CHECK(tree(folder / blobs).size() == 1);
    CHECK(check_cache(folder / "cache"));
    environment.variables.erase(name);
  }
  environment.variables["REQUESTS_CA_BUNDLE"] = (folder / "trusted").string();
  CHECK(server.said().find("FILE:org/name/resolve/") != std::string::npos);
  expect_error([&] { fetch("org/lowered"); }, ErrorCode::denied, "a redirect that is not followed");
  check_cache(folder / "cache");
  CHECK(!std::filesystem::exists(folder / "cache/models--org--lowered/snapshots"));
}
