// SPDX-License-Identifier: Apache-2.0
#include "device_map.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "key_names.h"

namespace tern {

namespace {

constexpr int kMostDevices = 1024;

struct Unit {
  std::string_view name;
  uint64_t bytes;
};
constexpr std::array kUnits = {Unit{"GIB", 1ULL << 30}, Unit{"MIB", 1ULL << 20},
                               Unit{"KIB", 1ULL << 10}, Unit{"GB", 1000000000},
                               Unit{"MB", 1000000},     Unit{"KB", 1000}};

[[noreturn]] void fail_size(std::string_view text, std::string_view what = "max_memory") {
  fail(ErrorCode::invalid_argument,
       cat(what, ": '", printable_name(text), "' is no size; expected bytes, or a number with a ",
           "unit such as '10GiB' or '512MB'"));
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

}  // namespace

DeviceId DeviceId::parse(std::string_view text) {
  if (text == "cpu") return {kCpu};
  if (text == "disk") return {kDisk};
  if (text == "cuda") return {0};
  std::string_view digits = text;
  if (digits.starts_with("cuda:")) digits.remove_prefix(5);
  int index = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (whole && index >= 0 && index < kMostDevices) return {index};
  fail(ErrorCode::invalid_argument, cat("device '", printable_name(text),
                                        "' is not known; expected cpu, disk, cuda, cuda:N or N"));
}

std::string DeviceId::to_string() const {
  if (index == kCpu) return "cpu";
  if (index == kDisk) return "disk";
  return cat(index);
}

uint64_t parse_memory_size(std::string_view text, std::string_view what) {
  const std::string large = upper(text);
  double factor = 1;
  std::string_view number = text;
  for (const Unit& unit : kUnits) {
    if (!large.ends_with(unit.name)) continue;
    factor = static_cast<double>(unit.bytes);
    number = text.substr(0, text.size() - unit.name.size());
    // As in Accelerate, a small b counts bits.
    if (unit.name.size() == 2 && text.back() == 'b') factor /= 8;
    break;
  }
  while (!number.empty() && number.back() == ' ') number.remove_suffix(1);
  double value = -1;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  const bool whole = error == std::errc() && end == number.data() + number.size();
  if (!whole || !(value >= 0) || !(value * factor < 0x1p63)) fail_size(text, what);
  return static_cast<uint64_t>(value * factor);
}

MaxMemory parse_max_memory(const hub::Json& json) {
  if (!json.is_object()) {
    fail(ErrorCode::invalid_argument,
         cat("max_memory: expected an object of device: size, found ", json.dump()));
  }
  MaxMemory out;
  for (const auto& [name, value] : json.members()) {
    const auto text = value.string();
    const auto bytes = value.integer();
    if (!text && (!bytes || *bytes < 0)) fail_size(value.dump());
    out.emplace_back(DeviceId::parse(name),
                     text ? parse_memory_size(*text) : static_cast<uint64_t>(*bytes));
  }
  return out;
}

DeviceMap DeviceMap::from_json(const hub::Json& json) {
  if (!json.is_object()) {
    fail(ErrorCode::invalid_argument,
         cat("device_map: expected an object of module: device, found ", json.dump()));
  }
  std::vector<Entry> entries;
  for (const auto& [module, value] : json.members()) {
    const auto text = value.string();
    const auto index = value.integer();
    if (!text && !index) {
      fail(ErrorCode::invalid_argument,
           cat("device_map: the device of '", printable_name(module), "' is ", value.dump(),
               "; expected a name or an index"));
    }
    entries.emplace_back(module, DeviceId::parse(text ? std::string(*text) : cat(*index)));
  }
  return DeviceMap(std::move(entries));
}

DeviceId DeviceMap::of(std::string_view name) const noexcept {
  const Entry* best = nullptr;
  for (const Entry& entry : entries_) {
    const std::string& module = entry.first;
    const bool above =
        module.empty() || name == module ||
        (name.size() > module.size() && name.starts_with(module) && name[module.size()] == '.');
    if (above && (!best || module.size() > best->first.size())) best = &entry;
  }
  return best ? best->second : DeviceId{};
}

std::string DeviceMap::dump() const {
  std::string out;
  for (const auto& [module, device] : entries_) {
    out += cat(out.empty() ? "{" : ", ", hub::json_quote(module), ": ",
               device.accelerator() ? device.to_string() : cat("\"", device.to_string(), "\""));
  }
  return out.empty() ? "{}" : out + "}";
}

std::optional<Placement> placement_from_string(std::string_view text) {
  if (text == "auto" || text == "balanced") return Placement::balanced;
  if (text == "balanced_low_0") return Placement::balanced_low_0;
  if (text == "sequential") return Placement::sequential;
  return std::nullopt;
}

}  // namespace tern
