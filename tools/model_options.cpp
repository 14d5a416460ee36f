// SPDX-License-Identifier: Apache-2.0
#include "model_options.h"

#include <cstdlib>

#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "download_bar.h"

namespace tern::cli {

void set_threads(int threads) {
  if (threads > 0) ::setenv("TERN_NUM_THREADS", cat(threads).c_str(), 1);
}

void ModelOptions::declare_model(Options& options) {
  options.positional("MODEL", model, "a folder, a .gguf file, or org/name in the Hugging Face cache", true);
}

void ModelOptions::declare_options(Options& options) {
  options.choice("--dtype", "TYPE", dtype, {"auto", "float32", "bfloat16", "float16"});
  options.choice("--quantize", "TYPE", quantize, {"none", "int8", "int4"});
  options.integer("--threads", threads, {1, kMostThreads},
                  "threads (default: TERN_NUM_THREADS, else all usable CPUs)");
  options.text("--revision", "REV", revision, "branch, tag or commit (default: main)");
  options.text("--cache-dir", "DIR", cache_dir, "where downloads lie (default: HF_HUB_CACHE)");
  options.flag("-q,--quiet", quiet, "no warnings, no progress bar");
}

void ModelOptions::apply() const {
  set_threads(threads);
  if (quiet) set_log_callback({});
  static const DownloadBar bar(!quiet);  // as long as the program
}

hub::Repo ModelOptions::open() const {
  return hub::Repo::open(model, load().repo_options());
}

hub::Repo ModelOptions::open(LoadOptions& options) const {
  return open_pretrained(model, options);
}

LoadOptions ModelOptions::load() const {
  LoadOptions options;
  options.revision = revision;
  options.cache_dir = cache_dir;
  options.subfolder = subfolder;
  options.dtype = dtype;
  if (quantize != "none") options.quantize = quantize;
  return options;
}

}  // namespace tern::cli
