// SPDX-License-Identifier: Apache-2.0
#include "download.h"

#include <algorithm>
#include <set>

#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "cache_layout.h"
#include "formats/safetensors_header.h"
#include "select_files.h"
#include "transfer_pool.h"

namespace tern::hub {

namespace {

constexpr uint64_t kMostText = uint64_t{512} << 20;
constexpr auto kLockPoll = std::chrono::milliseconds(100);

std::string cache_of(const RepoOptions& options) {
  return options.cache_dir.empty() ? hub_cache_dir() : options.cache_dir;
}

/// One call of download().
class Download {
 public:
  Download(const std::string& id, const RepoOptions& options)
      : id_(id),
        options_(options),
        settings_(HubSettings::read(options.token)),
        cache_(cache_of(options), id),
        connection_(settings_) {}

  Downloaded run(const std::vector<std::string>& files);

 private:
  void get(const std::vector<std::string>& paths);
  void get_needed();
  void get_weights(const std::string& folder);
  void get_given(const std::vector<std::string>& files);
  std::vector<HubFile> missing(const std::vector<std::string>& paths);
  std::string read(const std::string& path) const;
  std::string snapshot() const { return cat(cache_.folder(), "/snapshots/", listing_.commit); }

  const std::string& id_;
  const RepoOptions& options_;
  const HubSettings settings_;
  const RepoCache cache_;
  HubConnection connection_;
  HubListing listing_;
  Downloaded result_;
  std::set<std::string> seen_;
};

/// The files of `paths` that are to be fetched or linked.
std::vector<HubFile> Download::missing(const std::vector<std::string>& paths) {
  std::vector<HubFile> files;
  for (const std::string& path : paths) {
    const HubFile* listed = listing_.find(path);
    if (!listed) {
      fail(ErrorCode::not_found, cat(id_, ": the repository has no file ", shown_name(path)));
    }
    if (!seen_.insert(path).second) continue;
    HubFile file = *listed;
    HubApi(connection_, id_, options_.revision).complete(listing_.commit, file);
    result_.files.push_back(path);
    result_.bytes += file.size;
    const bool ready =
        !options_.force_download && cache_.has_link(listing_.commit, path, file.hash, file.size);
    if (!ready) files.push_back(std::move(file));
  }
  return files;
}

void Download::get(const std::vector<std::string>& paths) {
  std::vector<HubFile> waiting = missing(paths);
  if (waiting.empty()) return;
  cache_.prepare();
  cache_.remove_strays();
  TransferPool pool(id_, listing_.commit, cache_, connection_);
  bool waited = false;
  while (!waiting.empty()) {
    // A file that another process fetches is looked at again when the others are here. No lock is
    // held while waiting, so that two processes never wait for each other.
    std::vector<HubFile> busy;
    for (const HubFile& file : waiting) {
      if (!pool.add(file, options_.force_download)) busy.push_back(file);
    }
    const bool idle = busy.size() == waiting.size();
    result_.fetched += pool.run();
    waiting = std::move(busy);
    if (!idle) continue;
    if (!waited) log(LogLevel::info, cat(id_, ": waiting for another process that downloads it"));
    waited = true;
    env().sleep_for(kLockPoll);
  }
}

std::string Download::read(const std::string& path) const {
  return env().read_file(cat(snapshot(), "/", path), kMostText);
}

void Download::get_weights(const std::string& folder) {
  if (!options_.gguf_file.empty()) {
    get({folder.empty() ? options_.gguf_file : cat(folder, "/", options_.gguf_file)});
    return;
  }
  const auto has = [&](const std::string& path) { return listing_.find(path) != nullptr; };
  const auto text = [&](const std::string& path) {
    get({path});
    return read(path);
  };
  WeightChoice choice = choose_weights(folder, options_, has, text);
  const bool own = folder == options_.subfolder && options_.weights != WeightFiles::none;
  if (own && choice.files.empty() && !options_.variant.empty()) {
    fail(ErrorCode::not_found,
         cat(id_, ": there are no weights of the variant ", shown_name(options_.variant)));
  }
  if (choice.files.empty() && !choice.foreign.empty()) {
    fail(ErrorCode::unsupported,
         cat(id_, ": there are no safetensors and no PyTorch weights, only ", choice.foreign,
             ": ask for these (from_tf, from_flax)"));
  }
  get(choice.files);
}

void Download::get_needed() {
  const auto texts_of = [&](const std::string& folder) {
    std::vector<std::string> paths;
    for (const HubFile& file : listing_.files) {
      if (is_text_of(file.path, folder) && file.size <= kMostText) paths.push_back(file.path);
    }
    return paths;
  };
  const std::string& base = options_.subfolder;
  get(texts_of(base));
  const std::string modules = base.empty() ? "modules.json" : base + "/modules.json";
  std::vector<std::string> folders;
  const bool gguf = !options_.gguf_file.empty();
  if (listing_.find(modules) && !gguf) folders = module_folders(read(modules));
  for (std::string& folder : folders) {
    if (!base.empty()) folder = cat(base, "/", folder);
    get(texts_of(folder));
  }
  folders.push_back(base);
  for (const std::string& folder : folders) get_weights(folder);
}

void Download::get_given(const std::vector<std::string>& files) {
  std::vector<std::string> paths;
  for (const std::string& name : files) {
    if (name != "*") {
      paths.push_back(options_.subfolder.empty() ? name : cat(options_.subfolder, "/", name));
      continue;
    }
    for (const HubFile& file : listing_.files) paths.push_back(file.path);
  }
  for (const std::string& path : paths) {
    if (!listing_.find(path) && safe_relative_path(path) && listing_.files.size() > 0) {
      cache_.prepare();
      cache_.mark_absent(listing_.commit, path);
    }
  }
  get(paths);
}

Downloaded Download::run(const std::vector<std::string>& files) {
  const bool cached = cache_.read_ref(options_.revision).has_value();
  constexpr int kTries = 5;
  listing_ = HubApi(connection_, id_, options_.revision).list(cached && files.empty() ? 1 : kTries);
  if (files.empty()) {
    get_needed();
  } else {
    get_given(files);
  }
  if (!is_commit_hash(options_.revision) && !result_.files.empty()) {
    cache_.write_ref(options_.revision, listing_.commit);
  }
  result_.commit = listing_.commit;
  result_.folder = snapshot();
  std::sort(result_.files.begin(), result_.files.end());
  return std::move(result_);
}

/// Whether the snapshot of a commit, which never changes, has what a load needs, as far as it
/// shows.
bool loadable(const std::string& id, const RepoOptions& options) {
  RepoOptions cached = options;
  cached.local_files_only = true;
  cached.subfolder.clear();
  const Repo repo = Repo::open(id, cached);
  const auto has = [&](const std::string& path) { return repo.exists(path); };
  const auto read = [&](const std::string& path) { return repo.read(path); };
  const std::string base = options.subfolder.empty() ? "" : options.subfolder + "/";
  if (!options.gguf_file.empty()) return has(base + options.gguf_file);
  if (!has(base + "config.json")) return false;
  if (options.weights == WeightFiles::none) {
    return has(base + "tokenizer.json") || has(base + "tokenizer_config.json");
  }
  const std::vector<std::string> files =
      choose_weights(options.subfolder, options, has, read).files;
  return !files.empty() && std::all_of(files.begin(), files.end(), has);
}

}  // namespace

Downloaded download(const std::string& id, const RepoOptions& options,
                    const std::vector<std::string>& files) {
  if (const char* problem = repo_id_problem(id)) {
    fail(ErrorCode::invalid_argument, cat(shown_name(id), " is no repository id: ", problem));
  }
  for (const std::string& path : {options.revision, options.subfolder}) {
    if (path.empty() || safe_relative_path(path)) continue;
    fail(ErrorCode::denied, cat(id, ": ", shown_name(path), " is no plain relative path"));
  }
  if (options.local_files_only || hub_offline()) {
    fail(ErrorCode::network, cat(id, ": ", hub_offline() ? "HF_HUB_OFFLINE" : "local_files_only",
                                 " is set, so nothing is downloaded"));
  }
  return Download(id, options).run(files);
}

void download_missing(const std::string& id, const RepoOptions& options) {
  if (options.local_files_only || !http_built() || hub_offline()) return;
  const RepoCache cache(cache_of(options), id);
  const bool commit = is_commit_hash(options.revision);
  const std::string fixed = cat(cache.folder(), "/snapshots/", options.revision);
  const bool there = commit && env().stat(fixed).directory;
  if (there && !options.force_download && loadable(id, options)) return;
  try {
    download(id, options);
  } catch (const Error& error) {
    const bool cached = commit ? there : cache.read_ref(options.revision).has_value();
    if (error.code() != ErrorCode::network || !cached || options.force_download) throw;
    log(LogLevel::info, cat(error.what(), "; what the cache has of it is used"));
  }
}

}  // namespace tern::hub
