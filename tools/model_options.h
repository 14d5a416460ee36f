// SPDX-License-Identifier: Apache-2.0
// The options shared by all verbs that run a model: which one, in which type, on how many threads.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "../models/auto.h"
#include "options.h"

namespace tern::cli {

struct ModelOptions {
  std::string model, dtype = "auto", quantize = "none", revision = "main", cache_dir, subfolder;
  int threads = 0;
  bool quiet = false;

  /// MODEL, to be declared before further positionals; and the options, after those of the verb.
  void declare_model(Options& options);
  void declare_options(Options& options);
  /// Puts --threads and --quiet into force: call it after parsing and before anything is loaded.
  void apply() const;

  LoadOptions load() const;
  hub::Repo open() const;
  /// The model, with the files that `options` ask for; a .gguf file becomes options.gguf_file.
  hub::Repo open(LoadOptions& options) const;
};

constexpr int kMostThreads = 4096;
constexpr int kLargestBatch = 65536;

/// Sizes the process's thread pool, which loading (packing weights) and running both use.
void set_threads(int threads);

}  // namespace tern::cli
