// SPDX-License-Identifier: Apache-2.0
// Saving when the system refuses, the disk is full, or the process is killed at any call: the
// folder is what it was or all that it was to become.
#include <doctest/doctest.h>

#include <filesystem>

#include "../hub/faulty_env.h"
#include "golden.h"

using namespace tern;
using test::Ending;
using test::FaultyEnv;
namespace fs = std::filesystem;

namespace {

const std::string kBert = std::string(TERN_TEST_DATA) + "/golden/bert";

using Files = std::map<std::string, std::string>;

Files files_in(const std::string& folder) {
  Files out;
  if (!fs::exists(folder)) return out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    out[entry.path().lexically_relative(folder)] = golden::read(entry.path());
  }
  return out;
}

/// Names of what a writer left behind.
int strays(const std::string& folder) {
  int count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    count += entry.path().filename().string().starts_with(".saving.");
  }
  return count;
}

/// A folder to save into: absent, with a model in one file, or with one in shards.
struct Target {
  std::string parent = golden::scratch_folder("save-faults"), folder = parent + "/saved";
  Files before;

  explicit Target(const char* what) {
    const PretrainedModel old = AutoModelForMaskedLM::from_pretrained(kBert);
    if (what != std::string("absent")) {
      old.save_pretrained(folder,
                          {.max_shard_size = what == std::string("file") ? "1GB" : "150KB"});
      golden::write(folder + "/mine.txt", "stays");
      golden::write(folder + "/generation_config.json", "{}");  // another model's, which goes
    }
    before = files_in(folder);
  }
};

/// What a save that succeeds makes of each.
Files complete(const char* what, const PretrainedModel& model, const SaveOptions& options) {
  const Target target(what);
  model.save_pretrained(target.folder, options);
  return files_in(target.folder);
}

bool loads(const std::string& folder) {
  try {
    AutoModel::from_pretrained(folder);
    return true;
  } catch (const Error&) {
    return false;
  }
}

constexpr const char* kTargets[] = {"absent", "file", "shards"};
const SaveOptions kForms[] = {{}, {.max_shard_size = "100KB"}};

}  // namespace

TEST_CASE("whichever call to the system fails while a model is saved, nothing is half there") {
  const PretrainedModel model = AutoModel::from_pretrained(kBert);
  int faults = 0, finished = 0;
  for (const char* what : kTargets) {
    for (const SaveOptions& options : kForms) {
      const Files whole = complete(what, model, options);
      for (const bool after : {false, true}) {
        bool more = true;
        for (int at = 0; more; ++at) {
          CAPTURE(std::string(what));
          CAPTURE(at);
          CAPTURE(after);
          const Target target(what);
          {
            FaultyEnv env;
            env.at = at;
            env.after = after;
            try {
              model.save_pretrained(target.folder, options);
            } catch (const Error& error) {
              CHECK(error.code() == ErrorCode::io);
            }
            more = env.calls > at;
          }
          const Files now = files_in(target.folder);
          const bool same = now == target.before, done = now == whole;
          // A folder of its own may stay when it is the removing that fails; the next one goes on.
          if (strays(target.parent) > 0) {
            model.save_pretrained(target.folder, options);
            CHECK(files_in(target.folder) == whole);
            CHECK(strays(target.parent) == 0);
          } else {
            CHECK((same || done));
          }
          ++faults;
          finished += done;
        }
      }
    }
  }
  MESSAGE(faults << " faults, " << finished << " of them with a complete folder");
  CHECK(faults > 200);
}

TEST_CASE("a process killed at any call leaves the old model, the new one, or none that loads") {
  const PretrainedModel model = AutoModel::from_pretrained(kBert);
  int killed = 0, gaps = 0;
  for (const char* what : kTargets) {
    for (const SaveOptions& options : kForms) {
      const Files whole = complete(what, model, options);
      bool more = true;
      for (int at = 0; more; ++at) {
        CAPTURE(std::string(what));
        CAPTURE(at);
        const Target target(what);
        const Ending ending =
            test::killed_at(at, [&] { model.save_pretrained(target.folder, options); });
        REQUIRE(ending != Ending::wrong);
        more = ending == Ending::killed;
        killed += more;
        const auto one_of_both = [&] {
          Files now = files_in(target.folder);
          std::erase_if(now, [](const auto& file) { return file.first.starts_with(".saving."); });
          return now == target.before || now == whole;
        };
        if (!one_of_both()) CHECK(!loads(target.folder));
        gaps += !one_of_both();
        // The next one has no space, but what there is it must not lose.
        if (what != std::string("absent")) {
          FaultyEnv env;
          env.space = 0;
          CHECK(golden::error_of([&] { model.save_pretrained(target.folder, options); }).first ==
                ErrorCode::io);
          CHECK(one_of_both());
          CHECK(loads(target.folder));
        }
        model.save_pretrained(target.folder, options);
        CHECK(files_in(target.folder) == whole);
        CHECK(strays(target.parent) <= 1);  // one that was killed before it had a lock
      }
    }
  }
  MESSAGE(killed << " kills, " << gaps << " of them between old and new shards");
  CHECK(killed > 100);
}

TEST_CASE("a folder that cannot be saved to is named with what to do") {
  const PretrainedModel model = AutoModel::from_pretrained(kBert);
  const std::string folder = golden::scratch_folder("save-errors");
  const auto error = [&](const std::string& to) {
    return golden::error_of([&] { model.save_pretrained(to); });
  };
  const auto names = [](const std::pair<ErrorCode, std::string>& found, ErrorCode code,
                        const std::string& part) {
    CAPTURE(found.second);
    return found.first == code && found.second.find(part) != std::string::npos;
  };
  golden::write(folder + "/file", "");
  CHECK(names(error(folder + "/file"), ErrorCode::invalid_argument, "is a file: name a folder"));
  CHECK(names(error(folder + "/file/deeper/x"), ErrorCode::invalid_argument, "is a file: name a"));
  CHECK(names(error(""), ErrorCode::invalid_argument, "no name"));
  CHECK(names(error(std::string("a\0b", 3)), ErrorCode::invalid_argument, "zero byte"));
  fs::create_directories(folder + "/blocked/config.json");
  CHECK(names(error(folder + "/blocked"), ErrorCode::invalid_argument, "is a folder where a file"));
  CHECK(golden::error_of([] { PretrainedModel().save_pretrained("x"); }).first ==
        ErrorCode::invalid_argument);
  {
    FaultyEnv env;
    env.space = 1000;
    CHECK(names(error(folder + "/full"), ErrorCode::io, "the disk has only 1000 left: free some"));
  }
  CHECK(files_in(folder) == Files{{"file", ""}});
  CHECK(!fs::exists(folder + "/full"));
  CHECK(strays(folder) == 0);

  model.save_pretrained(folder + "/deep/er/here/");
  CHECK(loads(folder + "/deep/er/here"));
  struct ReadOnly : Env {
    ReadOnly() { set_env(this); }
    ~ReadOnly() override { set_env(nullptr); }
    bool make_directory(const std::string& path) override {
      fail(ErrorCode::denied, path + ": Read-only file system");
    }
  } env;
  CHECK(names(error(folder + "/denied"), ErrorCode::denied, "Read-only"));
}

TEST_CASE("a model is saved over the files that it runs from") {
  const std::string folder = golden::scratch_folder("save-self") + "/self";
  AutoModel::from_pretrained(kBert).save_pretrained(folder);
  const Files before = files_in(folder);
  const PretrainedModel model = AutoModel::from_pretrained(folder);
  model.save_pretrained(folder, {.max_shard_size = "40KB"});
  CHECK(!golden::exists(folder + "/model.safetensors"));
  model.save_pretrained(folder);
  CHECK(files_in(folder) == before);
  fs::remove_all(folder);  // the mapping stays
  model.save_pretrained(folder);
  CHECK(files_in(folder) == before);
}

TEST_CASE("a checkpoint that was cut after it was loaded is an Error when it is saved") {
  const std::string folder = golden::scratch_folder("save-cut");
  AutoModel::from_pretrained(kBert).save_pretrained(folder + "/a");
  const PretrainedModel model = AutoModel::from_pretrained(folder + "/a");
  fs::resize_file(folder + "/a/model.safetensors", 4096);
  const auto [code, message] = golden::error_of([&] { model.save_pretrained(folder + "/b"); });
  CHECK(code == ErrorCode::io);
  CHECK(message.find("cannot be read any more") != std::string::npos);
  CHECK(!golden::exists(folder + "/b"));
}
