// SPDX-License-Identifier: Apache-2.0
// Templates against what Transformers renders (tests/data/templates/*.jsonl, recorded by
// make_jinja.py), and against hostile ones.
#include <doctest/doctest.h>

#include <ctime>
#include <functional>

#include "../../../engine/base/env.h"
#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../../models/text/chat_template.h"
#include "../../../models/text/jinja/template.h"
#include "cases.h"
#include "kept_memory.h"
#include "recorded_options.h"

using namespace tern;
using hub::Json;
using jinja::Template;
using tern::test::kInstrumented;
using tern::test::repeated;
using tern::test::with_stack;

namespace {

const std::string kData = TERN_TEST_DATA "/templates/";

/// The moment at which the answers were recorded.
std::tm recorded_time() {
  std::tm t{};
  t.tm_year = 124, t.tm_mon = 6, t.tm_mday = 4, t.tm_hour = 9, t.tm_min = 5, t.tm_sec = 3;
  t.tm_wday = 4, t.tm_yday = 185;
  return t;
}

jinja::Clock recorded_clock() {
  return {recorded_time(), 42};
}

/// An answer in the form of the recorded ones.
struct Answer {
  std::string out, error, spans = "null";
};

template <class Render>
Answer answer_of(const Render& render) {
  Answer a;
  try {
    const auto [text, spans] = render();
    a.out = text;
    if (!spans.empty()) {
      std::vector<Json> list;
      for (const auto& [begin, end] : spans) {
        list.push_back(Json::array(
            {Json::make(static_cast<int64_t>(begin)), Json::make(static_cast<int64_t>(end))}));
      }
      a.spans = Json::array(std::move(list)).dump();
    }
  } catch (const Error& e) {
    a.error = e.what();
  }
  return a;
}

void check(const Json& expected, const Answer& a) {
  if (expected["error"].boolean().value_or(false)) {
    CHECK_MESSAGE(!a.error.empty(), "expected an error (",
                  std::string(expected["why"].string().value_or("")), "), got: ", a.out);
    return;
  }
  if (const auto hash = expected["hash"].string()) {
    CHECK_MESSAGE(a.error.empty(), a.error);
    CHECK(tern::test::fnv1a_hex(a.out) == std::string(*hash));
    return;
  }
  CHECK_MESSAGE(a.error.empty(), a.error);
  CHECK(a.out == std::string(expected["out"].string().value_or("?")));
  CHECK(a.spans == expected["spans"].dump());
}

Answer chat(const ChatTemplate& chat_template, const Json& request) {
  return answer_of([&] {
    const Json& go_on = request["continue_final_message"];
    ChatOptions options;
    options.tools = request["tools"];
    options.documents = request["documents"];
    options.add_generation_prompt = request["add_generation_prompt"].boolean().value_or(false);
    options.continue_final_message = go_on.boolean().value_or(go_on.is_string());
    if (const auto field = go_on.string()) options.continue_field = *field;
    options.kwargs = request["kwargs"];
    options.clock = recorded_time;
    RenderedChat out = chat_template.render(request["messages"], options);
    if (options.continue_final_message) out.assistant.clear();
    return std::pair(std::move(out.text), std::move(out.assistant));
  });
}

std::vector<std::pair<std::string, std::string>> tokens() {
  return {{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"pad_token", "<pad>"}};
}

/// Text of an Error's message, or the output.
std::string render(const std::string& source) {
  try {
    return Template::parse(source).render({}, recorded_clock).text;
  } catch (const Error& e) {
    return cat(to_string(e.code()), ": ", e.what());
  }
}

}  // namespace

namespace {

void check_snippets(const std::string& path, size_t least) {
  const auto lines = test::lines(test::read_maybe_xz(path));
  REQUIRE(lines.size() > least);
  const Json variables = Json::parse(lines[0], path)["variables"];
  Template::Variables values;
  for (const auto& [name, value] : variables.members()) values.emplace_back(name, &value);
  for (size_t i = 1; i < lines.size(); ++i) {
    const Json expected = Json::parse(lines[i], path);
    const std::string source(*expected["template"].string());
    CAPTURE(source);
    check(expected, answer_of([&] {
            const auto rendered = Template::parse(source).render(values, recorded_clock);
            std::vector<std::pair<size_t, size_t>> spans;
            for (const auto& s : rendered.generated) spans.emplace_back(s.begin, s.end);
            return std::pair(rendered.text, spans);
          }));
  }
}

}  // namespace

TEST_CASE("jinja: every recorded snippet renders as jinja2 renders it") {
  check_snippets(kData + "snippets.jsonl", 600);
  // Random ones, made by make_jinja.py --fuzz when somebody wants to look further.
  if (const auto more = env().variable("TERN_JINJA_CASES")) check_snippets(*more, 1);
}

TEST_CASE(
    "chat template: templates in the style of published models render as Transformers renders "
    "them") {
  const auto lines = test::lines(test::read_maybe_xz(kData + "chats.jsonl"));
  REQUIRE(lines.size() > 300);
  for (const std::string& line : lines) {
    const Json expected = Json::parse(line, "chats.jsonl");
    const std::string name(*expected["template"].string());
    const std::string request = expected["request"].dump();
    CAPTURE(name);
    CAPTURE(request);
    check(expected, chat(ChatTemplate::from_text(test::read_maybe_xz(kData + name), tokens()),
                         expected["request"]));
  }
}

TEST_CASE("chat template: the templates of real repositories render as Transformers renders them") {
  size_t checked = 0;
  for (const std::string& line : test::lines(test::read_maybe_xz(kData + "shared.jsonl"))) {
    const Json expected = Json::parse(line, "shared.jsonl");
    const std::string name(*expected["tokenizer"].string());
    const std::string request = expected["request"].dump();
    const std::string config =
        test::read_maybe_xz(cat(TERN_SHARED_DATA "/tokenizers/", name, "/tokenizer_config.json"));
    if (config.empty()) continue;
    CAPTURE(name);
    CAPTURE(request);
    const Json json = Json::parse(config, "tokenizer_config.json");
    std::vector<std::pair<std::string, std::string>> special;
    for (const char* token : {"bos_token", "eos_token", "unk_token", "pad_token"}) {
      if (const auto text = json[token].string()) special.emplace_back(token, *text);
    }
    check(expected, chat(ChatTemplate::from_text(*json["chat_template"].string(), special),
                         expected["request"]));
    ++checked;
  }
  if (checked == 0) MESSAGE("skipped: no tokenizers in ../shared");
}

namespace {

struct Hostile {
  std::string what, source;
  std::string code, contains;
};

/// before0after before1after …
std::string numbered(std::string_view before, int times, std::string_view after) {
  std::string out;
  for (int i = 0; i < times; ++i) out += cat(before, i, after);
  return out;
}

std::vector<Hostile> hostile() {
  const std::string many = "{% for a in range(99999) %}{% for b in range(99999) %}";
  const std::string ends = "{% endfor %}{% endfor %}";
  return {
      {"recursion", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "corrupt",
       "deeper than 100"},
      {"mutual recursion",
       "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}",
       "corrupt", "deeper"},
      {"recursion of callers",
       "{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{% endmacro %}{{ f() }}", "corrupt",
       "deeper"},
      {"recursive loop", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "corrupt",
       "deeper"},
      {"maps of maps", cat("{{ 'a'|map(", repeated("'map',", 500), "'upper')|list }}"), "corrupt",
       "deeper than 100"},
      {"a map with many arguments",
       cat("{% set l = range(90000)|list %}{{ l|map('default', *l)|list }}"), "invalid_argument",
       "takes at most"},
      {"many maps with many arguments",
       "{% set l = range(90000)|list %}{% for i in l %}{{ [[]]|map('map', *l)|list }}{% endfor %}",
       "corrupt", "steps"},
      {"a slice beyond the last number", "{{ range(2 ** 62, 2 ** 63 - 1, 2 ** 62)[9:] }}",
       "unsupported", "64 bits"},
      {"a slice of wide steps", "{{ range(9)[:: 2 ** 60][:: 2 ** 60] }}", "unsupported", "64 bits"},
      {"splitting", "{{ ('x' * 16000000).split('x') }}", "corrupt", "steps"},
      {"splitting from the right", "{{ ('x' * 16000000).rsplit('x') }}", "corrupt", "steps"},
      {"splitting at white space", "{{ (' x' * 8000000).split() }}", "corrupt", "steps"},
      {"splitting into lines", "{{ ('\\n' * 16000000).splitlines() }}", "corrupt", "steps"},
      {"indenting many lines", "{{ ('\\n' * 16000000)|indent(0) }}", "corrupt", "steps"},
      {"a long path", "{{ [1]|map(attribute='.' * 16000000)|list }}", "corrupt", "steps"},
      {"a dict of NaNs", "{{ dict.fromkeys(['nan'|float] * 90000)|length }}", "corrupt", "steps"},
      {"a dict of tuples with NaNs",
       "{% set s = 'x' * 1000000 %}{{ dict.fromkeys([(s, 'nan'|float)] * 200)|length }}", "corrupt",
       "steps"},
      {"hashing long texts in tuples",
       "{% set t = ('x' * 9000000,) %}{% set d = dict.fromkeys(range(20)) %}{% for i in "
       "range(90000) %}{{ d[t] }}{% endfor %}",
       "corrupt", "steps"},
      {"comparing long texts in lists",
       "{% set a = ['x' * 9000000] %}{% set b = ['x' * 9000000] %}{% for i in range(90000) %}"
       "{{ a == b }}{% endfor %}",
       "corrupt", "steps"},
      {"many blocks", numbered("{% block b", 28000, " %}{% endblock %}") + "{% nope %}",
       "unsupported", "nope"},
      {"many parameters", "{% macro f(" + numbered("p", 30000, ",") + "p1) %}", "corrupt",
       "duplicate argument 'p1'"},
      {"many keywords", "{{ f(" + numbered("p", 30000, "=1,") + "p1=1) }}", "corrupt",
       "repeated: p1"},
      {"many keywords for many parameters",
       "{% macro f(" + numbered("p", 12000, "=1,") + "q=1) %}{% endmacro %}{{ f(" +
           numbered("p", 12000, "=1,") + "r=1) }}",
       "corrupt", "steps"},
      {"a range of 10^9", "{% for x in range(10**9) %}x{% endfor %}", "corrupt", "Range too big"},
      {"a long string", "{{ 'x' * 10**10 }}", "corrupt", "longer than"},
      {"a long list", "{{ [1] * 10**10 }}", "corrupt", "steps"},
      {"a string doubled",
       "{% set n = namespace(s='x') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor "
       "%}",
       "corrupt", ""},
      {"much output", "{% set s = 'x' * 1000000 %}{% for i in range(99) %}{{ s }}{% endfor %}",
       "corrupt", "longer than"},
      {"many long strings",
       "{% set s = 'x' * 10000000 %}{% for i in range(9999) %}{% set t = s ~ i %}{% endfor %}",
       "corrupt", "steps"},
      {"nested loops", many + ends, "corrupt", "steps"},
      {"nested loops that do nothing much", many + "{% if a == b %}x{% endif %}" + ends, "corrupt",
       "steps"},
      {"10^5 parentheses", "{{ " + repeated("(", 100000) + "1" + repeated(")", 100000) + " }}",
       "corrupt", "nested deeper"},
      {"10^5 brackets", "{{ " + repeated("[", 100000), "corrupt", "nested deeper"},
      {"10^5 nots", "{{ " + repeated("not ", 100000) + "1 }}", "corrupt", "nested deeper"},
      {"10^5 signs", "{{ " + repeated("-", 100000) + "1 }}", "corrupt", "nested deeper"},
      {"10^5 ifs", repeated("{% if 1 %}", 90000), "corrupt", "nested deeper"},
      {"10^5 conditions", "{{ 1" + repeated(" if 1", 100000) + " }}", "corrupt",
       "too many conditions"},
      {"10^5 elses", "{{ 1" + repeated(" if 1 else 1", 80000) + " }}", "corrupt", "nested deeper"},
      {"unknown filter", "a\n{{ 1|nope }}", "unsupported", "line 2: No filter named 'nope'"},
      {"unknown test", "{{ 1 is nope }}", "unsupported", "No test named 'nope'"},
      {"unknown tag", "\n\n{% nope %}", "unsupported", "line 3"},
      {"include", "{% include '/etc/passwd' %}", "unsupported", "'include'"},
      {"attribute climbing", "{{ ''.__class__.__mro__[1].__subclasses__() }}", "invalid_argument",
       "unsafe"},
      {"attributes of a macro", "{% macro f() %}{% endmacro %}{{ f.__globals__['os'] }}",
       "invalid_argument", "unsafe"},
      {"format climbing", "{{ '{0.__class__.__init__}'.format(1) }}", "invalid_argument", "unsafe"},
      {"a wide format", "{{ '%999999999d' % 1 }}", "invalid_argument", "too big"},
      {"a wide brace format", "{{ '{:999999999}'.format(1) }}", "invalid_argument", "too big"},
      {"a wide justification", "{{ 'x'.ljust(10**12) }}", "corrupt", "longer than"},
      {"a wide indent", "{{ 'x'|indent(10**12, true) }}", "corrupt", "longer than"},
      {"a wide JSON indent", "{{ [1]|tojson(indent=10**12) }}", "corrupt", "longer than"},
      {"replace that grows", "{% set s = 'x' * 1000000 %}{{ s.replace('x', s) }}", "corrupt",
       "longer than"},
      {"join that grows", "{% set s = 'x' * 1000000 %}{{ s.join(s) }}", "corrupt", ""},
      {"a tower of lists",
       "{% set n = namespace(l=[]) %}{% for i in range(99999) %}{% set n.l = [n.l] %}{% endfor %}",
       "corrupt", "nested deeper"},
      {"a wide tower",
       "{% set n = namespace(l=[]) %}{% for i in range(99) %}{% set n.l = [n.l, n.l] %}{% endfor "
       "%}{{ n.l == [] }}",
       "corrupt", "parts"},
      {"a namespace in itself", "{% set n = namespace() %}{% set n.n = n %}{{ n }}", "corrupt", ""},
      {"a chain of namespaces",
       "{% set n = namespace(p=0) %}{% for i in range(90000) %}{% set n.p = namespace(p=n.p) %}{% "
       "endfor %}{{ n }}",
       "corrupt", ""},
      {"a power", "{{ 9 ** 9 ** 9 ** 9 }}", "unsupported", "64 bits"},
      {"a huge batch", "{{ [1]|batch(10**12, 0)|list }}", "corrupt", "steps"},
      {"many slices", "{{ [1]|slice(10**12)|list }}", "corrupt", "steps"},
      {"comparing long lists",
       "{% set l = range(90000)|list %}{% for i in range(99999) %}{% if l == l + [] %}{% endif "
       "%}{% endfor %}",
       "corrupt", "steps"},
      {"naive search",
       "{% set s = 'a' * 900000 %}{% set t = 'a' * 400000 ~ 'b' %}{% for i in range(99) %}{{ "
       "s.rfind(t) }}{% endfor %}",
       "corrupt", "steps"},
      {"stripping by a long set", "{% set s = 'a' * 900000 %}{{ s.strip('b' * 60000 ~ 'a') }}",
       "corrupt", "steps"},
      {"strftime's width", "{{ strftime_now('%9999999Y') }}", "unsupported", "strftime_now"},
      {"the template's own refusal", "{{ raise_exception('only cats') }}", "invalid_argument",
       "line 1: the template refuses these messages: only cats"},
      {"NUL and invalid UTF-8", std::string("\xFF\0{{ '\xC3' ~ \xE4 }}", 16), "corrupt",
       "unexpected char"},
  };
}

}  // namespace

TEST_CASE("jinja: a hostile template is an Error that names its line, within 50 ms") {
  const tern::test::KeptMemory kept;
  for (const Hostile& h : hostile()) {
    CAPTURE(h.what);
    double best = 1e9;
    std::string out;
    for (int attempt = 0; attempt < (kInstrumented ? 1 : 10) && best >= 50; ++attempt) {
      const std::clock_t begin = std::clock();  // the process's own time, whatever else runs
      out = render(h.source);
      best = std::min(best, 1000.0 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
    }
    CHECK(out.starts_with(h.code + ": chat template, line "));
    CHECK_MESSAGE(out.find(h.contains) != std::string::npos, out.substr(0, 300));
    // A claim about the library as it is shipped.
    if (!kInstrumented) CHECK_MESSAGE(best < 50, h.what, " took ", best, " ms");
  }
}

namespace {

constexpr size_t kSmallStack = size_t{1} << 20;

}  // namespace

TEST_CASE("jinja: a chain of 90,000 values of any kind is destroyed within a stack of 1 MiB") {
  jinja::Limits limits;
  limits.steps = 10'000'000;
  for (const char* link :
       {"{% set n.p = [n.p].count %}", "{% set n.p = cycler(n.p) %}",
        "{% set n.p = cycler(n.p).next %}", "{% for x in [n.p] %}{% set n.p = loop %}{% endfor %}",
        "{% for x in [n.p] %}{% set n.p = loop.cycle %}{% endfor %}",
        "{% for x in [0, n.p] %}{% if loop.changed(n.p) %}{% set n.p = loop %}{% endif %}"
        "{% endfor %}",
        "{% set n.p = namespace(p=n.p) %}", "{% set n.p = {'p': n.p}.values %}",
        "{% set n.p = ([n.p.count].count,)|select %}"}) {
    CAPTURE(link);
    std::string out;
    with_stack(kSmallStack, [&] {
      try {
        out = Template::parse(cat("{% set n = namespace(p=0) %}{% for i in range(90000) %}", link,
                                  "{% endfor %}{{ n.p is defined }}"),
                              limits)
                  .render({})
                  .text;
      } catch (const Error& e) {
        out = e.what();
      }
    });
    CHECK(out == "True");
  }
}

namespace {

/// `times` levels of "before … after" around `core`.
std::string nest(std::string_view before, std::string_view core, std::string_view after,
                 size_t times) {
  return repeated(before, times) + std::string(core) + repeated(after, times);
}

std::string deep_json(size_t depth) {
  return repeated("[", depth) + repeated("]", depth);
}

struct Deep {
  std::string what, source, out;  // what it begins with
};

std::vector<Deep> deepest() {
  // Every level of precedence that makes a level of the tree.
  const std::string tower = "[x or 1 and 'a' < 'b' + 'c' ~ 1 * 2 ** ", end = " if 1][0]|int";
  const std::string calls = "{% macro f() %}{{ " + nest(tower, "f()", end, 2) + " }}{% endmacro %}";
  const std::string evaluations = "corrupt: chat template, line 1: evaluations are nested too deep";
  const std::string conditions = repeated(" if 1", 99) + ")";
  return {
      {"conditions", "{{ " + nest("(", "1", conditions, 98) + " }}", "1"},
      {"conditions not reached",
       "{% if 0 %}{{ " + nest("(", "1", conditions, 97) + " }}{% endif %}", ""},
      {"operators", "{{ " + nest(tower, "0", end, 98) + " }}", "1"},
      {"arguments", "{{ " + nest("dict(a=", "0", ").a", 98) + " }}", "0"},
      {"arguments of filters", "{{ " + nest("x|default(", "0", ")", 98) + " }}", "0"},
      {"dicts", "{{ " + nest("{1: ", "0", "}[1]", 98) + " }}", "0"},
      {"loops", nest("{% for i in [1] %}", "1", "{% endfor %}", 98), "1"},
      {"ifs", nest("{% if 1 %}", "1", "{% endif %}", 100), "1"},
      {"filters", nest("{% filter upper %}", "a", "{% endfilter %}", 100), "A"},
      {"sets", nest("{% set x %}", "a", "{% endset %}{{ x }}", 100), "a"},
      {"scopes", nest("{% with a = 1 %}", "a", "{% endwith %}", 100), "a"},
      {"callers",
       "{% macro f() %}{{ caller() }}{% endmacro %}" +
           nest("{% call f() %}", "a", "{% endcall %}", 49),
       "a"},
      {"macros in macros", nest("{% macro f() %}", "a", "{% endmacro %}{{ f() }}", 99), "a"},
      {"macros", "{% macro f(n) %}{{ f(n - 1) if n }}x{% endmacro %}{{ f(99) }}", "xxxx"},
      {"recursive loops", "{% for x in [99] recursive %}x{{ loop([x - 1]) if x }}{% endfor %}",
       "xxxx"},
      {"operators in macros", calls + "{{ f() }}", evaluations},
      {"maps", "{{ [1]|map(" + repeated("'map', ", 98) + "'string')|list }}",
       "invalid_argument: chat template, line 1: 'int' object is not iterable"},
      {"a deep variable", "{{ deep }}{{ deep|tojson }}{{ deep == [deep][0] }}{{ {(deep,): 1} }}",
       "invalid_argument: chat template, line 1: unhashable"},
      {"a deep variable compared", "{{ (deep, 1) < (copy, 1) }}", "False"},
      {"a deep value",
       "{% set n = namespace(l=(), m=()) %}{% for i in range(498) %}{% set n.l = (n.l,) %}"
       "{% set n.m = (n.m,) %}{% endfor %}{{ {n.l: 1}[n.m] }}{{ n.l < n.m }}{{ n }}",
       "1False<Namespace"},
  };
}

}  // namespace

TEST_CASE("jinja: the deepest templates are rendered or refused within a stack of 1 MiB") {
  const Json deep = Json::parse(deep_json(499), "deep"), copy = Json::parse(deep_json(499), "copy");
  for (const Deep& d : deepest()) {
    CAPTURE(d.what);
    std::string out;
    with_stack(kInstrumented ? 8 * kSmallStack : kSmallStack, [&] {
      try {
        out = Template::parse(d.source).render({{"deep", &deep}, {"copy", &copy}}).text;
      } catch (const Error& e) {
        out = cat(to_string(e.code()), ": ", e.what());
      }
    });
    CHECK(out.substr(0, d.out.size()) == d.out);
    if (d.out.empty()) CHECK(out.empty());
  }
}

TEST_CASE("jinja: a template within the limits is not refused") {
  CHECK(render("{% for i in range(9000) %}{{ i }}{% endfor %}").size() == 9000 * 4 - 1110);
  CHECK(render("{{ " + repeated("(", 90) + "1" + repeated(")", 90) + " }}") == "1");
  CHECK(render("{% macro f(n) %}{{ f(n - 1) if n }}x{% endmacro %}{{ f(90) }}").size() == 91);
  CHECK(render("{{ 1" + repeated(" + 1", 20000) + " }}") == "20001");
  CHECK(render("{{ 'a'" + repeated("|upper|lower", 10000) + " }}") == "a");
  // Keys that are at equal distances, or that are objects of one kind, do not collide.
  CHECK(render("{{ dict.fromkeys(range(0, 85229 * 80000, 85229))|length }}") == "80000");
  CHECK(render("{{ dict.fromkeys(range(0, 2 ** 40 * 80000, 2 ** 40))|length }}") == "80000");
  CHECK(render("{{ dict.fromkeys(range(80000)|map(attribute='bit_length'))|length }}") == "80000");
  CHECK(render("{{ range(-9 * 10 ** 18, 9 * 10 ** 18, 6 * 10 ** 18)|list }}") ==
        "[-9000000000000000000, -3000000000000000000, 3000000000000000000]");
  CHECK(render("{{ range(-9 * 10 ** 18, 9 * 10 ** 18, 6 * 10 ** 18)[2] }}") ==
        "3000000000000000000");
}

TEST_CASE("jinja: a loop that remembers itself is let go (seen by a leak checker)") {
  CHECK(render("{% for x in 'ab' %}{{ loop.changed(loop) }}{% endfor %}") == "TrueFalse");
  CHECK(render("{% for x in 'ab' %}{{ loop.changed([loop.changed]) }}{% endfor %}") == "TrueTrue");
  CHECK(render("{% set n = namespace() %}{% for x in 'a' %}{% set n.l = loop %}{% endfor %}"
               "{{ n.l.changed(n.l) }}") == "True");
}

TEST_CASE("jinja: one template is rendered by many values without memory of the last") {
  const Template t = Template::parse(
      "{% set ns = namespace(n=n) %}{% set ns.n = ns.n + 1 %}{{ ns.n }}{{ c.next() if c }}");
  for (int64_t i = 0; i < 5; ++i) {
    const Json n = Json::make(i);
    CHECK(t.render({{"n", &n}}).text == cat(i + 1));
  }
}
