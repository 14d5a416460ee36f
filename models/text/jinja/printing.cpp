// SPDX-License-Identifier: Apache-2.0
// str() and repr() of values.
#include "../../../engine/base/format.h"
#include "numbers.h"
#include "python_text.h"
#include "runtime.h"

namespace tern::jinja {

namespace {

/// Namespaces may contain themselves; everything else is bounded by its height.
constexpr int kDeepestPrint = kDeepestValue + 100;

class Printer {
 public:
  explicit Printer(Runtime& r) : r_(r) {}

  void repr(const Value& v) {
    r_.step();
    if (++depth_ > kDeepestPrint) r_.fail_budget("a value to print is nested too deep");
    if (out.size() > r_.limits().bytes) r_.bytes(out.size());
    switch (v.kind()) {
      case Kind::missing:
      case Kind::undefined:
        out += "Undefined";
        break;
      case Kind::none:
        out += "None";
        break;
      case Kind::boolean:
        out += v.boolean() ? "True" : "False";
        break;
      case Kind::integer:
        out += cat(v.integer());
        break;
      case Kind::big:
        out += v.text();
        break;
      case Kind::real:
        out += float_repr(v.real());
        break;
      case Kind::string:
        string(v);
        break;
      case Kind::list:
        sequence(v, "[", "]");
        break;
      case Kind::tuple:
        sequence(v, "(", v.as<List>().items.size() == 1 ? ",)" : ")");
        break;
      case Kind::dict:
        dict(v.as<Dict>());
        break;
      case Kind::range:
        range(v.as<Range>());
        break;
      case Kind::view:
        view(v);
        break;
      case Kind::space:
        out += "<Namespace ";
        dict(v.as<Space>().attributes);
        out += ">";
        break;
      case Kind::loop:
        out += cat("<LoopContext ", loop_attribute(r_, v, "index")->integer(), "/",
                   loop_attribute(r_, v, "length")->integer(), ">");
        break;
      default:
        out += cat("<", type_name(v), " object>");
        break;
    }
    --depth_;
  }

  std::string out;

 private:
  void string(const Value& v) {
    r_.bytes(v.text().size());
    const std::string quoted = jinja::repr(v.text());
    out += v.markup() ? cat("Markup(", quoted, ")") : quoted;
  }
  void sequence(const Value& v, std::string_view open, std::string_view close) {
    out += open;
    bool first = true;
    for (const Value& item : v.as<List>().items) {
      if (!first) out += ", ";
      first = false;
      repr(item);
    }
    out += close;
  }
  void dict(const Dict& dict) {
    out += "{";
    bool first = true;
    for (const auto& [key, value] : dict.items) {
      if (!first) out += ", ";
      first = false;
      repr(key);
      out += ": ";
      repr(value);
    }
    out += "}";
  }
  void range(const Range& range) {
    out += cat("range(", range.start, ", ", range.stop);
    out += range.step == 1 ? ")" : cat(", ", range.step, ")");
  }
  void view(const Value& v) {
    const View::Of of = v.as<View>().of;
    out += of == View::Of::keys     ? "dict_keys("
           : of == View::Of::values ? "dict_values("
                                    : "dict_items(";
    repr(r_.list(r_.items(v)));
    out += ")";
  }

  Runtime& r_;
  int depth_ = 0;
};

}  // namespace

std::string Runtime::repr(const Value& v) {
  Printer printer(*this);
  printer.repr(v);
  bytes(printer.out.size());
  return std::move(printer.out);
}

std::string Runtime::text(const Value& v) {
  if (v.is_string()) {
    bytes(v.text().size());
    return v.text();
  }
  if (v.is_undefined()) return {};
  return repr(v);
}

}  // namespace tern::jinja
