// SPDX-License-Identifier: Apache-2.0
// The names every chat template has: range, dict, namespace, cycler, joiner, raise_exception,
// strftime_now.
#include <array>

#include "../../../engine/base/format.h"
#include "runtime.h"

namespace tern::jinja {

namespace {

constexpr int64_t kLongestRange = 100'000;  // as the sandbox has it

Value do_range(Runtime& r, const Value&, const Arguments& a) {
  if (!a.named.empty()) r.fail("range() takes no keyword arguments");
  const Parameters p(r, "range()", a, {"start", "stop", "step"}, 1);
  auto* range = new Range;
  const Value out(Kind::range, range);
  range->start = p[1] ? p.integer(0, 0) : 0;
  range->stop = p[1] ? p.integer(1, 0) : p.integer(0, 0);
  range->step = p.integer(2, 1);
  if (range->step == 0) r.fail("range() arg 3 must not be zero");
  if (range->size() > kLongestRange) {
    r.fail_budget(cat("Range too big. The sandbox blocks ranges larger than MAX_RANGE (",
                      kLongestRange, ")."));
  }
  return out;
}

/// dict(mapping or pairs, **named).
Dict make_dict(Runtime& r, const Arguments& a, std::string_view what) {
  if (a.positional.size() > 1) r.fail(cat(what, " expected at most 1 argument"));
  Dict out;
  if (!a.positional.empty()) {
    const Value& from = a.positional[0];
    if (from.is(Kind::dict)) {
      out = from.as<Dict>();
    } else {
      for (const Value& pair : r.items(from)) {
        Values both = r.items(pair);
        if (both.size() != 2) r.fail(cat(what, " update sequence element has not length 2"));
        r.set(out, std::move(both[0]), std::move(both[1]));
      }
    }
  }
  for (const auto& [name, value] : a.named) r.set(out, r.string(name), value);
  return out;
}

Value do_dict(Runtime& r, const Value&, const Arguments& a) {
  return r.dict(make_dict(r, a, "dict()"));
}

Value do_namespace(Runtime& r, const Value&, const Arguments& a) {
  Dict attributes = make_dict(r, a, "namespace()");
  for (const auto& item : attributes.items) {
    if (item.first.is_string() && item.first.text().starts_with('_')) {
      r.fail(cat(
          "Chat templates cannot store underscore-prefixed attributes on a namespace, but got '",
          item.first.text(), "'"));
    }
  }
  return r.space(std::move(attributes));
}

Value do_cycler(Runtime& r, const Value&, const Arguments& a) {
  if (a.positional.empty()) r.fail("at least one item has to be provided");
  if (!a.named.empty()) r.fail("cycler() takes no keyword arguments");
  auto* cycler = new Cycler;
  cycler->items = a.positional;
  return Value(Kind::cycler, cycler);
}

Value do_joiner(Runtime& r, const Value&, const Arguments& a) {
  const Parameters p(r, "joiner()", a, {"sep"});
  auto* joiner = new Joiner;
  const Value out(Kind::joiner, joiner);
  joiner->separator = p[0] ? r.text(*p[0]) : ", ";
  return out;
}

Value do_raise(Runtime& r, const Value&, const Arguments& a) {
  const Parameters p(r, "raise_exception()", a, {"message"}, 1);
  r.fail(cat("the template refuses these messages: ", r.text(*p[0])));
}

/// One directive of strftime, with glibc's '-' for "without padding".
std::string directive(Runtime& r, const Clock& now, bool unpadded, char c) {
  constexpr std::string_view kKnown = "aAwdbBmyYHIMpSjUWcxXGuVCDeFgGhklnPRrsTt";
  if (c == 'f') {
    const std::string digits = cat(now.microseconds);
    return std::string(6 - digits.size(), '0') + digits;
  }
  if (c == 'z' || c == 'Z') return {};  // a time without zone
  if (c == '%') return "%";
  if (kKnown.find(c) == kKnown.npos) {
    r.fail_unsupported(cat("strftime_now('%", std::string(1, c), "')"));
  }
  std::array<char, 128> buffer;
  const std::string format = cat(unpadded ? "%-" : "%", std::string(1, c));
  return std::string(buffer.data(),
                     std::strftime(buffer.data(), buffer.size(), format.c_str(), &now.time));
}

Value do_strftime(Runtime& r, const Value&, const Arguments& a) {
  const Parameters p(r, "strftime_now()", a, {"format"}, 1);
  const std::string format = p.text(0, "");
  const Clock now = r.now();
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    r.step();
    const bool unpadded = format[i + 1] == '-' && i + 2 < format.size();
    i += unpadded ? 2 : 1;
    out += directive(r, now, unpadded, format[i]);
    if (out.size() > r.limits().bytes) r.bytes(out.size());
  }
  return r.string(std::move(out));
}

Value do_lipsum(Runtime& r, const Value&, const Arguments&) {
  r.fail_unsupported("lipsum()");
}

struct Entry {
  std::string_view name;
  Function function;
};

constexpr Entry kGlobals[] = {
    {"cycler", do_cycler},       {"dict", do_dict},
    {"joiner", do_joiner},       {"lipsum", do_lipsum},
    {"namespace", do_namespace}, {"raise_exception", do_raise},
    {"range", do_range},         {"strftime_now", do_strftime},
};

}  // namespace

Value Joiner::call(Runtime& runtime, Arguments&& arguments) {
  const Parameters p(runtime, "joiner", arguments, {});
  if (used) return runtime.string(separator);
  used = true;
  return runtime.string("");
}

Value global(std::string_view name) {
  for (const Entry& entry : kGlobals) {
    if (entry.name == name) return make_function(name, entry.function);
  }
  return {};
}

}  // namespace tern::jinja
