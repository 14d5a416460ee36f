# SPDX-License-Identifier: Apache-2.0
"""Small templates, each for a rule: expressions (one a line, rendered as {{ … }}) and whole templates."""

VARIABLES = {
    "s": "Hello, Wörld! 日本 😀", "t": "  padded\ttext \n", "e": "", "n": None, "i": 42, "j": -7, "f": 2.5, "b": True,
    "l": [3, 1, 2], "w": ["b", "A", "c", "a"], "d": {"x": 1, "y": "two", "items": [1], "z": {"k": [10, 20]}},
    "m": [{"role": "user", "content": "hi", "n": 2}, {"role": "assistant", "content": "yo", "n": 1}, {"role": "user", "n": 3}],
    "big": 123456789012345678901234567890, "html": "<a href=\"x\">'&'</a>", "lines": "one\ntwo\n\nthree\r\nfour\u2028five",
    "nested": [[1, [2, "x"]], {"a": (1.5e300)}], "greek": "ΑΣ ΣΑΣ.", "german": "straße ǆ İ", "mixed": [1, 1.0, True, "1"],
}

EXPRESSIONS = r"""
1 + 2 * 3 - 4 / 2
7 // 2, -7 // 2, 7 // -2, -7 % 3, 7 % -3, 7.5 // 2, -7.5 % 2
2 ** 3 ** 2, -2 ** 2, 2 ** -1, 2.0 ** 0.5
1 / 3, 2 / 1, 1e16, 1e15, 1.5e-5, 0.0001, 123456789.123456789, 1e22, 1e100, -0.0
0x1F, 0b101, 0o17, 1_000, 1_0.5_0, 00
i // 0
i % 0
i / 0
f // 0
"a" + 1
1 + n
n + "x"
"a" * 3, 3 * "ab", [1] * 2, "a" * -1
l + [4], (1,) + (2, 3)
l + (1,)
"x" ~ 1 ~ n ~ true ~ 1.0 ~ l
1 < 2 < 3, 1 < 3 < 2, 3 > 2 >= 2, 1 == 1.0 == true
"a" < "b", "Z" < "a", [1, 2] < [1, 3], (1,) < (1, 0)
1 < "a"
n < 1
l == [3, 1, 2], d == d, (1, 2) == [1, 2], "a" == "a", n == none, 1 == "1"
true + true, true == 1, false == 0, true and 2, 0 or "x", not 0, not "a", none or false
1 if true else 2, 1 if false else 2, (1 if false)
(1 if false) is defined
"in" if 3 in l else "out", 5 not in l, "x" in d, "ell" in s, 2 in range(3)
1 in "a"
1 in 5
[] in d
s[0], s[-1], s[7:12], s[::-1], s[1:-1:3], s[100], s[100:], s[-3:]
l[0], l[-1], l[1:], l[::-1], l[5], l[:2], l[-2:]
d.x, d["x"], d.nope, d["nope"], d.z.k[1], d.items, d["items"]
d.keys()|list, d.values()|list, d.items()|list
d.get("x"), d.get("q"), d.get("q", 5)
n.x
nope.x
nope["x"]
nope + 1
nope ~ "x"
nope
[nope]
nope is defined, nope is undefined, i is defined, d.q is defined, d.x is defined
nope == nope2, nope in [1], nope|length, nope|list, nope|default("z")
n is none, i is number, f is float, i is integer, b is integer, b is boolean, b is true, b is false, s is string
b is number, big is integer, d is mapping, l is mapping, l is sequence, s is sequence, d is sequence, i is sequence
l is iterable, i is iterable, s is iterable, nope is iterable, nope is sequence, nope is callable, nope is mapping
range is callable, s is callable, d.get is callable
4 is even, 3 is odd, 9 is divisibleby 3, 9 is divisibleby(2), 3.0 is odd
1 is eq 1, 1 is ne 2, 1 is lt 2, 1 is le 1, 2 is gt 1, 2 is ge 3, 1 is equalto 1.0, 1 is sameas 1, 1 is sameas 1.0
n is sameas none, l is sameas l, l is sameas [3, 1, 2]
"abc" is lower, "ABC" is upper, "aBc" is lower, "" is lower, "ß" is lower
1 is in [1, 2], "a" is in "abc", 3 is not in l
"upper" is filter, "nope" is filter, "even" is test, "nope" is test
html|e is escaped, html is escaped
i is nope_test
l is not none and l is not string
not n is none
s|upper, s|lower, s|title, s|capitalize, s|length
german|upper, german|lower, german|title, german|capitalize, greek|lower
"hello-world foo(bar)[baz] {x} <y> it's"|title
t|trim, t|trim("ptd \n"), t.strip(), t.lstrip(), t.rstrip(), "xxaxx".strip("x"), "xyaxy".lstrip("yx")
s|replace("l", "L"), s|replace("l", "L", 1), s|replace("", "-"), 123|replace(1, 9)
e|default("d"), e|default("d", true), nope|d(1), n|default("q"), n|d("q", boolean=true), nope|default
l|first, l|last, w|first, s|first, s|last, []|first, []|last, d|first, d|last
l|join, l|join(","), m|join("|", attribute="role"), w|join(1)
s|list, d|list, 5|list
5|list
l|sort, l|sort(reverse=true), w|sort, w|sort(case_sensitive=true), m|sort(attribute="n")|map(attribute="n")|list
m|sort(attribute="role,n")|map(attribute="n")|list
[1, "a"]|sort
l|min, l|max, w|min, w|max, w|max(case_sensitive=true), []|min, m|max(attribute="n")
l|sum, [1.5, 2]|sum, m|sum(attribute="n"), m|sum("n", 10), []|sum
["a"]|sum
[0.1, 0.2, 0.3]|sum
w|unique|list, ["a", "A", "b"]|unique|list, ["a", "A", "b"]|unique(true)|list, mixed|unique|list
l|reverse|list, s|reverse, (l|reverse)|first
m|map(attribute="content")|list, m|map(attribute="content", default="-")|list, w|map("upper")|list, w|map("replace", "a", "x")|join
m|map(attribute="z.q")|list
nested|map(attribute="0")|list, nested|map(attribute=0)|first
m|selectattr("role", "equalto", "user")|list|length, m|selectattr("content")|list|length, m|rejectattr("content")|list|length
m|selectattr("n", ">", 1)|map(attribute="n")|list, m|selectattr("content", "defined")|list|length
l|select("odd")|list, l|reject("odd")|list, [0, 1, ""]|select|list, l|select(">", 1)|list, l|select("in", [1, 2])|list
m|selectattr
l|map
l|map("nofilter")|list
[1]|select("notest")|list
m|groupby("role")|list|length
m|groupby("role")|map("first")|list
m|groupby("n")|map(attribute="grouper")|list
d|dictsort, d|dictsort(reverse=true)|first, {"b": 1, "A": 2}|dictsort, {"b": 1, "A": 2}|dictsort(true), {"b": 2, "a": 3}|dictsort(false, "value")
{"x": 1}|items|list, nope|items|list
5|items
d|tojson, l|tojson, s|tojson, n|tojson, b|tojson, f|tojson, i|tojson, big|tojson, html|tojson
d|tojson(indent=2)
d|tojson(indent=4, sort_keys=true)
{"b": [], "a": {}, "c": [{}]}|tojson(indent=1)
d|tojson(separators=(",", ":")), d|tojson(indent="--"), s|tojson(ensure_ascii=true), l|tojson(indent=0), "\x7f\u2028\x00\"\\/"|tojson
{1: 2, 2.5: 3, true: 4, none: 5}|tojson
{(1, 2): 3}|tojson
(1, 2)|tojson, [1.0, 1e16, 1e-7, 100000.0]|tojson
nope|tojson
range(3)|tojson
d.items()|tojson
[nope]|tojson
"3.7"|int, "x"|int, "x"|int(5), "0x1f"|int(base=16), "12"|int(base=8), 3.9|int, -3.9|int, true|int, " 42 "|int, "1_000"|int, n|int, "1e3"|int, l|int(9), "-5"|int
nope|int
"3.7"|float, "x"|float, "x"|float(1.5), 3|float, " 1e3 "|float, "1_0.5"|float, n|float, "-.5"|float, "5."|float
42.55|round, 42.55|round(1), 42.55|round(1, "floor"), 42.55|round(1, "ceil"), 42|round, 2.5|round, 3.5|round, -2.5|round, 2.675|round(2), 1234.5|round(-2), 1250|round(-2), 0.5|round, 42.4|round(0, "ceil"), 7|round(1, "floor")
"x"|round
1|round(method="up")
-3|abs, -2.5|abs, true|abs
"x"|abs
3|string, n|string, l|string, true|string, 1.0|string
l|batch(2)|list, l|batch(2, "x")|list, [1, 2, 3, 4, 5]|slice(2)|list, [1, 2, 3, 4, 5]|slice(3, "z")|list, l|slice(5)|list
lines|indent, lines|indent(2, true), lines|indent(2, false, true), "a\nb"|indent("> "), lines|indent(width=1, first=true)
5|indent
"one two  three"|wordcount, s|wordcount, "don't stop_it 3-4"|wordcount
"a long text to be cut off"|truncate(10), "a long text to be cut off"|truncate(10, true), "a long text"|truncate(9, false, "…"), "short"|truncate(10), "a long text to be cut off"|truncate(12, leeway=0)
"x"|center(9), "xy"|center(9), "abc"|center(2), "x"|center(4)
html|e, html|escape, html|safe, html|forceescape, (html|e)|e, (html|e)|forceescape, 5|e
(html|safe) + html
html + (html|safe)
("<b>"|safe) ~ "<i>"
("<b>"|safe)|upper, ("<%s>"|safe) % "<", ("-"|safe).join(["<", ">"]), ("a<b"|e).split("&"), ("<x>"|safe)|replace("x", "<")
"%s and %d" % ("a", 3), "%05.2f|%-5s|%5s|%x|%X|%o|%e|%g|%%" % (3.14159, "ab", "cd", 255, 255, 8, 12345.678, 0.0001)
"%(a)s-%(b)03d" % {"a": 1, "b": 2}, "%r" % "it's", "%s" % n, "%s" % l, "%c%c" % (65, "b"), "%+d % d" % (3, 4), "%i" % 3.9, "%.3s|" % "abcdef", "%*d" % (5, 3), "%#x" % 255
"%d" % "x"
"%s %s" % "x"
"%s" % (1, 2)
"%s|%s"|format("a", 1), "%(x)s"|format(x=3)
"{} {}".format(1, "b"), "{1} {0}".format(1, 2), "{a} {b.x} {c[0]} {c[1]}".format(a=1, b=d, c=l), "{{}}".format(), "{:>6}|{:<6}|{:^6}|{:*^7}".format("a", "b", "c", "d")
"{:05d} {:+} {:x} {:#x} {:,} {:.2f} {:e} {:%} {:b}".format(42, 3, 255, 255, 1234567, 3.14159, 12345.678, 0.5, 5), "{!r} {!s}".format("a", "b"), "{0:{1}}".format("x", 4), "{:.1f}".format(2), "{:6.2f}|".format(3.14159), "{:_}".format(1234567), "{:>{w}}".format("q", w=3)
"{} {}".format(1)
"{x}".format(1)
"{".format(1)
"}".format(1)
"{:d}".format("x")
"{0.__class__}".format(1)
s.upper(), s.lower(), s.title(), s.capitalize(), s.swapcase(), "ab cd's".title(), "ABC".casefold|default("q") is callable
s.find("o"), s.find("zz"), s.rfind("o"), s.index("W"), s.count("l"), s.find("l", 5), s.count(""), s.find("本"), s.find("l", -9), s.rfind("l", 0, 5), s.find("", 3)
s.index("zz")
s.startswith("He"), s.startswith(("x", "He")), s.endswith("😀"), s.startswith("l", 2), s.endswith("o", 0, 5), s.startswith(())
s.startswith(["He"])
"a,b,,c".split(","), "a,b,,c".split(",", 1), " a  b ".split(), " a  b c ".split(none, 1), "a,b,,c".rsplit(",", 1), " a b c ".rsplit(maxsplit=1), "".split(), "".split(","), "abc".split("bc"), "a--b".split(sep="--")
"a".split("")
lines.splitlines(), lines.splitlines(true), "a\x0bb\x1cc\r\n".splitlines()
"a-b-c".partition("-"), "a-b-c".rpartition("-"), "abc".partition("x"), "abc".rpartition("x")
",".join(w), ",".join("abc"), ", ".join(d)
",".join([1])
"prefix_x".removeprefix("prefix_"), "x.txt".removesuffix(".txt"), "abc".removeprefix("x"), "abc".removesuffix("")
"42".zfill(5), "-42".zfill(5), "ab".ljust(4) ~ "|", "ab".rjust(4, "*"), "ab".center(5, "."), "abc".center(6, "-"), "a\tb".expandtabs(4)
"abc".isalpha(), "a1".isalnum(), "12".isdigit(), "½".isnumeric(), "²".isdigit(), "²".isdecimal(), " \n".isspace(), "".isspace(), "Ab".istitle(), "AB".isupper(), "ab1".islower(), "é".isascii(), "日本".isalpha(), "ab c".isprintable()
"abc".replace("b", "x"), "aaa".replace("a", "b", 2), "abc".replace("", "-"), "abc".replace("", "-", 2)
"x".nope, "x".nope is defined, "x".upper is defined
"x".nope()
"x"()
5()
nope()
"x".__class__
"x".__class__.__mro__
"x".__class__()
""["__class__"], d.__class__ is defined
l.append(1)
l.append
d.update({"a": 1})
d.pop("x")
l.index(1), l.count(3), (1, 2, 1).count(1), l.copy()
l.index(99)
d.copy(), i.real, i.imag, f.is_integer(), i.bit_length(), true.real
range(5)|list, range(2, 5)|list, range(5, 0, -2)|list, range(3), range(1, 5)[1], range(10)[2:5], range(3)|length, range(0)|list, range(3)[5], range(5, 1)
range(1000000)
range(100000)|length
range(1, 2, 0)
range()
range("a")
dict(a=1, b=2), dict([("x", 1)]), dict({"q": 1}, r=2), dict()
dict.fromkeys(["a", "b"], 1)
namespace(a=1).a, namespace({"x": 5}).x, namespace(a=1).b is defined, namespace(a=1), namespace()["x"] is defined
namespace(_x=1)
cycler("a", "b").next(), cycler("a").current
cycler()
joiner()(), joiner("-") is callable
raise_exception("no")
raise_exception(message="no")
strftime_now("%Y-%m-%d %H:%M:%S %b %B %a %A %j %y %p %I %%"), strftime_now("%d %b %Y"), strftime_now("%-d/%-m %f"), strftime_now("x")
strftime_now()
[1, "a", 'it\'s', "q\"", 'b\'"', n, true, 1.5, (1,), (), {"k": [none]}, "\n\t\x01é\u200b"]
{"a": 1, 2: "b", (1, 2): 3}, {}, {"a": 1, "a": 2}
{[1]: 2}
(1), (1,), (), (1, 2)
"a" "b" 'c'
"\n\t\\\"\'\x41\u00e9\U0001F600\101\q" ~ "é"
'\é' , "a\
b"
"tab\there"
1.5.real, 1 .real
l[1:2] + l[:1], l[-100:100], l[::2], l[2:0:-1], l[::-2]
l["a"], l[1.5], l[none]
l["0"]
s[1.0]
l[::0]
l["a":]
d[1:2]
n|upper, n|trim, l|upper
n|length
5|length
5.5 in l
l|attr("count") is callable, d|attr("x") is defined, "x"|attr("upper") is defined
"a"|upper|lower|upper
-1|abs, (-1)|abs, - 1|abs, 2 - -1
not true == false, not (1 in [2]), 1 not in [2] == true
1 + 1 ~ 2 + 3
"a" ~ 1 + 1
l|length > 2 and "many" or "few"
(l|length) * 2, l|length * 2
[1, 2, 3][1], {"a": {"b": 2}}["a"]["b"], "abc"[1], (1, 2)[0], d["z"]["k"][0]
true, True, false, False, none, None
1 == 1 and 2 == 2 or 3 == 4
m[0].role, m[0]["role"], m[-1].content is defined, m[5].role is defined
m[1].content|upper ~ "!"
m|length, m|first|tojson
loop is defined
s|urlencode, d.z|urlencode, "a b/c&d"|urlencode
1000|filesizeformat, 1|filesizeformat, 1234567|filesizeformat, 1234567|filesizeformat(true), 500|filesizeformat
"a"|pprint, l|pprint
"x"|nofilter
1 if x is nofoo else 2
big, big ~ "", [big], -5 // 2 * 2 + -5 % 2
9223372036854775807, -9223372036854775807 - 1
1.0, 1.10, 100.0, 1e5, 12345678901234567.0, 5e-324, 1.7976931348623157e308, 0.1 + 0.2
1e400, -1e400
"日本"|length, "日本"[1], "日本"[::-1], "😀é"|list, "日本"|reverse, "é"|upper, "日本".find("本")
"%s" % "日本", "{:>4}".format("日"), "日"|center(5)
"ab" in "cab", "" in "abc", "c" not in "ab"
caller is defined, varargs is defined
{"a": 1}.a, {"keys": 1}.keys is callable, {"keys": 1}["keys"]
{"get": 5}.get("get")
d is eq d, [1, [2]] == [1, [2.0]], {"a": [1]} == {"a": [1.0]}
(1, "a") in [(1, "a")], [1] in [[1]]
"a" if n else "b" if e else "c"
s.split(",")[0].strip()|lower|replace("h", "j")|length
"x" * 0 or "empty"
m|map("tojson")|join(";")
m|map(attribute="role")|unique|join(",")
(m|selectattr("role", "eq", "user")|first).content
m|rejectattr("role", "in", ["user"])|map(attribute="content")|first
["a", "b"]|zip
"abc"|format
"%s"|format(n)
{"a": nope}
{"a": nope}|tojson
[[], {}, "", 0, none, 0.0, ()]|map("string")|list
[3, 1, 2]|sort|reverse|list
[1, 2, 3]|sum / 2
"5" * 2, "5"|int * 2
1 <= 1.0, 2 >= 3, 1 != 1.0, "1" != 1
l > [2], l >= l
none == false, none is false, 0 == false, "" == false, [] == false
"\u00df"|upper, "ﬁ"|upper, "ŉ"|title, "ǆa"|capitalize, "İ"|lower|length
"a.b.c".split(".", 1)|last, "a b"|wordcount
[1,2,3,4]|batch(3)|map("list")|list, [1,2,3,4]|batch(3, 0)|first
"text"|list|join("-"), "text"|first|upper
{"b": {"c": 1}}|tojson|length
f ~ "", 2.0 * 3, 7.0 // 2, 2 ** 0.5 > 1.41
1 // 1.0, 1 % 1.5, -1 // 3.0, 5 % -3.0, 0.0 * -1
"a" is sameas "a", true is sameas true, 5 is sameas 5
"%d%%" % 50, "100%"|string
""|default("x", true), none|default("y", true), false|default("z", true), 0|default(1, true)
"A-B_C d".lower().replace("-", "_"), "a" .upper()
"""

TEMPLATES = r"""
{% if i > 1 %}yes{% elif i %}maybe{% else %}no{% endif %}
===
{% if e %}a{% elif n %}b{% elif nope %}c{% else %}d{% endif %}
===
{% for x in l %}{{ loop.index }}/{{ loop.length }}:{{ x }}{{ "," if not loop.last }}{% endfor %}
===
{% for x in l %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}
===
{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }}|{% endfor %}
===
{% for x in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}
===
{% for x in [1,1,2,2,1] %}{% if loop.changed(x) %}{{ x }}{% endif %}{% endfor %}
===
{% for x in l %}{{ loop.cycle("a", "b") }}{% endfor %}
===
{% for x in [] %}x{% else %}empty{% endfor %}
===
{% for x in nope %}x{% else %}empty{% endfor %}
===
{% for x in n %}x{% endfor %}
===
{% for x in l if x > 1 %}{{ x }}{{ loop.length }}{{ loop.last }}{% else %}none{% endfor %}
===
{% for x in l if x > 9 %}{{ x }}{% else %}none{% endfor %}
===
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}
===
{% for k in d %}{{ k }}{% endfor %}
===
{% for a, b in [(1, 2), [3, 4]] %}{{ a }}{{ b }}{% endfor %}
===
{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}
===
{% for (a, (b, c)) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
===
{% for c in "añ😀" %}[{{ c }}]{% endfor %}
===
{% for x in range(5) %}{% if x == 1 %}{% continue %}{% endif %}{% if x == 3 %}{% break %}{% endif %}{{ x }}{% endfor %}
===
{% for x in l %}{% continue %}{% else %}else{% endfor %}
===
{% for x in l %}{% break %}{% else %}else{% endfor %}
===
{% for x in l %}{{ x }}{% for y in l %}{{ loop.index }}{% if y == 1 %}{% break %}{% endif %}{% endfor %};{{ loop.index }}{% endfor %}
===
{% for x in [1, [2, [3]]] recursive %}{{ loop(x) if x is iterable else x }}{{ loop.depth }}{% endfor %}
===
{% for x in [{"n": "a", "c": [{"n": "b", "c": []}]}] recursive %}{{ x.n }}({{ loop(x.c) }}){% endfor %}
===
{% for x in l %}{{ loop(x) }}{% endfor %}
===
{% for x in l %}{% set y = x %}{% endfor %}{{ y }}|{{ y is defined }}
===
{% set y = 0 %}{% for x in l %}{% set y = y + x %}{{ y }}{% endfor %}={{ y }}
===
{% set ns = namespace(y=0) %}{% for x in l %}{% set ns.y = ns.y + x %}{% endfor %}{{ ns.y }}
===
{% set ns = namespace() %}{% set ns._a = 1 %}
===
{% set q.y = 1 %}
===
{% set d.y = 1 %}
===
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (a, b) = (b, a) %}{{ a }}{{ b }}
===
{% set a = 1, 2 %}{{ a }}
===
{% set x %}block {{ i }}{% endset %}[{{ x }}]{{ x is string }}
===
{% set x | upper | replace("B", "-") %}block{% endset %}{{ x }}
===
{% set ns = namespace() %}{% set ns.t %}in{% endset %}{{ ns.t }}
===
{% if true %}{% set z = 5 %}{% endif %}{{ z }}
===
{% if false %}{% set s = 5 %}{% endif %}{{ s[:5] }}
===
{% for x in [1] %}{{ s[:2] }}{% endfor %}{% set s = "new" %}{{ s }}
===
{% for x in [1] %}{% if x %}{{ i }}{% endif %}{% endfor %}{% if true %}{% set i = "new" %}{% endif %}{{ i }}
===
{{ i }}{% for x in [1] %}{{ i }}{% endfor %}{% set i = 1 %}{{ i }}{% for x in [1] %}{{ i }}{% set i = 2 %}{{ i }}{% endfor %}{{ i }}
===
{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% set i = 1 %}{{ m() }}
===
{% macro m(x) %}{% set x = x ~ "!" %}{{ x }}{% set i = 9 %}{{ i }}{% endmacro %}{{ m(1) }}{{ i }}
===
{% set x %}{{ x }}{% endset %}{{ x }}.
===
{% set s %}{{ s }}{% endset %}{{ s }}.
===
{% macro m(a, b=2, c="x") %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(1, c=4) }}{{ m(b=1, a=0) }}{{ m() }}
===
{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, k=4) }}
===
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
===
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
===
{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}
===
{% macro m(a=b, b=1) %}{{ a }}{{ b }}{% endmacro %}{{ m() }}{{ m(b=2) }}
===
{% macro m(a) %}{{ a is defined }}{{ a.x }}{% endmacro %}{{ m() }}
===
{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}
===
{% macro m() %}({{ caller() }}){% endmacro %}{% call m() %}body {{ i }}{% endcall %}
===
{% macro m() %}({{ caller(1, b=2) }}){% endmacro %}{% call(a, b=3) m() %}{{ a }}{{ b }}{% endcall %}
===
{% macro m() %}({{ caller is defined }}){% endmacro %}{{ m() }}{% call m() %}x{% endcall %}
===
{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}
===
{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}
===
{% macro m(caller=none) %}{{ caller() if caller else "-" }}{% endmacro %}{{ m() }}{% call m() %}y{% endcall %}
===
{% macro m(caller) %}{{ caller() }}{% endmacro %}{{ m() }}
===
{% macro outer() %}{% macro inner(x) %}<{{ x }}>{% endmacro %}{{ inner(1) }}{{ inner(2) }}{% endmacro %}{{ outer() }}{{ inner is defined }}
===
{% macro m() %}{% set ns.n = ns.n + 1 %}{{ ns.n }}{% endmacro %}{% set ns = namespace(n=0) %}{{ m() }}{{ m() }}
===
{{ m(1) }}{% macro m(x) %}{{ x }}{% endmacro %}
===
{% macro m(x) %}{{ x }}{% endmacro %}{{ m.name }}{{ m is callable }}{{ m(1)|upper }}{{ m(m(2)) ~ "!" }}
===
{% macro m(*a) %}{% endmacro %}
===
{% macro m(a, a) %}{{ a }}{% endmacro %}{{ m(1) }}
===
{% macro m(a=1, b) %}{% endmacro %}
===
{% set args = [1, 2] %}{% set kw = {"c": 3} %}{% macro m(a, b, c) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(*args, **kw) }}{{ m(1, *[2], c=3) }}
===
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(a=1, **{"a": 2}) }}
===
{% filter upper %}text {{ i }}{% endfilter %}
===
{% filter replace("a", "b")|upper|trim %} banana {% endfilter %}
===
{% with x = 1, y = i %}{{ x }}{{ y }}{% set x = 2 %}{{ x }}{% endwith %}{{ x is defined }}
===
{% with x = 1, y = x %}{{ y is defined }}{% endwith %}
===
{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}
===
{% block a %}block {{ i }}{% endblock %}{% block b scoped %}x{% endblock b %}
===
{% for x in l %}{% block a scoped %}{{ x }}{% endblock %}{% endfor %}
===
{% set v = 3 %}{% block a %}{{ v }}{{ i }}{% endblock %}
===
{% block a %}{% endblock %}{% block a %}{% endblock %}
===
{% raw %}{{ not }} {% if %} {# x #}{% endraw %}!
===
a
  {% raw %}
  b {{ }}
  {% endraw %}
c
===
a {%- raw -%} b {%- endraw -%} c
===
{# comment #}a{# multi
line #}b
===
a {#- c -#} b
===
{# {{ x }} {% if %} #}x
===
a
{# comment #}
b
===
  {% if true %}
    x
  {% endif %}
y
===
a {% if true %} b {% endif %} c
===
a{% if true -%}   b   {%- endif %}c
===
a
   {%- if true %}
b
{%- endif -%}

c
===
  {{ i }}
  {{- i }}
{{ i -}}
  x
===
   {%+ if true %}x{% endif +%}
y
===
{% if true +%}
x{% endif %}
===
	{% set x = 1 %}	
z
===
x  {% set y = 1 %}
z
===
{{ i }}

===
{{ i }}
{{ i }}
===
a\r\nb\rc{{ 1 }}\r\n
===
{%- for x in l %}
- {{ x }}
{%- endfor %}

end
===
{% for x in l -%}
  {{ x }}
{%- endfor -%}
  end
===
{{ "a" -}} b {{- "c" }}
===
{{-1}}{{ -1 }}{{+1}}
===
{% generation %}out {{ i }}{% endgeneration %}
===
é{% for x in l %}<{% generation %}{{ x }}日{% endgeneration %}>{% endfor %}
===
{% set z = 1 %}{% generation %}{% set z = 2 %}{{ z }}{% endgeneration %}{{ z }}
===
{% macro m() %}ab{% generation %}x{% endgeneration %}{% endmacro %}12{{ m() }}{% generation %}y{% endgeneration %}
===
{% set t %}q{% generation %}x{% endgeneration %}{% endset %}12{{ t }}
===
  {%- generation -%}  x  {%- endgeneration %}  y
===
{% for x in l %}{% generation %}{% break %}{% endgeneration %}{% endfor %}
===
{% for x in l %}{% filter upper %}a{% if x == 1 %}{% break %}{% endif %}{% endfilter %}{% endfor %}
===
{% for x in l %}{% with y = x %}{{ y }}{% continue %}{% endwith %}{% endfor %}
===
{% break %}
===
{% for x in l %}{% macro m() %}{% continue %}{% endmacro %}{% endfor %}
===
{% if x %}
===
{% for x in l %}
===
{% endif %}
===
{% if true %}{% endfor %}
===
{% nope %}
===
{% do x %}
===
{% include "x" %}
===
{% import "x" as y %}
===
{% extends "x" %}
===
{{ x
===
{{ }}
===
{% %}
===
{{ 1 + }}
===
{{ (1 }}
===
{{ 1) }}
===
{{ [1) }}
===
{{ 'x }}
===
{# x
===
{% raw %}x
===
{{ x.1a }}
===
{{ $ }}
===
{{ a.b.c }}
===
{{ x | }}
===
{{ x is }}
===
{{ 1 is odd is even }}
===
{{ f(a=1, 2) }}
===
{{ dict(a=1, a=2) }}
===
{% set 1 = 2 %}
===
{% set true = 2 %}
===
{% set x = %}
===
{% for x in %}{% endfor %}
===
{% for in x %}{% endfor %}
===
{% for loop in l %}{% endfor %}
===
{% if false %}{{ x|nofilter }}{% endif %}ok
===
{% if true %}{{ x|nofilter }}{% endif %}
===
{{ 1 if true else x|nofilter }}
===
{% for x in [] %}{{ x|nofilter }}{% endfor %}
===
{% if false %}{% for x in [] %}{{ x|nofilter }}{% endfor %}{% endif %}
===
{% print i, s[:2] %}
===
{% set x = joiner(", ") %}{% for y in l %}{{ x() }}{{ y }}{% endfor %}
===
{% set c = cycler("odd", "even") %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.current }}
===
{% set g = l|map("string") %}{{ g|list }}{{ g|list }}
===
{% set g = l|select %}{% for x in g %}{{ x }}{{ loop.length }}{% endfor %}
===
{{ (l|map("string"))|length }}
===
{{ l|map("string") is iterable }}{{ l|map("string") is sequence }}{{ (l|select("gt", 9)) is true }}
===
{% for x in l|sort %}{{ x }}{% endfor %}{% for r, g in m|groupby("role") %}{{ r }}{{ g|length }}{% endfor %}
===
{% for g in m|groupby("role") %}{{ g.grouper }}{{ g.list|length }}{{ g[0] }}{% endfor %}
===
{% for x in l %}{% if loop.index == 2 %}{% set found = x %}{% endif %}{% endfor %}{{ found is defined }}
===
{% for m in m %}{{ m.role }}{% endfor %}{{ m|length }}
===
{% for x in range(3) %}{% for y in range(x) %}{{ loop.index }}{{ x }}{{ y }} {% endfor %}{% endfor %}
===
{% for x in l %}{% set outer = loop %}{% for y in [1] %}{{ outer.index }}{{ loop.index }}{% endfor %}{% endfor %}
===
{% for x in l %}{{ loop }}{% break %}{% endfor %}
===
{% if nope is defined and nope.x %}a{% else %}b{% endif %}
===
{% if not nope %}a{% endif %}{% if nope == none %}b{% endif %}{% if nope is none %}c{% endif %}
===
{%if i%}x{%endif%}{{i}}{%-if i-%} y {%-endif-%}
===
{{ {'a':{'b':1}}['a']['b'] }}{{ {"x": {}} }}
===
{{ "}}" }}{{ '%}' }}{% if "%}" %}x{% endif %}
===
{{ "{{ x }}" }}{{ '{% if %}' }}
===
text with { single } braces {x} % } #}
===
{{ '\n' }}{{ "\\n" }}{{ '\'' }}
===
{{ 1 }}{#- x #} {{ 2 }}
===
{% set ns = namespace(l=[]) %}{% for x in l %}{% set ns.l = ns.l + [x * 2] %}{% endfor %}{{ ns.l }}
===
{% set ns = namespace(found=false) %}{% for x in m %}{% if x.role == "assistant" and not ns.found %}{% set ns.found = true %}{{ loop.index }}{% endif %}{% endfor %}{{ ns.found }}
===
{% set x = {"a": 1} %}{% set x = dict(x, b=2) %}{{ x }}
===
{% set ns = namespace(d={}) %}{% for k in w %}{% set ns.d = dict(ns.d, **{k: loop.index}) %}{% endfor %}{{ ns.d|tojson }}
===
{% macro a(x) %}{{ b(x) }}{% endmacro %}{% macro b(x) %}<{{ x }}>{% endmacro %}{{ a(1) }}
===
{% for x in l %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}
===
{% set f = "x".upper %}{{ f() }}{% set g = d.get %}{{ g("x") }}
===
{% set x = 1 if true %}{{ x }}{% set y = 1 if false %}{{ y is defined }}[{{ y }}]
===
{{ caller }}{{ kwargs }}{{ varargs }}
===
{%- set x = 5 -%}
{{ x }}
{%- if x == 5 %} five{% endif %}

===
{% for x in l recursive %}{{ x }}{% else %}none{% endfor %}{% for x in [] recursive %}{{ x }}{% else %}none{% endfor %}
===
{% for x in l if loop is defined %}{{ x }}{% endfor %}
===
{% for x in l %}{% for y in l if y > loop.index %}{{ y }}{% endfor %};{% endfor %}
===
{% call nope() %}{% endcall %}
===
{% call i %}{% endcall %}
===
{% set a = b = 1 %}
===
{% set ns.x = 1 %}{% set ns = namespace() %}
===
{% if i %}{% if n %}a{% else %}b{% endif %}{% elif s %}c{% endif %}
===
{{ i }}{{ n }}{{ e }}{{ b }}{{ f }}{{ l }}{{ d }}
===
{% for a in m %}{{ a.role ~ ": " ~ (a.content or "-") }}{{ "\n" if not loop.last else "" }}{% endfor %}
===
{% set content = m[0].content if m[0].content is string else m[0].content|map(attribute="text")|join("") %}{{ content }}
===
{{ range }}x{{ nope.nope2 if nope is defined else "-" }}
"""


def all_snippets():
    out = []
    for line in EXPRESSIONS.replace("\\\nb\"", "\\\\\nb\"").split("\n"):
        line = line.strip()
        if line:
            out.append("{{ [" + line + "] }}" if ", " in line and not line.startswith(("raise",)) else "{{ " + line + " }}")
            if ", " in line:
                # Each value by itself, printed.
                out.append("{{ " + line + " }}")
    for template in TEMPLATES.strip("\n").split("\n===\n"):
        out.append(template.replace("\\r", "\r").replace("\r\\n", "\r\n"))
    return out
