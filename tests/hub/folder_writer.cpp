// SPDX-License-Identifier: Apache-2.0
// FolderWriter on small files: what a writer that fails or is killed leaves, and what the next one
// makes of it, whatever lies in the folder.
#include "../../hub/folder_writer.h"

#include <sys/stat.h>

#include <climits>
#include <functional>
#include <thread>

#include "expect_error.h"
#include "faulty_env.h"
#include "temporary_folder.h"

using namespace tern;
using namespace tern::test;
using hub::FolderWriter;
namespace fs = std::filesystem;

namespace {

using Files = std::map<std::string, std::string>;

/// Regular files and their content, but for those of writers.
Files files_in(const std::string& folder) {
  Files out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder);
    std::ifstream file(entry.path(), std::ios::binary);
    if (entry.is_regular_file() && !name.starts_with(".saving.")) {
      out[name] = std::string(std::istreambuf_iterator<char>(file), {});
    }
  }
  return out;
}

int strays(const std::string& folder) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    count += entry.path().filename().string().starts_with(".saving.");
  }
  return count;
}

/// A folder with a small model: in two shards, or in one file.
struct Target {
  TemporaryFolder parent;
  std::string folder = parent / "target";
  Files before;

  explicit Target(bool shards) {
    if (shards) {
      parent.write("target/shard-1", "old 1");
      parent.write("target/shard-2", "old 2");
    } else {
      parent.write("target/weights", "old");
    }
    parent.write("target/generation.json", "old");
    parent.write("target/templates/gone", "old");
    parent.write("target/templates/stays", "old");
    parent.write("target/config.json", "old");
    parent.write("target/mine", "mine");
    before = files_in(folder);
  }
};

/// Another model in one file, without generation.json.
void save(const std::string& folder) {
  FolderWriter out(folder);
  FolderWriter::File file = out.begin("weights");
  file.append(as_bytes("new weights"));
  file.finish(11);
  out.replace_if([](const std::string& name) { return name.starts_with("shard-"); });
  out.replace("generation.json");
  out.replace("templates/gone");
  out.write("templates/stays", as_bytes("new"));
  out.write("templates/more", as_bytes("new"));
  out.write("config.json", as_bytes("new"));
  out.publish();
}

const Files kSaved = {{"config.json", "new"},
                      {"mine", "mine"},
                      {"templates/more", "new"},
                      {"templates/stays", "new"},
                      {"weights", "new weights"}};

}  // namespace

TEST_CASE("a writer killed at any call leaves no mixture, and the next one all of one model") {
  int killed = 0, gaps = 0;
  for (const bool shards : {false, true}) {
    for (int at = 0, more = 1; more != 0; ++at) {
      CAPTURE(at);
      const Target target(shards);
      const auto killed_save = [&](int step) {
        return killed_at(step, [&] { save(target.folder); });
      };
      const auto whole = [&] {
        const Files now = files_in(target.folder);
        return now == target.before || now == kSaved;
      };
      const Ending ending = killed_save(at);
      REQUIRE(ending != Ending::wrong);
      more = ending == Ending::killed ? 1 : 0;
      killed += more;
      gaps += whole() ? 0 : 1;
      if (!whole()) CHECK(!fs::exists(target.folder + "/config.json"));
      // The next one is killed too, while it tidies up or later.
      REQUIRE(killed_save(at % 11) != Ending::wrong);
      if (!whole()) CHECK(!fs::exists(target.folder + "/config.json"));
      const FaultyEnv healthy;
      { const FolderWriter next(target.folder); }
      CHECK(whole());
      save(target.folder);
      CHECK(files_in(target.folder) == kSaved);
      CHECK(strays(target.folder) <= 2);  // of those that were killed before they had a lock
    }
  }
  MESSAGE(killed << " kills, " << gaps << " of them between two models");
  CHECK(killed > 40);
  CHECK(gaps > 10);
}

TEST_CASE("whichever call fails, alone or with all that follow, no file of either model is lost") {
  int faults = 0;
  for (const bool shards : {false, true}) {
    for (const bool after : {false, true}) {
      for (const bool forever : {false, true}) {
        bool more = true;
        for (int at = 0; more; ++at) {
          CAPTURE(at);
          CAPTURE(after);
          CAPTURE(forever);
          const Target target(shards);
          {
            FaultyEnv env;
            env.at = at;
            env.after = after;
            env.forever = forever;
            try {
              save(target.folder);
            } catch (const Error& error) {
              CHECK(error.code() == ErrorCode::io);
            }
            more = env.calls > at;
          }
          const auto whole = [&] {
            const Files now = files_in(target.folder);
            return now == target.before || now == kSaved;
          };
          if (!forever) CHECK(whole());
          const FaultyEnv healthy;
          { const FolderWriter next(target.folder); }
          CHECK(whole());
          ++faults;
        }
      }
    }
  }
  MESSAGE(faults << " faults");
  CHECK(faults > 100);
}

TEST_CASE("a link with the name of a writer's folder is left alone, and so is where it leads") {
  const TemporaryFolder folder;
  folder.write("precious/.lock", "");
  folder.write("precious/thesis", "years");
  folder.link("../precious", "target/.saving.00000000");
  save(folder / "target");
  CHECK(files_in(folder / "precious") == Files{{".lock", ""}, {"thesis", "years"}});
}

TEST_CASE("a plan of moves leads nowhere but into the folder") {
  const std::string plan = ".saving.00000000/.plan";
  const struct {
    std::string text;
    ErrorCode code;
    const char* part;
  } rows[] = {
      {std::string("+sub/key\0", 9), ErrorCode::denied, "sub is no folder but a file or a link"},
      {std::string("-sub/key\0", 9), ErrorCode::denied, "sub is no folder but a file or a link"},
      {"+deep/sub/key", ErrorCode::corrupt, "no plan of files to move"},
      {"+../key", ErrorCode::corrupt, "no plan of files to move"},
      {std::string("+\0", 2), ErrorCode::corrupt, "no plan of files to move"},
  };
  for (const auto& row : rows) {
    const TemporaryFolder folder;
    folder.write("outside/key", "secret");
    folder.link("../outside", "target/sub");
    folder.link("../../outside", "target/deep/sub");
    folder.write("target/.saving.00000000/deep/sub/key", "evil");
    folder.write("target/.saving.00000000/.lock", "");
    folder.write("target/.saving.00000000/sub/key", "evil");
    folder.write("target/" + plan, row.text);
    expect_error([&] { save(folder / "target"); }, row.code, row.part);
    CHECK(files_in(folder / "outside") == Files{{"key", "secret"}});
  }
  for (const bool link : {false, true}) {
    const TemporaryFolder folder;
    folder.write("target/.saving.00000000/.lock", "");
    if (link) {
      folder.link("/etc/hostname", "target/" + plan);
    } else {
      REQUIRE(::mkfifo((folder / ("target/" + plan)).c_str(), 0600) == 0);
    }
    expect_error([&] { save(folder / "target"); }, ErrorCode::corrupt, "no plan of files to move");
  }
  // Beside the folder that is to come it is another's.
  const TemporaryFolder folder;
  folder.write(".saving.00000000/.lock", "");
  folder.write(".saving.00000000/key", "evil");
  folder.write(plan, "+key");
  save(folder / "target");
  CHECK(!fs::exists(folder / "key"));
  CHECK(fs::exists(folder / ".saving.00000000/key"));
}

TEST_CASE("a writer whose new folder another one removes or locks makes a second one") {
  struct RacingEnv : Env {
    RacingEnv() { set_env(this); }
    ~RacingEnv() override { set_env(nullptr); }
    std::function<LockState(const std::string&)> other;
    int left = 1;

    LockState try_lock(int file, const std::string& path) override {
      return left-- > 0 ? other(path) : Env::try_lock(file, path);
    }
  };
  const std::function<LockState(const std::string&)> others[] = {
      [](const std::string& path) {
        fs::remove_all(path);  // between the opening of the lock and taking it
        return LockState::taken;
      },
      [](const std::string&) { return LockState::busy; }};
  for (const auto& other : others) {
    const TemporaryFolder folder;
    RacingEnv env;
    env.other = other;
    save(folder / "target");
    CHECK(files_in(folder / "target").contains("config.json"));
    env.left = 100;
    expect_error([&] { save(folder / "two"); }, ErrorCode::io, "another program removes");
  }
}

namespace {

/// Writes a model in so many shards, with their names in config.json.
class ShardWriter {
 public:
  ShardWriter(const std::string& folder, int count) : out_(folder) {
    std::string all;
    for (int i = 1; i <= count; ++i) {
      const std::string name = cat("shard-", i, "-of-", count);
      out_.begin(name).finish(0);
      all += name + "\n";
    }
    out_.replace_if([](const std::string& name) { return name.starts_with("shard-"); });
    out_.write("config.json", as_bytes(all));
  }
  void publish() { out_.publish(); }

 private:
  FolderWriter out_;
};

/// That config.json names the shards that are there, and no others.
bool of_one_model(const std::string& folder) {
  const Files files = files_in(folder);
  std::string all;
  for (const auto& [name, content] : files) {
    if (name.starts_with("shard-")) all += name + "\n";
  }
  return files.at("config.json") == all;
}

}  // namespace

TEST_CASE("of two writers at once the later one's files are there, and no others") {
  const TemporaryFolder parent;
  const std::string folder = parent / "target";
  ShardWriter(folder, 1).publish();
  ShardWriter early(folder, 2), late(folder, 3);
  early.publish();
  CHECK(files_in(folder).at("config.json") == "shard-1-of-2\nshard-2-of-2\n");
  late.publish();
  CHECK(files_in(folder).size() == 4);
  CHECK(of_one_model(folder));
  CHECK(strays(folder) == 2);  // that of the two which still live
}

TEST_CASE("writers of one folder publish one after the other") {
  const FaultyEnv fast;  // waits for no disk
  const TemporaryFolder parent;
  const std::string folder = parent / "target";
  ShardWriter(folder, 1).publish();
  for (int round = 0; round < 30; ++round) {
    std::vector<std::thread> threads;
    for (const int count : {2, 3, 4}) {
      threads.emplace_back([&folder, count] { ShardWriter(folder, count).publish(); });
    }
    for (std::thread& thread : threads) thread.join();
    REQUIRE(of_one_model(folder));
  }
}

TEST_CASE("a writer waits for the one that publishes, but not for ever") {
  struct BusyEnv : Env {
    BusyEnv() { set_env(this); }
    ~BusyEnv() override { set_env(nullptr); }
    int busy = 0;
    std::chrono::milliseconds slept{0};
    LockState try_lock(int file, const std::string& path) override {
      const bool folder = path.ends_with("/target/.");
      return folder && busy-- > 0 ? LockState::busy : Env::try_lock(file, path);
    }
    void sleep_for(std::chrono::milliseconds time) override { slept += time; }
  } env;
  const Target target(true);
  env.busy = 3;
  save(target.folder);
  CHECK(env.slept.count() == 60);
  CHECK(files_in(target.folder) == kSaved);
  env.busy = INT_MAX;
  expect_error([&] { ShardWriter(target.folder, 1).publish(); }, ErrorCode::io,
               "target: another program has been moving files into it for a minute: save again");
  CHECK(files_in(target.folder) == kSaved);
}

TEST_CASE("a file that changes alone is replaced at once, and what is the same is not touched") {
  const Target target(false);
  save(target.folder);
  struct RenameEnv : Env {
    RenameEnv() { set_env(this); }
    ~RenameEnv() override { set_env(nullptr); }
    std::vector<std::string> to;
    void rename_file(const std::string& from, const std::string& path) override {
      to.push_back(path);
      Env::rename_file(from, path);
    }
  } env;
  save(target.folder);
  CHECK(env.to == std::vector{target.folder + "/weights"});
  env.to.clear();
  FolderWriter out(target.folder);
  out.write("config.json", as_bytes("new"));
  out.write("templates/stays", as_bytes("new"));
  out.publish();
  CHECK(env.to.empty());
  CHECK(files_in(target.folder) == kSaved);
}

TEST_CASE("a file that is not as large as its header says is not published") {
  const Target target(false);
  FolderWriter out(target.folder);
  FolderWriter::File file = out.begin("weights");
  file.append(as_bytes("new"));
  expect_error([&] { file.finish(4); }, ErrorCode::internal, "weights: 3 bytes were written; exp");
  expect_error([&] { out.publish(); }, ErrorCode::internal, "weights was not written to its end");
  CHECK(files_in(target.folder) == target.before);
}
