// SPDX-License-Identifier: Apache-2.0
// tern pull: a model of the hub into the cache; prints the folder where it lies.
#include <cstdio>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/base/log.h"
#include "../hub/download.h"
#include "display.h"
#include "download_bar.h"
#include "verbs.h"

namespace tern::cli {

namespace {

constexpr VerbHelp kHelp = {
    .usage = "tern pull MODEL [FILE…] [options]",
    .summary = "Downloads a model of the Hugging Face hub into its cache and prints the folder.",
    .examples =
        "  tern pull sentence-transformers/all-MiniLM-L6-v2\n"
        "  tern pull org/name --revision v1.0 --variant fp16\n"
        "  tern pull org/name model-q4.gguf\n",
    .notes =
        "Without FILE: configs, tokenizer and one form of weights. Interrupted downloads go on; "
        "every\n"
        "file is checked against the hub's hash. A token comes from HF_TOKEN or `hf auth login`;\n"
        "HF_ENDPOINT, HF_HUB_CACHE and https_proxy are honoured.\n",
};

hub::WeightFiles weights_of(const std::string& word) {
  if (word == "safetensors") return hub::WeightFiles::safetensors;
  if (word == "pytorch") return hub::WeightFiles::pytorch;
  if (word == "tensorflow") return hub::WeightFiles::tensorflow;
  if (word == "flax") return hub::WeightFiles::flax;
  return word == "none" ? hub::WeightFiles::none : hub::WeightFiles::automatic;
}

}  // namespace

int pull(const Arguments& arguments) {
  std::string model, weights = "auto";
  std::vector<std::string> files;
  hub::RepoOptions wanted;
  bool all = false, quiet = false;
  Options options(kHelp);
  options.positional("MODEL", model, "name on the hub", true);
  options.more("FILE", files, "these files only");
  options.text("--revision", "REV", wanted.revision, "branch, tag or commit (default: main)");
  options.text("--subfolder", "DIR", wanted.subfolder, "the folder of the repository to use");
  options.text("--variant", "NAME", wanted.variant, "weights of this variant, such as fp16");
  options.choice("--weights", "FORM", weights,
                 {"auto", "safetensors", "pytorch", "tensorflow", "flax", "none"});
  options.flag("--all", all, "every file of the repository");
  options.flag("--force", wanted.force_download, "download again what is there already");
  options.text("--cache-dir", "DIR", wanted.cache_dir, "the cache (default: HF_HUB_CACHE)");
  options.flag("-q,--quiet", quiet, "no progress bar");
  if (!options.parse(arguments)) return 0;
  if (quiet) set_log_callback({});
  wanted.weights = weights_of(weights);
  if (all) files = {"*"};
  const DownloadBar bar(!quiet);
  const hub::Downloaded got = hub::download(model, wanted, files);
  std::puts(printable(got.folder).c_str());
  if (quiet) return 0;
  std::fputs(cat("tern: ", got.files.size(), " files, ", size_text(got.bytes), ", ",
                 got.fetched == 0 ? "all there already" : size_text(got.fetched) + " downloaded",
                 "; commit ", got.commit, "\n")
                 .c_str(),
             stderr);
  return 0;
}

}  // namespace tern::cli
