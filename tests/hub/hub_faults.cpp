// SPDX-License-Identifier: Apache-2.0
// What networks and servers do wrong, and what comes of it: the file with the right hash, or an
// Error and nothing in the cache.
#include <random>

#include "../../hub/connection.h"
#include "../../hub/http_exchange.h"
#include "scene.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

namespace {

bool is_content(const HubRequest& request) {
  return request.content_server;
}
bool is_listing(const HubRequest& request) {
  return request.target.starts_with("/api/models/");
}

}  // namespace

TEST_CASE("refusals are sentences that say what to do") {
  Scene scene;
  std::string code;
  int status = 0;
  bool at_file = false;
  scene.hub.tamper = [&](const HubRequest& request, HubReply& reply) {
    if (is_listing(request) == at_file) return;
    if (at_file && request.target.find("model.safetensors") == std::string::npos) return;
    reply = {.status = status, .headers = {}, .body = "{}", .raw = ""};
    if (!code.empty()) reply.headers.push_back("X-Error-Code: " + code);
  };
  const struct {
    int status;
    const char* code;
    const char* token;
    ErrorCode error;
    const char* part;
  } rows[] = {
      {401, "RepoNotFound", "", ErrorCode::not_found, "pass an access token"},
      {404, "RepoNotFound", "hf_x", ErrorCode::not_found, "the token's account needs access"},
      {401, "", "", ErrorCode::not_found, "the hub knows no such model"},
      {401, "", "hf_x", ErrorCode::denied, "does not accept the access token"},
      {403, "GatedRepo", "", ErrorCode::denied, "/org/name, then pass an access token"},
      {401, "GatedRepo", "hf_x", ErrorCode::denied, "with the account the token belongs to"},
      {404, "RevisionNotFound", "", ErrorCode::not_found, "knows no revision '"},
      {403, "", "hf_x", ErrorCode::denied, "HTTP 403"},
      {429, "", "", ErrorCode::network, "too many requests"},
      {500, "", "", ErrorCode::network, "HTTP 500, a fault of its own"},
      {418, "", "", ErrorCode::network, "HTTP 418: is HF_ENDPOINT right"},
  };
  for (const auto& row : rows) {
    for (const bool file : {false, true}) {
      CAPTURE(row.status);
      CAPTURE(row.code);
      CAPTURE(file);
      status = row.status;
      code = row.code;
      at_file = file;
      scene.environment.variables["HF_TOKEN"] = row.token;
      scene.fails(row.error, row.part);
      try {
        download(kModel, {});
      } catch (const Error& error) {
        CHECK(std::string_view(error.what()).find("hf_x") == std::string_view::npos);
      }
    }
  }
}

TEST_CASE("a passing fault is asked again, with growing pauses or the one that is asked for") {
  for (const int status : {408, 429, 500, 502, 503, 504}) {
    for (const bool content : {false, true}) {
      CAPTURE(status);
      Scene scene;
      std::atomic<int> left = 4;
      scene.hub.tamper = [&](const HubRequest& request, HubReply& reply) {
        if (content ? !is_content(request) : !is_listing(request)) return;
        if (left-- > 0) reply = {.status = status, .headers = {}, .body = "", .raw = ""};
      };
      scene.succeeds();
      CHECK(scene.environment.slept_ms >= 7500);
      CHECK(scene.environment.slept_ms <= 7500 * 3 / 2);
    }
  }
  Scene scene;
  std::atomic<int> left = 1;
  std::string wait = "7";
  scene.hub.tamper = [&](const HubRequest& request, HubReply& reply) {
    if (!is_listing(request) || left-- <= 0) return;
    reply = {.status = 429, .headers = {"Retry-After: " + wait}, .body = "", .raw = ""};
  };
  scene.succeeds();
  CHECK(scene.environment.slept_ms == 7000);
  // Longer than a minute is the caller's to wait, also where nothing is cached to fall back on.
  left = 100;
  wait = "61";
  expect_error([] { download(kModel, {}, {"config.json"}); }, ErrorCode::network, "wait the 61 s");
  CHECK(scene.environment.slept_ms == 7000);
}

TEST_CASE("a pause may be asked for as a date; what is none does not count") {
  struct Clock : Env {
    Clock() { set_env(this); }
    ~Clock() override { set_env(nullptr); }
    int64_t wall_time_ns() override { return 784111760'500000000; }
  } clock;
  const auto wait = [](const std::string& value) {
    HttpHead head;
    head.status = 503;
    head.headers.emplace_back("retry-after", value);
    return retry_after(head);
  };
  CHECK(wait("Sun, 06 Nov 1994 08:49:37 GMT") == 17);
  CHECK(wait("Sun, 06 Nov 1994 08:49:10 GMT") == 0);  // it is over
  CHECK(wait("Fri, 31 Dec 9999 23:59:59 GMT").value_or(0) > 200'000'000'000);
  CHECK(wait("120") == 120);
  for (const char* bad : {"", "-1", "1.5", "soon", "Sun, 06 Nov 1994 08:49:37", "7 s",
                          "Sun, 06 Nov 1994 08:49:37 GMT and later",
                          "Sun, 99 Nov 1994 08:49:37 GMT", "99999999999999999999"}) {
    CAPTURE(std::string(bad));
    CHECK(!wait(bad));
  }
}

TEST_CASE("the content server's wish for a pause is granted as well") {
  Scene scene;
  std::atomic<int> left = 1;
  scene.hub.tamper = [&](const HubRequest& request, HubReply& reply) {
    if (!is_content(request) || left-- <= 0) return;
    reply = {.status = 503, .headers = {"Retry-After: 7"}, .body = "", .raw = ""};
  };
  scene.succeeds();
  CHECK(scene.environment.slept_ms == 7000);
}

TEST_CASE("a slow disk is not taken for a silent or slow server") {
  struct Clock : Env {
    std::chrono::steady_clock::time_point time = {};
    Clock() { set_env(this); }
    ~Clock() override { set_env(nullptr); }
    std::chrono::steady_clock::time_point now() override { return time; }
  } clock;
  struct SlowDisk : HttpReceiver {
    explicit SlowDisk(Clock& c) : clock(c) {}
    Clock& clock;
    bool head(const HttpHead&) override { return true; }
    bool body(Bytes) override { return clock.time += std::chrono::seconds(40), true; }
  } disk(clock);
  HttpExchange exchange{.receiver = disk, .idle_seconds = 10};
  const std::byte byte{};
  const auto alive_after = [&](int seconds) {
    clock.time += std::chrono::seconds(seconds);
    return exchange.alive();
  };
  for (int i = 0; i < 5; ++i) {
    REQUIRE(exchange.body({&byte, 1}));
    CHECK(alive_after(5));
  }
  SUBCASE("silence is") {
    CHECK(!alive_after(6));
  }
  SUBCASE("and so is a byte every five seconds, of the server's time") {
    bool alive = true;
    for (int i = 0; i < 2; ++i) {
      REQUIRE(exchange.body({&byte, 1}));
      alive = alive && alive_after(5);
    }
    CHECK(!alive);
  }
}

TEST_CASE("who waited while a file began anew in one stream does not fetch it as well") {
  constexpr size_t kSize = size_t{70} << 20;  // two parts
  FakeHub hub;
  hub.models[kModel] = small_model(kSize);
  const TemporaryFolder folder;
  struct Sleeper : HubEnv {
    using HubEnv::HubEnv;
    std::atomic<int> sleeps{0};
    void sleep_for(std::chrono::milliseconds) override {
      std::this_thread::sleep_for(std::chrono::milliseconds(sleeps++ == 0 ? 1 : 300));
    }
  } environment(hub, folder);
  std::atomic<int> left = 2;
  hub.tamper = [&](const HubRequest& request, HubReply& reply) {
    if (!is_content(request)) return;
    reply = {
        .headers = {}, .body = hub.models[kModel].files["model.safetensors"].content, .raw = ""};
    if (left-- > 0) reply = {.status = 503, .headers = {}, .body = "", .raw = ""};
  };
  download(kModel, {});
  CHECK(environment.sleeps >= 2);
  CHECK(check_cache(folder / "cache"));
  CHECK(hub.content_bytes() < kSize * 3 / 2);
}

TEST_CASE("a connection that breaks goes on where it was, and hardly a byte comes twice") {
  constexpr size_t kSize = 1'000'000;
  Scene scene(kSize);
  std::mt19937 random(5);
  std::atomic<int> cuts = 0;
  scene.hub.tamper = [&](const HubRequest& request, HubReply& reply) {
    if (!is_content(request) || reply.body.size() <= kSize / 200) return;
    reply.cut = kSize / 200 + random() % 3;
    ++cuts;
  };
  scene.succeeds();
  CHECK(cuts >= 190);
  CHECK(scene.hub.content_bytes() <= kSize * 102 / 100);
}

TEST_CASE("cut at each border between chunks, a download still ends with the right file") {
  for (size_t cut = 0; cut <= 20; ++cut) {
    CAPTURE(cut);
    Scene scene(20'000);
    std::atomic<int> left = 1;
    scene.hub.tamper = [&](const HubRequest& request, HubReply& reply) {
      if (!is_content(request) || left-- <= 0) return;
      reply.chunked = true;
      reply.piece = 1000;
      reply.cut = cut * 1000;
    };
    scene.succeeds();
  }
}

TEST_CASE("a server that gives no parts gives the whole again") {
  Scene scene;
  std::atomic<int> cuts = 2;
  scene.hub.tamper = [&](const HubRequest& request, HubReply& reply) {
    if (!is_content(request)) return;
    reply.status = 200;
    reply.remove("content-range");
    reply.body = scene.hub.models[kModel].files["model.safetensors"].content;
    if (cuts-- > 0) reply.cut = 100'001;
  };
  scene.succeeds();
}

TEST_CASE("a server that gives no parts and always breaks off is given up") {
  Scene scene;
  scene.hub.tamper = [&](const HubRequest& request, HubReply& reply) {
    if (!is_content(request)) return;
    reply.status = 200;
    reply.remove("content-range");
    reply.body = scene.hub.models[kModel].files["model.safetensors"].content;
    reply.cut = 100'001;
  };
  scene.fails(ErrorCode::network, "broke off");
  CHECK(scene.hub.requests().size() < 40);
}

TEST_CASE("an answer that is not the file is asked for once more, then it is corrupt") {
  const std::function<void(HubReply&)> lies[] = {
      [](HubReply& reply) { reply.body[17] = static_cast<char>(reply.body[17] ^ 1); },
      [](HubReply& reply) { reply.body.pop_back(); },
      [](HubReply& reply) { reply.body += "more"; },
      [](HubReply& reply) { reply.body.pop_back(), reply.chunked = true; },
      [](HubReply& reply) { reply.body += "more", reply.chunked = true; },
      [](HubReply& reply) {
        reply.body = "<html>log in</html>", reply.headers = {"Content-Type: text/html"};
      },
      [](HubReply& reply) { reply.body = "<html>", reply.chunked = true; },
      [](HubReply& reply) { reply.body = "", reply.status = 204; },
      [](HubReply& reply) { reply.status = 206; },
      [](HubReply& reply) { reply.status = 206, reply.set("Content-Range: bytes 5-9/300000"); },
      [](HubReply& reply) { reply.set("Content-Encoding: gzip"), reply.body = "\x1f\x8b bomb"; },
  };
  for (size_t i = 0; i < std::size(lies); ++i) {
    for (const bool always : {false, true}) {
      CAPTURE(i);
      CAPTURE(always);
      Scene scene;
      std::atomic<int> left = 1;
      scene.hub.tamper = [&](const HubRequest& request, HubReply& reply) {
        if (is_content(request) && (always || left-- > 0)) lies[i](reply);
      };
      if (!always) {
        scene.succeeds();
        continue;
      }
      scene.fails(ErrorCode::corrupt, "model.safetensors: what the hub sends is not the file");
      CHECK(check_cache(scene.folder / "cache"));
    }
  }
}

TEST_CASE("wrong parts of a resumed file are found out") {
  const std::function<void(HubReply&)> lies[] = {
      [](HubReply& reply) { reply.set("Content-Range: bytes 0-299999/300000"); },
      [](HubReply& reply) { reply.remove("Content-Range"); },
      [](HubReply& reply) { reply.body[0] = static_cast<char>(reply.body[0] ^ 1); },
      [](HubReply& reply) { reply.body.pop_back(); },
      [](HubReply& reply) { reply = {.status = 416, .headers = {}, .body = "", .raw = ""}; },
  };
  for (size_t i = 0; i < std::size(lies); ++i) {
    CAPTURE(i);
    Scene scene;
    std::atomic<int> cuts = 1;
    scene.hub.tamper = [&](const HubRequest& request, HubReply& reply) {
      if (!is_content(request)) return;
      if (!request.header("range").empty()) lies[i](reply);
      if (cuts-- > 0) reply.cut = 100'001;
    };
    scene.succeeds();
  }
}

TEST_CASE("a file that changes between the listing and its content is corrupt") {
  Scene scene;
  scene.hub.tamper = [&](const HubRequest& request, HubReply& reply) {
    if (is_listing(request) || is_content(request)) return;
    reply.set("X-Linked-Etag: \"" + std::string(64, 'b') + "\"");
  };
  scene.fails(ErrorCode::corrupt, "the hub now gives its content as bbbb");
  scene.hub.tamper = [&](const HubRequest& request, HubReply& reply) {
    if (!is_listing(request)) reply.set("X-Repo-Commit: " + std::string(40, 'c'));
  };
  scene.fails(ErrorCode::corrupt, "it comes from commit 'cccc");
}

TEST_CASE("an address that has expired is asked for again") {
  Scene scene;
  std::atomic<int> answers = 0;
  scene.hub.tamper = [&](const HubRequest& request, HubReply& reply) {
    if (!is_content(request)) return;
    const int n = answers++;
    if (n == 0) reply.cut = 100'000;
    if (n == 1) reply = {.status = 403, .headers = {}, .body = "expired", .raw = ""};
  };
  scene.succeeds();
}

TEST_CASE("redirects: to other origins without the token, never to other protocols, at most five") {
  Scene scene;
  scene.environment.variables["HF_TOKEN"] = "hf_secret";
  std::atomic<int> hops = 0;
  const std::vector<std::pair<std::string, bool>> targets = {
      {"/moved", true},
      {scene.hub.content_origin() + "/moved", true},
      {"ftp://127.0.0.1/x", false},
      {"file:///etc/passwd", false},
      {"gopher://127.0.0.1/", false},
      {"http://user:password@127.0.0.1/", false},
      {"//", false},
      {"javascript:x", false}};
  for (const auto& pair : targets) {
    const std::string& target = pair.first;
    const bool good = pair.second;
    CAPTURE(target);
    hops = 0;
    scene.hub.forget_requests();
    scene.hub.tamper = [&, t = target](const HubRequest& request, HubReply& reply) {
      if (request.target.find("/moved") != std::string::npos) {
        reply = {.headers = {},
                 .body = scene.hub.models[kModel].files["config.json"].content,
                 .raw = ""};
      } else if (request.target.find("config.json") != std::string::npos) {
        reply = {.status = 302, .headers = {"Location: " + t}, .body = "", .raw = ""};
      }
    };
    if (good) {
      download(kModel, {.force_download = true});
    } else {
      expect_error([] { download(kModel, {.force_download = true}); }, ErrorCode::denied,
                   "redirect");
    }
    for (const HubRequest& request : scene.hub.requests()) {
      CHECK(request.header("authorization") == (request.content_server ? "" : "Bearer hf_secret"));
    }
  }
  scene.hub.forget_requests();
  scene.hub.tamper = [&](const HubRequest& request, HubReply& reply) {
    if (is_listing(request))
      reply = {.status = 302, .headers = {"Location: /api/models/loop"}, .body = "", .raw = ""};
  };
  expect_error([] { download(kModel, {}); }, ErrorCode::denied, "more than 5 redirects");
  CHECK(scene.hub.requests().size() == 6);
}

TEST_CASE("a name that cannot be resolved is asked for again and then said to be out of reach") {
  Scene scene;
  scene.environment.variables["HF_ENDPOINT"] = "https://" + std::string(70, 'a') + ".invalid";
  scene.fails(ErrorCode::network, "cannot be reached");
  CHECK(scene.environment.slept_ms >= 1500);
}

TEST_CASE("silence, dripping bytes and endless headers end the exchange") {
  Scene scene;
  scene.environment.variables["HF_HUB_DOWNLOAD_TIMEOUT"] = "1";
  scene.environment.variables["HF_HUB_ETAG_TIMEOUT"] = "1";
  SUBCASE("no answer") {
    scene.hub.tamper = [](const HubRequest&, HubReply& reply) { reply.silent = true; };
    scene.fails(ErrorCode::network, "nothing or too little came for 1 s");
  }
  SUBCASE("a byte now and then") {
    std::atomic<int> slow = 1;
    scene.hub.tamper = [&](const HubRequest& request, HubReply& reply) {
      if (!is_content(request) || slow-- <= 0) return;
      reply.piece = 1;
      reply.pause_ms = 50;
    };
    scene.succeeds();
    CHECK(scene.hub.content_bytes() >= 300'000);
  }
  SUBCASE("headers without end") {
    scene.hub.tamper = [](const HubRequest&, HubReply& reply) {
      reply.raw = "HTTP/1.1 200 OK\r\n";
      for (int i = 0; i < 200; ++i) reply.raw += cat("X-", i, ": ", std::string(1000, 'x'), "\r\n");
    };
    scene.fails(ErrorCode::network, "64 KiB of headers");
  }
  SUBCASE("no HTTP") {
    scene.hub.tamper = [](const HubRequest&, HubReply& reply) {
      reply.raw = "SSH-2.0-OpenSSH_9\r\n";
    };
    scene.fails(ErrorCode::network, "");
  }
}

TEST_CASE("whatever a server does, no wrong blob appears") {
  std::mt19937 random(11);
  std::mutex mutex;
  const auto chance = [&](unsigned n) { return random() % n == 0; };
  Scene scene(20'000);
  scene.hub.tamper = [&](const HubRequest&, HubReply& reply) {
    const std::scoped_lock lock(mutex);
    if (chance(8)) reply.status = static_cast<int>(200 + random() % 310);
    if (chance(8) && !reply.body.empty()) reply.body[random() % reply.body.size()] ^= 1;
    if (chance(8)) reply.cut = random() % (reply.body.size() + 1);
    if (chance(8)) reply.body.resize(reply.body.size() * (random() % 3) / 2);
    if (chance(8)) reply.chunked = true;
    if (chance(8) && !reply.headers.empty()) reply.headers.erase(reply.headers.begin());
    if (chance(16)) reply.set("Content-Range: bytes 0-5/20000");
    if (chance(16)) reply.set(cat("Location: ", scene.hub.endpoint(), "/x"));
    if (chance(16)) reply.set("ETag: \"../../x\"");
    if (chance(30)) reply.raw = random_bytes(random() % 100, static_cast<unsigned>(random()));
  };
  // Beside each other, with a cache each: most of the time of a download is waiting.
  constexpr int kRounds = 10'000, kBeside = 4;
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kBeside; ++i) {
    threads.emplace_back([&, cache = scene.folder / cat("cache", i)] {
      for (int round = 0; round < kRounds / kBeside; ++round) {
        try {
          download(kModel, {.cache_dir = cache.string(), .force_download = round % 2 == 0});
          ++good;
        } catch (const Error& error) {
          CHECK(error.code() != ErrorCode::internal);
        }
        check_cache(cache);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  MESSAGE(good.load(), " of ", kRounds, " downloads came through");
  CHECK(good > 0);
}
