// SPDX-License-Identifier: Apache-2.0
// The planner of device_map.h, as Accelerate decides (accelerate 1.15, transformers 5.24,
// integrations/accelerate.py): which module is tried next, what is split, when a device is full.
#include <algorithm>
#include <climits>
#include <map>

#include "device_map.h"

namespace tern {

namespace {

/// A module, or a tensor that stands for itself.
struct Module {
  std::string name;
  std::vector<size_t> children;    // modules, in the order of definition
  std::vector<size_t> parameters;  // tensors directly in it
  std::vector<size_t> buffers;
  uint64_t bytes = 0;      // all below it, without tied targets
  uint64_t own_bytes = 0;  // of the tensors directly in it
  bool tensor = false;
  bool layer = false;  // never split
};

/// The tree that names with dots describe.
class Tree {
 public:
  explicit Tree(const ModelOutline& model) {
    add({}, false);
    for (const ModelOutline::Entry& entry : model.entries) {
      const bool tied = std::any_of(model.tied.begin(), model.tied.end(),
                                    [&](const auto& pair) { return pair.first == entry.name; });
      insert(entry, tied ? 0 : entry.bytes);
    }
    for (const std::string& name : model.layers) {
      if (const auto found = index_.find(name); found != index_.end())
        modules_[found->second].layer = true;
    }
  }

  const Module& operator[](size_t i) const { return modules_[i]; }
  const Module& root() const { return modules_[0]; }
  size_t size() const { return modules_.size(); }

 private:
  size_t add(const std::string& name, bool tensor) {
    const auto [at, fresh] = index_.emplace(name, modules_.size());
    if (fresh) {
      modules_.emplace_back();
      modules_.back().name = name;
      modules_.back().tensor = tensor;
    }
    return at->second;
  }

  void insert(const ModelOutline::Entry& entry, uint64_t bytes) {
    size_t parent = 0;
    modules_[0].bytes += bytes;
    for (size_t dot = entry.name.find('.'); dot != std::string::npos;
         dot = entry.name.find('.', dot + 1)) {
      const size_t known = modules_.size();
      const size_t child = add(entry.name.substr(0, dot), false);
      if (child == known) modules_[parent].children.push_back(child);
      modules_[child].bytes += bytes;
      parent = child;
    }
    const bool tensor = entry.kind != ModelOutline::Kind::module;
    const size_t known = modules_.size(), leaf = add(entry.name, tensor);
    if (!tensor) {
      if (leaf == known) modules_[parent].children.push_back(leaf);
      return;
    }
    modules_[leaf].bytes += bytes;
    modules_[parent].own_bytes += bytes;
    const bool buffer = entry.kind == ModelOutline::Kind::buffer;
    (buffer ? modules_[parent].buffers : modules_[parent].parameters).push_back(leaf);
  }

  std::vector<Module> modules_;
  std::map<std::string, size_t, std::less<>> index_;
};

/// Is `inner` the module or below it? Accelerate looks for "name." anywhere in "inner.".
bool holds(const std::string& name, const std::string& inner) {
  return (inner + ".").find(name + ".") != std::string::npos;
}

bool begins(const std::string& text, const std::string& with) {
  return text.compare(0, with.size(), with) == 0;
}

/// Accelerators by index, the CPU, the disk.
MaxMemory in_order(MaxMemory memory) {
  const auto rank = [](const auto& entry) {
    const int index = entry.first.index;
    return index >= 0 ? index : index == DeviceId::kCpu ? INT_MAX - 1 : INT_MAX;
  };
  std::stable_sort(memory.begin(), memory.end(),
                   [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return memory;
}

class Planner {
 public:
  Planner(const ModelOutline& model, MaxMemory memory)
      : tree_(model), memory_(in_order(std::move(memory))) {
    if (memory_.empty() || memory_.back().first.index != DeviceId::kDisk)
      memory_.emplace_back(DeviceId{DeviceId::kDisk}, 0);
    used_.resize(memory_.size());
    std::map<std::string, std::vector<std::string>> groups;
    for (const auto& [target, source] : model.tied) groups[source].push_back(target);
    for (auto& [source, group] : groups) {
      group.push_back(source);
      std::sort(group.begin(), group.end());
      ties_.push_back(group);
    }
    const Module& root = tree_.root();
    for (const auto* list : {&root.parameters, &root.children, &root.buffers}) {
      waiting_.insert(waiting_.end(), list->begin(), list->end());
    }
    largest_layers();
  }

  std::vector<DeviceMap::Entry> run() {
    while (!waiting_.empty()) {
      const size_t next = waiting_.front();
      waiting_.erase(waiting_.begin());
      treat(next);
    }
    return std::move(map_);
  }

 private:
  /// The first accelerator and the CPU keep room to bring in what is elsewhere.
  bool reserves() const {
    const DeviceId device = memory_[device_].first;
    return device.index == DeviceId::kCpu || (device.accelerator() && device_ == 0);
  }
  bool unbounded() const { return memory_[device_].first.index == DeviceId::kDisk; }
  uint64_t reserve() const { return reserves() ? largest_ : 0; }
  bool fits(uint64_t bytes) const {
    return unbounded() || used_[device_] + bytes + reserve() <= memory_[device_].second;
  }

  /// The largest of the layers that wait (modules without children, and layers), and who they are.
  void largest_layers() {
    largest_ = 0;
    largest_names_.clear();
    std::vector<size_t> open(waiting_.rbegin(), waiting_.rend());
    while (!open.empty()) {
      const Module& m = tree_[open.back()];
      open.pop_back();
      if (m.tensor && !first_call_) continue;
      if (!m.children.empty() && !m.layer) {
        open.insert(open.end(), m.children.rbegin(), m.children.rend());
        continue;
      }
      if (m.bytes > largest_) {
        largest_ = m.bytes;
        largest_names_.clear();
      }
      if (m.bytes == largest_) largest_names_.push_back(m.name);
    }
    first_call_ = false;
  }

  void leave(const Module& m) {
    std::erase_if(largest_names_, [&](const std::string& name) {
      return name == m.name || begins(name, m.name + ".");
    });
    if (largest_names_.empty()) largest_layers();
  }

  /// Modules that wait and hold a parameter tied to one of m's.
  std::vector<size_t> tied_modules(const Module& m, bool& any) const {
    std::vector<size_t> out;
    for (const auto& group : ties_) {
      const auto inside = [&](const std::string& p) { return holds(m.name, p); };
      if (std::none_of(group.begin(), group.end(), inside) ||
          std::all_of(group.begin(), group.end(), inside)) {
        continue;
      }
      for (const std::string& p : group) {
        if (inside(p)) continue;
        any = true;
        const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                        [&](size_t i) { return begins(p, tree_[i].name + "."); });
        const bool fresh =
            found != waiting_.end() && std::find(out.begin(), out.end(), *found) == out.end();
        if (fresh) out.push_back(*found);
      }
    }
    return out;
  }

  void treat(size_t index) {
    const Module& m = tree_[index];
    leave(m);
    bool any_tied = false;
    const std::vector<size_t> tied = tied_modules(m, any_tied);
    uint64_t with_ties = m.bytes;
    for (const size_t t : tied) with_ties += tree_[t].bytes;
    if (fits(with_ties)) return place(m, tied, with_ties);
    if (any_tied && fits(m.bytes) && split_tied(index, tied)) return;
    if (!m.tensor && !m.children.empty() && !m.layer) return split(m);
    used_[device_] += reserve();
    ++device_;
    waiting_.insert(waiting_.begin(), index);
  }

  void place(const Module& m, const std::vector<size_t>& tied, uint64_t bytes) {
    used_[device_] += bytes;
    map_.emplace_back(m.name, memory_[device_].first);
    for (const size_t t : tied) {
      std::erase(waiting_, t);
      map_.emplace_back(tree_[t].name, memory_[device_].first);
    }
  }

  /// Parts of a module in the order in which they are tried: its own parameters, then its modules.
  static std::vector<size_t> parts(const Module& m) {
    std::vector<size_t> out = m.parameters;
    out.insert(out.end(), m.children.begin(), m.children.end());
    return out;
  }

  void split(const Module& m) {
    const std::vector<size_t> inner = parts(m);
    waiting_.insert(waiting_.begin(), inner.begin(), inner.end());
    largest_layers();
  }

  bool split_tied(size_t index, const std::vector<size_t>& tied) {
    for (const size_t t : tied) {
      const Module& m = tree_[t];
      if (m.tensor || m.children.empty() || m.layer) continue;
      const auto at = waiting_.erase(std::find(waiting_.begin(), waiting_.end(), t));
      const std::vector<size_t> inner = parts(m);
      waiting_.insert(at, inner.begin(), inner.end());
      waiting_.insert(waiting_.begin(), index);
      largest_layers();
      return true;
    }
    return false;
  }

  Tree tree_;
  MaxMemory memory_;
  std::vector<uint64_t> used_;
  size_t device_ = 0;
  std::vector<std::vector<std::string>> ties_;  // names of one parameter
  std::vector<size_t> waiting_;
  uint64_t largest_ = 0;
  std::vector<std::string> largest_names_;
  bool first_call_ = true;
  std::vector<DeviceMap::Entry> map_;
};

/// Modules whose parts are all on one device become one entry.
void group(std::vector<DeviceMap::Entry>& map, const std::string& name) {
  const std::string prefix = name.empty() ? "" : name + ".";
  std::vector<std::string> children;
  size_t count = 0;
  bool same = true;
  DeviceId device;
  for (const auto& [module, where] : map) {
    if (!begins(module, prefix)) continue;
    same = same && (count == 0 || where == device);
    device = where;
    ++count;
    const std::string child = module.substr(0, module.find('.', prefix.size()));
    if (std::find(children.begin(), children.end(), child) == children.end())
      children.push_back(child);
  }
  if (same && count > 1) {
    std::erase_if(map, [&](const auto& entry) { return begins(entry.first, prefix); });
    map.emplace_back(name, device);
    return;
  }
  for (const std::string& child : children) {
    if (child != name) group(map, child);
  }
}

}  // namespace

MaxMemory balanced_memory(const ModelOutline& model, MaxMemory memory, Placement placement) {
  memory = in_order(std::move(memory));
  std::vector<size_t> accelerators;
  for (size_t i = 0; i < memory.size(); ++i) {
    if (memory[i].first.accelerator() && memory[i].second > 0) accelerators.push_back(i);
  }
  const size_t count = accelerators.size();
  if (placement == Placement::sequential || count == 0) return memory;
  const bool low_zero = placement == Placement::balanced_low_0 && count > 1;
  const Tree tree(model);
  uint64_t layer = 0;
  for (size_t i = 0; i < tree.size(); ++i) {
    const Module& m = tree[i];
    layer = std::max({layer, m.layer ? m.bytes : 0, i > 0 && !m.tensor ? m.own_bytes : 0});
  }
  const uint64_t total = tree.root().bytes;
  const uint64_t share = total / (low_zero ? count - 1 : count) + layer + layer / 4;
  for (size_t k = 0; k + 1 < count; ++k) {
    auto& [device, bytes] = memory[accelerators[k]];
    if (!low_zero || device.index != 0) bytes = std::min(bytes, share);
  }
  if (!low_zero) return memory;
  // By index from 0 and 1 on, as the reference counts, whichever of them have room.
  uint64_t others = 0;
  for (const auto& [device, bytes] : memory) {
    if (device.index >= 1 && device.index < static_cast<int>(count)) others += bytes;
  }
  for (auto& [device, bytes] : memory) {
    if (device.index == 0) bytes = std::min(bytes, total > others ? total - others : 0);
  }
  return memory;
}

DeviceMap infer_device_map(const ModelOutline& model, const MaxMemory& memory) {
  std::vector<DeviceMap::Entry> map = Planner(model, memory).run();
  group(map, "");
  return DeviceMap(std::move(map));
}

DeviceMap plan_device_map(const ModelOutline& model, const MaxMemory& memory, Placement placement) {
  return infer_device_map(model, balanced_memory(model, memory, placement));
}

}  // namespace tern
