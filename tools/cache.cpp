// SPDX-License-Identifier: Apache-2.0
// tern cache: what the hub cache holds (ls), whether it is right (verify), and taking it out (rm);
// and the packed weights that loading has kept beside it (ls, prune).
#include <algorithm>
#include <cstdio>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../hub/cache_list.h"
#include "../hub/formats/json.h"
#include "../hub/packed_file.h"
#include "../hub/repo.h"
#include "display.h"
#include "download_bar.h"
#include "verbs.h"

namespace tern::cli {

namespace {

using hub::Json;

constexpr VerbHelp kHelp = {
    .usage = "tern cache ls|verify|rm|prune [MODEL…] [options]",
    .summary = "Shows, checks or removes what lies in the Hugging Face cache.",
    .examples =
        "  tern cache ls\n"
        "  tern cache verify sentence-transformers/all-MiniLM-L6-v2\n"
        "  tern cache rm org/name --revision v1.0\n"
        "  tern cache prune\n",
    .notes =
        "verify reads every file and compares its hash; the exit code is 4 when one is wrong. "
        "Without\n"
        "MODEL, ls and verify take all models; rm wants names. ls without MODEL also shows the "
        "files\n"
        "of packed weights that loading has kept (TERN_CACHE; TERN_PACKED_CACHE_LIMIT bounds\n"
        "them), the least recently used first; prune removes them all, and the next load makes\n"
        "them anew.\n",
};

struct CacheOptions {
  std::string action, cache_dir, revision;
  std::vector<std::string> models;
  bool json = false, quiet = false;
};

Json json_of(uint64_t number) {
  return Json::make(static_cast<int64_t>(number));
}

Json json_of(const hub::CachedRepo& repo) {
  std::vector<Json> revisions;
  for (const hub::CachedRevision& revision : repo.revisions) {
    std::vector<Json> refs;
    for (const std::string& ref : revision.refs) refs.push_back(Json::make(std::string_view(ref)));
    revisions.push_back(Json::object({{"commit", Json::make(std::string_view(revision.commit))},
                                      {"refs", Json::array(std::move(refs))},
                                      {"files", json_of(revision.files)},
                                      {"bytes", json_of(revision.bytes)}}));
  }
  return Json::object({{"model", Json::make(std::string_view(repo.id))},
                       {"bytes", json_of(repo.bytes)},
                       {"unfinished_bytes", json_of(repo.unfinished)},
                       {"folder", Json::make(std::string_view(repo.folder))},
                       {"revisions", Json::array(std::move(revisions))}});
}

std::vector<hub::CachedRepo> chosen(const CacheOptions& options) {
  std::vector<hub::CachedRepo> repos = hub::list_cache(options.cache_dir);
  if (options.models.empty()) return repos;
  for (const std::string& model : options.models) {
    const bool known = std::any_of(repos.begin(), repos.end(),
                                   [&](const hub::CachedRepo& repo) { return repo.id == model; });
    if (!known) fail(ErrorCode::not_found, cat(model, ": not in the cache ", options.cache_dir));
  }
  std::erase_if(repos, [&](const hub::CachedRepo& repo) {
    return std::find(options.models.begin(), options.models.end(), repo.id) == options.models.end();
  });
  return repos;
}

void list_packed(const CacheOptions& options) {
  for (const hub::PackedEntry& entry : hub::list_packed(hub::packed_cache_dir())) {
    const Json row = Json::object(
        {{"packed", Json::make(std::string_view(entry.path))}, {"bytes", json_of(entry.bytes)}});
    std::puts(options.json ? row.dump().c_str()
                           : printable(cat(entry.path, "  ", size_text(entry.bytes))).c_str());
  }
}

int list(const CacheOptions& options) {
  const std::vector<hub::CachedRepo> repos = chosen(options);
  size_t width = 0;
  for (const hub::CachedRepo& repo : repos) width = std::max(width, repo.id.size());
  for (const hub::CachedRepo& repo : repos) {
    if (options.json) {
      std::puts(json_of(repo).dump().c_str());
      continue;
    }
    std::string line =
        cat(repo.id, std::string(width + 2 - repo.id.size(), ' '), size_text(repo.bytes));
    for (const hub::CachedRevision& revision : repo.revisions) {
      line += cat("  ", revision.commit.substr(0, 8));
      for (const std::string& ref : revision.refs) line += cat(" ", ref);
    }
    if (repo.unfinished > 0) line += "  (a download is not complete)";
    std::puts(printable(line).c_str());
  }
  if (options.models.empty()) list_packed(options);
  return 0;
}

int prune(const CacheOptions& options) {
  if (!options.models.empty()) {
    fail(ErrorCode::invalid_argument,
         "tern cache prune takes no MODEL: packed weights are kept by content, not by name");
  }
  const std::string folder = hub::packed_cache_dir();
  if (folder.empty()) fail(ErrorCode::not_found, "tern cache prune: TERN_PACKED_CACHE is off");
  std::puts(
      printable(cat(folder, ": ", size_text(hub::shrink_packed(folder, 0)), " free")).c_str());
  return 0;
}

int verify(const CacheOptions& options) {
  const DownloadBar bar(!options.quiet);
  bool right = true;
  for (const hub::CachedRepo& repo : chosen(options)) {
    const hub::CacheVerified verified = hub::verify_cached(options.cache_dir, repo.id);
    std::puts(printable(cat(repo.id, ": ", verified.files, " files, ", size_text(verified.bytes),
                            verified.faults.empty() ? ": all as they should be"
                                                    : cat(": ", verified.faults.size(), " wrong")))
                  .c_str());
    for (const hub::CacheFault& fault : verified.faults) {
      std::puts(printable(cat("  ", fault.path, ": ", fault.problem)).c_str());
      right = false;
    }
  }
  return right ? 0 : exit_code(ErrorCode::corrupt);
}

int remove(const CacheOptions& options) {
  if (options.models.empty()) {
    fail(ErrorCode::invalid_argument, "tern cache rm: which MODEL? (tern cache ls lists them)");
  }
  for (const std::string& model : options.models) {
    const uint64_t freed = hub::remove_cached(options.cache_dir, model, options.revision);
    std::puts(printable(cat(model, ": removed, ", size_text(freed), " free")).c_str());
  }
  return 0;
}

}  // namespace

int cache(const Arguments& arguments) {
  CacheOptions chosen_options;
  Options options(kHelp);
  options.positional("ls|verify|rm|prune", chosen_options.action, "what to do", true);
  options.more("MODEL", chosen_options.models, "names on the hub");
  options.text("--revision", "REV", chosen_options.revision, "rm: this commit, branch or tag only");
  options.text("--cache-dir", "DIR", chosen_options.cache_dir, "the cache (default: HF_HUB_CACHE)");
  options.flag("--json", chosen_options.json, "ls: one JSON object per model or file");
  options.flag("-q,--quiet", chosen_options.quiet, "no progress bar");
  if (!options.parse(arguments)) return 0;
  if (chosen_options.cache_dir.empty()) chosen_options.cache_dir = hub::hub_cache_dir();
  if (chosen_options.action == "ls") return list(chosen_options);
  if (chosen_options.action == "verify") return verify(chosen_options);
  if (chosen_options.action == "rm") return remove(chosen_options);
  if (chosen_options.action == "prune") return prune(chosen_options);
  fail(ErrorCode::invalid_argument, cat("tern cache: unknown action '", chosen_options.action,
                                        "'; expected ls, verify, rm or prune"));
}

}  // namespace tern::cli
