// SPDX-License-Identifier: Apache-2.0
// Options: the command line of one verb. A verb declares its arguments against its own variables;
// parsing, --help and the messages come from that one table. The parser library shows only in
// options.cpp.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tern::cli {

using Arguments = std::vector<std::string>;

/// What --help shows above the options, each text as it is to be printed.
struct VerbHelp {
  std::string_view usage;       // "tern embed MODEL [FILE|-] [options]"
  std::string_view summary;     // one or two lines
  std::string_view examples;    // lines, each "  tern embed …\n"
  std::string_view notes = {};  // lines below the options
};

class Options {
 public:
  explicit Options(const VerbHelp& help);
  ~Options();
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  // `names` is "--top-k" or "-k,--top-k"; `value` names its value in the help ("N", "FILE"). An
  // option without a help text has no line of its own: that of another one speaks of it.
  void positional(std::string_view name, std::string& target, std::string_view help, bool required);
  /// Every further positional argument: at least one, or as many as there are.
  void rest(std::string_view name, std::vector<std::string>& target, std::string_view help);
  void more(std::string_view name, std::vector<std::string>& target, std::string_view help);
  void text(std::string_view names, std::string_view value, std::string& target,
            std::string_view help);
  /// An option that may come without its value; `given`: whether it came.
  void text(std::string_view names, std::string_view value, std::string& target, bool& given,
            std::string_view help);
  void repeated(std::string_view names, std::string_view value, std::vector<std::string>& target,
                std::string_view help);
  struct Range {
    int low, high;
  };
  void integer(std::string_view names, int& target, Range range, std::string_view help);
  /// One of a few words; the value `target` has now is the default.
  void choice(std::string_view names, std::string_view value, std::string& target,
              std::vector<std::string> allowed);
  void flag(std::string_view names, bool& target, std::string_view help);

  /// Fills the targets. Error invalid_argument says what is wrong and how to get help. Returns
  /// false when --help was asked for and has been printed to stdout.
  bool parse(const Arguments& arguments);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tern::cli
