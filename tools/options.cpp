// SPDX-License-Identifier: Apache-2.0
// Options on CLI11. Two habits of that library are kept away from our users: a list argument
// written
// "[a,b]" is taken apart (so further positionals are declared one by one), and "--name=" takes the
// next argument as its value (so it is refused).
#include "options.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "nearest.h"

namespace tern::cli {

struct Options::State {
  struct Line {
    std::string left, right;
  };

  VerbHelp help;
  CLI::App app;
  std::vector<Line> positionals, options;
  std::vector<std::string> names = {"--help"};
  std::vector<std::string>* rest = nullptr;
  bool rest_required = true;
  std::string rest_name;
  std::vector<std::string> rest_values;
  bool help_asked = false;

  explicit State(const VerbHelp& h) : help(h) {
    app.set_help_flag();
    app.add_flag("-h,--help", help_asked);
  }

  void describe(std::string_view option_names, std::string_view value, std::string_view text) {
    std::string left(option_names);
    const size_t comma = left.find(',');
    left = comma == std::string::npos ? "    " + left : left.insert(comma + 1, " ");
    names.push_back(left.substr(4));
    if (text.empty()) return;
    if (!value.empty()) left += cat(" ", value);
    options.push_back({left, std::string(text)});
  }

  void print_help() const;
  void check_empty_values(const Arguments& arguments) const;
  [[noreturn]] void refuse(const std::string& message) const;
  [[noreturn]] void refuse_extras() const;
};

void Options::State::print_help() const {
  size_t width = 0;
  for (const auto* group : {&positionals, &options}) {
    for (const Line& line : *group) width = std::max(width, line.left.size());
  }
  std::string out = cat(help.summary, "\n\n", help.examples, "\nusage: ", help.usage, "\n");
  for (const auto* group : {&positionals, &options}) {
    for (const Line& line : *group) {
      out += cat("  ", line.left, std::string(width + 2 - line.left.size(), ' '), line.right, "\n");
    }
  }
  if (!help.notes.empty()) out += cat("\n", help.notes);
  std::fputs(out.c_str(), stdout);
}

void Options::State::refuse(const std::string& message) const {
  const std::string_view verb =
      help.usage.substr(0, help.usage.find(' ', help.usage.find(' ') + 1));
  fail(ErrorCode::invalid_argument, cat(message, " ('", verb, " --help' shows how)"));
}

void Options::State::refuse_extras() const {
  const std::vector<std::string> extras = app.remaining();  // the mark "--" among them
  const std::string first = *std::find_if(extras.begin(), extras.end() - 1,
                                          [](const std::string& extra) { return extra != "--"; });
  if (first.size() > 1 && first[0] == '-') {
    const std::string name = first.substr(0, first.find('='));
    refuse(cat("unknown option '", name, "'", did_you_mean(name, names)));
  }
  refuse(cat("one argument too many: '", first, "'"));
}

void Options::State::check_empty_values(const Arguments& arguments) const {
  for (const std::string& argument : arguments) {
    if (argument == "--") return;
    if (argument.size() > 3 && argument.starts_with("--") && argument.back() == '=') {
      refuse(cat("'", argument, "' has no value"));
    }
  }
}

Options::Options(const VerbHelp& help) : state_(std::make_unique<State>(help)) {}
Options::~Options() = default;

void Options::positional(std::string_view name, std::string& target, std::string_view help,
                         bool required) {
  state_->app.add_option(std::string(name), target)->required(required);
  state_->positionals.push_back({std::string(name), std::string(help)});
}

void Options::rest(std::string_view name, std::vector<std::string>& target, std::string_view help) {
  state_->rest = &target;
  state_->rest_name = name;
  state_->positionals.push_back({cat(name, "…"), std::string(help)});
}

void Options::more(std::string_view name, std::vector<std::string>& target, std::string_view help) {
  rest(name, target, help);
  state_->rest_required = false;
}

void Options::text(std::string_view names, std::string_view value, std::string& target,
                   std::string_view help) {
  state_->app.add_option(std::string(names), target);
  state_->describe(names, value, help);
}

void Options::text(std::string_view names, std::string_view value, std::string& target, bool& given,
                   std::string_view help) {
  state_->app
      .add_option_function<std::string>(std::string(names),
                                        [&](const std::string& found) {
                                          given = true;
                                          target = found;
                                        })
      ->expected(0, 1)
      ->default_str("");
  state_->describe(names, value, help);
}

void Options::repeated(std::string_view names, std::string_view value,
                       std::vector<std::string>& target, std::string_view help) {
  state_->app.add_option(std::string(names), target)->allow_extra_args(false);
  state_->describe(names, value, help);
}

void Options::integer(std::string_view names, int& target, Range range, std::string_view help) {
  state_->app.add_option(std::string(names), target)->check(CLI::Range(range.low, range.high));
  state_->describe(names, "N", help);
}

void Options::choice(std::string_view names, std::string_view value, std::string& target,
                     std::vector<std::string> allowed) {
  std::string words;
  for (const std::string& word : allowed) words += cat(words.empty() ? "" : ", ", word);
  state_->describe(names, value, cat(words, " (default: ", target, ")"));
  state_->app.add_option(std::string(names), target)
      ->check([allowed = std::move(allowed), words](const std::string& given) {
        if (std::find(allowed.begin(), allowed.end(), given) != allowed.end()) return std::string();
        return cat("'", given, "' is none of ", words, did_you_mean(given, allowed));
      });
}

void Options::flag(std::string_view names, bool& target, std::string_view help) {
  state_->app.add_flag(std::string(names), target);
  state_->describe(names, "", help);
}

bool Options::parse(const Arguments& arguments) {
  State& state = *state_;
  state.check_empty_values(arguments);
  state.app.allow_extras();
  if (state.rest) {
    state.rest_values.resize(std::max<size_t>(arguments.size(), 1));
    for (size_t i = 0; i < state.rest_values.size(); ++i) {
      const std::string name = i == 0 ? state.rest_name : cat(state.rest_name, i + 1);
      state.app.add_option(name, state.rest_values[i])->required(i == 0 && state.rest_required);
    }
  }
  // Asked for help, the arguments that are missing do not matter.
  const auto end = std::find(arguments.begin(), arguments.end(), "--");
  if (std::any_of(arguments.begin(), end,
                  [](const auto& a) { return a == "-h" || a == "--help"; })) {
    state.print_help();
    return false;
  }
  try {
    state.app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::RequiredError& error) {
    if (state.app.remaining_size() > 0) state.refuse_extras();
    state.refuse(error.what());
  } catch (const CLI::ParseError& error) {
    state.refuse(error.what());
  }
  if (state.app.remaining_size() > 0) state.refuse_extras();
  if (state.rest) {
    for (size_t i = 0; i < state.rest_values.size(); ++i) {
      const std::string name = i == 0 ? state.rest_name : cat(state.rest_name, i + 1);
      if (state.app.count(name) > 0) state.rest->push_back(std::move(state.rest_values[i]));
    }
  }
  return true;
}

}  // namespace tern::cli
