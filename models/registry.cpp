// SPDX-License-Identifier: Apache-2.0
#include "registry.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <vector>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "arch/arch.h"
#include "key_names.h"

namespace tern {

namespace {

using Entry = std::shared_ptr<const ModelClass>;

/// Entries are never removed; a caller holds what it found.
class Registry {
 public:
  static Registry& get() {
    static auto* registry = new Registry;  // never destroyed: threads may outlive static objects
    return *registry;
  }

  void add(ModelClass entry) {
    const std::lock_guard lock(mutex_);
    for (const Entry& known : entries_) {
      if (known->name == entry.name) {
        fail(ErrorCode::invalid_argument,
             cat("a model class named '", entry.name, "' is already registered"));
      }
      if (known->model_type == entry.model_type && known->task == entry.task) {
        fail(ErrorCode::invalid_argument,
             cat("model_type '", entry.model_type, "' already has a class for ", entry.task, ": ",
                 known->name));
      }
    }
    entries_.push_back(std::make_shared<const ModelClass>(std::move(entry)));
  }

  std::vector<Entry> entries() const {
    const std::lock_guard lock(mutex_);
    return entries_;
  }

 private:
  Registry() {
#define TERN_ARCH(name)                       \
  for (ModelClass & entry : name##_classes()) \
    entries_.push_back(std::make_shared<const ModelClass>(std::move(entry)));
#include "arch/arch.inc"
#undef TERN_ARCH
  }

  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};

std::string joined(const std::set<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += cat(out.empty() ? "" : ", ", name);
  return out.empty() ? "none" : out;
}

/// What config.json's auto_map names for this task ("modeling_x.XModel"), without its file.
std::string custom_class(const Config& config, std::string_view task) {
  const hub::Json& map = config.json()["auto_map"];
  for (const std::string_view key :
       {task, std::string_view("AutoModel"), std::string_view("AutoConfig")}) {
    if (const auto name = map[key].string())
      return printable_name(name->substr(name->rfind('.') + 1));
  }
  return {};
}

[[noreturn]] void fail_unknown_type(const Config& config, std::string_view task,
                                    std::string_view repo, const std::set<std::string>& types) {
  const std::string type = printable_name(config.model_type());
  const std::string custom = custom_class(config, task);
  const std::string where = cat(repo, "/", config.what());
  if (!custom.empty()) {
    fail(ErrorCode::unsupported, cat(where, ": model_type '", type,
                                     "' comes with Python code of its own (auto_map), which is "
                                     "never run here: write the class '",
                                     custom, "' in C++ and register it with register_model"));
  }
  if (type.empty()) {
    fail(ErrorCode::unsupported,
         cat(where,
             ": no model_type, so the architecture is unknown; known types: ", joined(types)));
  }
  fail(ErrorCode::unsupported,
       cat(where, ": model_type '", type, "' is not supported; known types: ", joined(types)));
}

}  // namespace

void register_model(ModelClass entry) {
  if (entry.name.empty() || entry.model_type.empty() || !entry.make) {
    fail(ErrorCode::invalid_argument, "register_model needs a name, a model_type and a factory");
  }
  Registry::get().add(std::move(entry));
}

std::vector<std::string> registered_models() {
  std::set<std::string> names;
  for (const Entry& entry : Registry::get().entries()) names.insert(entry->name);
  return {names.begin(), names.end()};
}

std::shared_ptr<const ModelClass> find_model_class(std::string_view task, const Config& config,
                                                   std::string_view repo) {
  const std::string type = config.model_type();
  std::set<std::string> types, fitting, tasks;
  for (const Entry& entry : Registry::get().entries()) {
    types.insert(entry->model_type);
    tasks.insert(entry->task);
    tasks.insert(entry->name);
    if (entry->model_type != type) continue;
    if (entry->task == task || entry->name == task) return entry;
    fitting.insert(entry->task.empty() ? entry->name : cat(entry->name, " (", entry->task, ")"));
  }
  if (fitting.empty()) fail_unknown_type(config, task, repo, types);
  const bool known = tasks.contains(std::string(task));
  fail(ErrorCode::invalid_argument,
       cat(known ? "Unrecognized configuration class for this kind of model: " : "unknown class: ",
           "'", printable_name(task), "' does not fit ", repo, ", whose model_type is '",
           printable_name(type), "'; these do: ", joined(fitting)));
}

}  // namespace tern
