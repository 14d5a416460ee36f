// SPDX-License-Identifier: Apache-2.0
// json.dumps, which is what chat templates call tojson: no escaping of HTML.
#include <algorithm>
#include <cmath>

#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"
#include "numbers.h"
#include "runtime.h"

namespace tern::jinja {

namespace {

std::string json_number(const Value& v) {
  if (!v.is(Kind::real)) return cat(v.integer());
  if (std::isnan(v.real())) return "NaN";
  if (std::isinf(v.real())) return v.real() < 0 ? "-Infinity" : "Infinity";
  return float_repr(v.real());
}

class Writer {
 public:
  Writer(Runtime& r, const JsonStyle& style) : r_(r), style_(style) {}

  void write(const Value& v) {
    r_.step();
    if (out.size() > r_.limits().bytes) r_.bytes(out.size());
    switch (v.kind()) {
      case Kind::none:
        out += "null";
        break;
      case Kind::boolean:
        out += v.boolean() ? "true" : "false";
        break;
      case Kind::integer:
      case Kind::real:
        out += json_number(v);
        break;
      case Kind::big:
        out += v.text();
        break;
      case Kind::string:
        string(v.text());
        break;
      case Kind::list:
      case Kind::tuple:
        list(v.as<List>().items);
        break;
      case Kind::dict:
        dict(v.as<Dict>());
        break;
      default:
        r_.fail(cat("Object of type ", type_name(v), " is not JSON serializable"));
    }
  }

  std::string out;

 private:
  void string(std::string_view text) {
    r_.bytes(text.size());
    out += '"';
    for (size_t i = 0; i < text.size();) {
      const size_t at = i;
      const char32_t c = text::next_char(text, i);
      static constexpr std::string_view kShort = "\b\f\n\r\t\"\\", kLetters = "bfnrt\"\\";
      const size_t known = c < 0x80 ? kShort.find(static_cast<char>(c)) : kShort.npos;
      if (known != kShort.npos) {
        out += '\\';
        out += kLetters[known];
      } else if (c < 0x20 || (style_.ensure_ascii && c >= 0x7F)) {
        escape(c);
      } else {
        out += text.substr(at, i - at);
      }
    }
    out += '"';
  }

  void escape(char32_t c) {
    if (c >= 0x10000) {
      escape(0xD800 + ((c - 0x10000) >> 10));
      c = 0xDC00 + ((c - 0x10000) & 0x3FF);
    }
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += "0123456789abcdef"[c >> shift & 15];
  }

  void new_line() {
    if (!style_.indent) return;
    if (style_.indent->size() * static_cast<size_t>(depth_) > r_.limits().bytes)
      r_.bytes(r_.limits().bytes + 1);
    out += '\n';
    for (int i = 0; i < depth_; ++i) out += *style_.indent;
  }

  template <class Items, class Write>
  void container(char open, char close, const Items& items, Write write_item) {
    out += open;
    if (items.empty()) {
      out += close;
      return;
    }
    ++depth_;
    bool first = true;
    for (const auto& item : items) {
      if (!first) out += style_.item_separator;
      first = false;
      new_line();
      write_item(item);
    }
    --depth_;
    new_line();
    out += close;
  }

  void list(const Values& items) {
    container('[', ']', items, [&](const Value& v) { write(v); });
  }

  std::string key_text(const Value& key) {
    if (key.is_string() || key.is(Kind::big)) return key.text();
    if (key.is_none()) return "null";
    if (key.is(Kind::boolean)) return key.boolean() ? "true" : "false";
    if (key.is_number()) return json_number(key);
    r_.fail(cat("keys must be str, int, float, bool or None, not ", type_name(key)));
  }

  void dict(const Dict& dict) {
    std::vector<const std::pair<Value, Value>*> items;
    for (const auto& item : dict.items) items.push_back(&item);
    if (style_.sort_keys) {
      std::stable_sort(items.begin(), items.end(),
                       [&](const auto* a, const auto* b) { return less(r_, a->first, b->first); });
    }
    container('{', '}', items, [&](const std::pair<Value, Value>* item) {
      string(key_text(item->first));
      out += style_.key_separator;
      write(item->second);
    });
  }

  Runtime& r_;
  const JsonStyle& style_;
  int depth_ = 0;
};

}  // namespace

std::string to_json(Runtime& r, const Value& value, const JsonStyle& style) {
  Writer writer(r, style);
  writer.write(value);
  return std::move(writer.out);
}

}  // namespace tern::jinja
