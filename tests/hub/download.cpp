// SPDX-License-Identifier: Apache-2.0
// What a download leaves in the cache, which files it takes, and what it tells the server.
#include "../../hub/download.h"

#include "../../engine/base/log.h"
#include "download_model.h"

using namespace tern;
using namespace tern::hub;
using namespace tern::test;

TEST_CASE("a download leaves the cache as huggingface_hub lays it out") {
  FakeHub hub;
  hub.models[kModel] = small_model();
  const TemporaryFolder folder;
  const HubEnv environment(hub, folder);
  const Downloaded got = download(kModel, {});
  const auto& files = hub.models[kModel].files;
  CHECK(got.files == std::vector<std::string>{"config.json", "empty.txt", "model.safetensors",
                                              "tokenizer.json"});
  CHECK(got.folder ==
        (folder / "cache").string() + "/" + kSnapshot.substr(0, kSnapshot.size() - 1));
  CHECK(got.fetched == got.bytes);
  auto cache = tree(folder / "cache");
  const std::string repo = "models--org--name/";
  for (const std::string& name : got.files) {
    const FakeHub::File& file = files.at(name);
    CHECK(cache[kSnapshot + name] == "-> ../../blobs/" + file.hash());
    CHECK(cache[repo + "blobs/" + file.hash()] == file.content);
    CHECK(cache.count(".locks/" + repo + file.hash() + ".lock") == 1);
  }
  CHECK(cache[repo + "refs/main"] == hub.models[kModel].commit);
  CHECK(cache.size() == 3 * 4 + 2);  // and CACHEDIR.TAG
  CHECK(check_cache(folder / "cache"));
}

TEST_CASE("Repo::open downloads what is missing and reads it") {
  FakeHub hub;
  hub.models[kModel] = small_model();
  const TemporaryFolder folder;
  HubEnv environment(hub, folder);
  const Repo repo = Repo::open(kModel);
  CHECK(repo.read("config.json") == hub.models[kModel].files["config.json"].content);
  CHECK(repo.size("model.safetensors") == 300'000);
  SUBCASE("again, it asks once whether the revision has moved") {
    hub.forget_requests();
    Repo::open(kModel);
    CHECK(hub.requests().size() == 1);
  }
  SUBCASE("a commit whose files are there costs no request") {
    hub.forget_requests();
    Repo::open(kModel, {.revision = hub.models[kModel].commit});
    CHECK(hub.requests().empty());
  }
  SUBCASE("a new commit is fetched, what has not changed is only linked") {
    hub.models[kModel].commit = std::string(40, 'a');
    hub.models[kModel].files["config.json"].content = "{\"model_type\":\"roberta\"}";
    const uint64_t before = hub.content_bytes();
    CHECK(Repo::open(kModel).read("config.json") == "{\"model_type\":\"roberta\"}");
    CHECK(hub.content_bytes() == before);
  }
  SUBCASE("offline and with local_files_only no connection is opened") {
    const uint64_t before = hub.connections();
    Repo::open(kModel, {.local_files_only = true});
    environment.variables["HF_HUB_OFFLINE"] = "yes";
    Repo::open(kModel);
    expect_error([] { Repo::open("org/other"); }, ErrorCode::not_found, "HF_HUB_OFFLINE is set");
    expect_error([] { download(kModel, {}); }, ErrorCode::network, "HF_HUB_OFFLINE is set");
    environment.variables.erase("HF_HUB_OFFLINE");
    expect_error([] { download(kModel, {.local_files_only = true}); }, ErrorCode::network,
                 "local_files_only is set");
    CHECK(hub.connections() == before);
  }
  SUBCASE("when the hub cannot be reached, the cache is used") {
    environment.variables["HF_ENDPOINT"] = "http://127.0.0.1:1";
    CHECK(Repo::open(kModel).exists("config.json"));
    expect_error([] { Repo::open("org/other"); }, ErrorCode::network, "cannot be reached");
  }
}

TEST_CASE("weights come in one form: safetensors before PyTorch's, shards by their index") {
  FakeHub hub;
  FakeHub::Model model = small_model();
  const auto big = [](unsigned seed) {
    return FakeHub::File{.content = random_bytes(900, seed), .large = true};
  };
  const auto wanted = [&](const RepoOptions& options) {
    hub.models[kModel] = model;
    const TemporaryFolder folder;
    const HubEnv environment(hub, folder);
    std::string names;
    for (const std::string& name : download(kModel, options).files) {
      if (name.find("model") == 0 || name.find("pytorch") == 0 || name.find("tf_") == 0 ||
          name.find('/') != std::string::npos) {
        names += name + " ";
      }
    }
    return names;
  };
  CHECK(wanted({}) == "model.safetensors ");
  CHECK(wanted({.weights = WeightFiles::pytorch}) == "pytorch_model.bin ");
  CHECK(wanted({.weights = WeightFiles::none}) == "");
  model.files["model.fp16.safetensors"] = big(4);
  CHECK(wanted({.variant = "fp16"}) == "model.fp16.safetensors ");
  expect_error([&] { wanted({.variant = "fp8"}); }, ErrorCode::not_found, "variant 'fp8'");
  model.files.erase("model.safetensors");
  model.files["a.safetensors"] = big(5);
  model.files["sub/b.safetensors"] = big(6);
  model.files["unused.safetensors"] = big(7);
  model.files["model.safetensors.index.json"] = {
      .content =
          R"({"weight_map":{"x":"a.safetensors","y":"sub/b.safetensors","z":"a.safetensors"}})"};
  CHECK(wanted({}) == "model.safetensors.index.json sub/b.safetensors ");
  model.files["model.safetensors.index.json"].content = R"({"weight_map":{"x":"../../../a"}})";
  expect_error([&] { wanted({}); }, ErrorCode::denied, "../../../a");
  model.files.erase("model.safetensors.index.json");
  CHECK(wanted({}) == "pytorch_model.bin ");
  model.files.erase("pytorch_model.bin");
  CHECK(wanted({}) == "");
  model.files["tf_model.h5"] = big(8);
  expect_error([&] { wanted({}); }, ErrorCode::unsupported, "tf_model.h5");
  CHECK(wanted({.weights = WeightFiles::tensorflow}) == "tf_model.h5 ");
  model.files["fp/config.json"] = {.content = "{}"};
  model.files["fp/model.safetensors"] = big(9);
  CHECK(wanted({.subfolder = "fp"}) == "fp/config.json fp/model.safetensors ");
}

TEST_CASE("the folders that modules.json names come too") {
  FakeHub hub;
  FakeHub::Model model = small_model();
  model.files["modules.json"] = {.content =
                                     R"([{"path":""},{"path":"1_Pooling"},{"path":"2_Dense"}])"};
  model.files["1_Pooling/config.json"] = {.content = "{\"a\":1}"};
  model.files["2_Dense/config.json"] = {.content = "{\"b\":1}"};
  model.files["2_Dense/model.safetensors"] = {.content = random_bytes(700, 9), .large = true};
  hub.models[kModel] = model;
  const TemporaryFolder folder;
  const HubEnv environment(hub, folder);
  download(kModel, {});
  auto cache = tree(folder / "cache");
  CHECK(cache[kSnapshot + "1_Pooling/config.json"].starts_with("-> ../../../blobs/"));
  CHECK(cache.count(kSnapshot + "2_Dense/config.json") == 1);
  CHECK(cache.count(kSnapshot + "2_Dense/model.safetensors") == 1);
  CHECK(check_cache(folder / "cache"));
  // A folder without weights has none of a variant either.
  hub.models[kModel].files["model.fp16.safetensors"] = {.content = "x", .large = true};
  CHECK(download(kModel, {.variant = "fp16"}).files.size() == 7);
  CHECK(download(kModel, {.weights = WeightFiles::none, .variant = "fp8"}).files.size() == 6);
}

TEST_CASE("files by name, and all of them") {
  FakeHub hub;
  hub.models[kModel] = small_model();
  const TemporaryFolder folder;
  const HubEnv environment(hub, folder);
  CHECK(download(kModel, {}, {"README.md"}).files == std::vector<std::string>{"README.md"});
  expect_error([] { download(kModel, {}, {"absent"}); }, ErrorCode::not_found, "no file 'absent'");
  CHECK(tree(folder / "cache")
            .count("models--org--name/.no_exist/" + hub.models[kModel].commit + "/absent") == 1);
  CHECK(download(kModel, {}, {"*"}).files.size() == 7);
}

TEST_CASE("the token goes to the endpoint and never to the content server") {
  FakeHub hub;
  hub.models[kModel] = small_model();
  const TemporaryFolder folder;
  HubEnv environment(hub, folder);
  std::string token = "hf_secret";
  const auto check = [&](const RepoOptions& options) {
    RepoOptions forced = options;
    forced.force_download = true;
    hub.forget_requests();
    download(kModel, forced);
    const std::string expected = token.empty() ? "" : "Bearer " + token;
    bool content = false;
    for (const HubRequest& request : hub.requests()) {
      CHECK(request.header("authorization") == (request.content_server ? "" : expected));
      CHECK(request.header("accept-encoding") == "identity");
      content = content || request.content_server;
    }
    CHECK(content);
  };
  SUBCASE("from the caller") {
    check({.token = "hf_secret"});
  }
  SUBCASE("from HF_TOKEN, without blanks") {
    environment.variables["HF_TOKEN"] = " hf_secret\n";
    check({});
  }
  SUBCASE("from the token file") {
    folder.write(".cache/huggingface/token", "hf_secret\n");
    check({});
  }
  SUBCASE("from the file HF_TOKEN_PATH names") {
    folder.write("elsewhere", "hf_secret");
    environment.variables["HF_TOKEN_PATH"] = (folder / "elsewhere").string();
    check({});
  }
  SUBCASE("not when HF_HUB_DISABLE_IMPLICIT_TOKEN says so") {
    environment.variables["HF_TOKEN"] = "hf_secret";
    environment.variables["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1";
    token = "";
    check({});
  }
  SUBCASE("one that would begin another header is refused and not shown") {
    expect_error([] { download(kModel, {.token = "hf_a b"}); }, ErrorCode::invalid_argument,
                 "no token has");
  }
}

TEST_CASE("large files come in parts at the same time, and the progress adds up") {
  FakeHub hub;
  hub.models[kModel] = small_model((size_t{64} << 20) * 2 + 12'345);
  const TemporaryFolder folder;
  const HubEnv environment(hub, folder);
  uint64_t last = 0, most = 0;
  set_progress_callback([&](std::string_view stage, uint64_t done, uint64_t total) {
    CHECK(stage == "download");
    CHECK(done <= total);
    last = done;
    most = std::max(most, total);
  });
  const Downloaded got = download(kModel, {});
  set_progress_callback({});
  CHECK(check_cache(folder / "cache"));
  size_t parts = 0;
  for (const HubRequest& request : hub.requests()) {
    if (request.content_server && !request.header("range").empty()) ++parts;
  }
  CHECK(parts == 3);
  CHECK(got.fetched == got.bytes);
  CHECK(last == most);
}

TEST_CASE("a listing without hashes is completed by asking for each file") {
  FakeHub hub;
  hub.lists_hashes = false;
  hub.models[kModel] = small_model();
  const TemporaryFolder folder;
  const HubEnv environment(hub, folder);
  download(kModel, {});
  CHECK(check_cache(folder / "cache"));
  CHECK(tree(folder / "cache").count(kSnapshot + "model.safetensors") == 1);
}

TEST_CASE("what fits on no disk is refused before a byte is written") {
  FakeHub hub;
  hub.models[kModel] = small_model();
  const TemporaryFolder folder;
  HubEnv environment(hub, folder);
  environment.space = 100'000;
  expect_error([] { download(kModel, {}); }, ErrorCode::io, "the disk has only 100000 left");
  CHECK(hub.content_bytes() == 0);
}
