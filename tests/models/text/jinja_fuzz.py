# SPDX-License-Identifier: Apache-2.0
"""Random templates for `make_jinja.py --fuzz COUNT SEED FILE`: mostly valid ones over jinja_snippets.VARIABLES, with
random white space control; some are then damaged. The test reads FILE when TERN_JINJA_CASES names it."""
import random

NAMES = ["s", "t", "e", "n", "i", "j", "f", "b", "l", "w", "d", "m", "html", "lines", "nested", "nope", "x", "y", "ns", "greek"]
CONSTANTS = ["1", "0", "-3", "2.5", "'a'", "\"b c\"", "''", "true", "false", "none", "[]", "{}", "'é日'", "10", "'\\n'", "'1'", "3.0", "()"]
FILTERS = ["upper", "lower", "trim", "length", "list", "first", "last", "join", "join(',')", "default('q')", "default('q', true)",
           "string", "int", "float", "abs", "round", "round(1)", "sort", "reverse", "reverse|list", "unique|list", "sum", "min", "max", "tojson",
           "tojson(indent=2)", "title", "capitalize", "replace('a', 'X')", "replace('l', '')", "e", "safe", "items|list", "dictsort",
           "map('upper')|list", "map(attribute='role')|list", "map('string')|join('-')", "select|list", "reject('none')|list",
           "selectattr('role')|list", "selectattr('role', 'eq', 'user')|list", "rejectattr('n', 'gt', 1)|list", "groupby('role')|length",
           "batch(2)|list", "slice(2)|list", "wordcount", "indent(2)", "truncate(5)", "center(7)", "map('length')|list", "attr('upper') is defined",
           "tojson|length", "urlencode", "d(0)", "count", "select('string')|list", "sort(reverse=true)", "map(attribute=0)|list",
           "map('int')|sum", "filesizeformat", "pprint", "format(1)", "sort(attribute='n')|length", "join('|', attribute='n')"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping", "iterable", "sequence",
         "callable", "odd", "even", "divisibleby 2", "eq 1", "ne 'a'", "lt 3", "ge 2", "in [1, 'a']", "in 'abc'", "lower", "upper", "sameas none",
         "sameas true", "escaped", "filter", "test", "equalto 'a'", "gt(1)"]
METHODS = ["upper()", "lower()", "strip()", "lstrip('H')", "rstrip()", "split()", "split(',')", "split('l', 1)", "rsplit(none, 1)", "splitlines()",
           "title()", "capitalize()", "startswith('H')", "endswith(('!', 'a'))", "find('l')", "rfind('o')", "count('l')", "replace('l', 'L', 1)",
           "partition(',')", "rpartition('o')", "items()|list", "keys()|list", "values()|list", "get('x')", "get('zz', 1)", "index(1)", "count(1)", "zfill(5)",
           "isdigit()", "isalpha()", "islower()", "istitle()", "format(1, 2)", "removeprefix('H')", "swapcase()", "center(9, '*')", "isspace()", "join('ab')", "join(w)",
           "append(1)", "pop()", "encode", "copy()", "expandtabs()", "isupper()", "ljust(8)|length", "nothing", "isalnum()", "casefold is defined"]
BINARY = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">", "<=", ">=", "in", "not in", "and", "or"]
TEXT = ["", " ", "\n", "a", " b ", "\n\n", "  \n  ", "é", "x\n", "\n\ty", "}}", "{", "#}", "%}"]


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def pick(self, items):
        return self.r.choice(items)

    def expr(self, depth=2):
        depth -= self.r.random() < 0.4
        r = self.r.random()
        if depth <= 0 or r < 0.22:
            return self.pick(NAMES) if self.r.random() < 0.6 else self.pick(CONSTANTS)
        e = lambda: self.expr(depth - 1)
        if r < 0.36:
            return "%s|%s" % (self.atom(depth), self.pick(FILTERS))
        if r < 0.46:
            return "%s is %s%s" % (self.atom(depth), self.pick(["", "", "not "]), self.pick(TESTS))
        if r < 0.56:
            return "%s.%s" % (self.atom(depth), self.pick(METHODS))
        if r < 0.72:
            return "%s %s %s" % (e(), self.pick(BINARY), e())
        if r < 0.76:
            return "(%s)" % e()
        if r < 0.80:
            return "%s if %s else %s" % (e(), e(), e()) if self.r.random() < 0.8 else "(%s if %s)" % (e(), e())
        if r < 0.84:
            return "[%s]" % ", ".join(e() for _ in range(self.r.randint(0, 3)))
        if r < 0.86:
            return "{%s: %s}" % (self.pick(["'k'", "1", "s", "true"]), e())
        if r < 0.88:
            return "(%s, %s)" % (e(), e())
        if r < 0.92:
            return "%s[%s]" % (self.atom(depth), self.pick(["0", "-1", "'x'", "'role'", "1:", ":-1", "::-1", "1:3", "::2", e()]))
        if r < 0.95:
            return "%s.%s" % (self.atom(depth), self.pick(["role", "x", "items", "content", "upper", "z.k", "y", "n"]))
        if r < 0.97:
            return "not " + e()
        if r < 0.98:
            return "-" + self.atom(depth)
        return self.pick(["range(3)|list", "namespace(a=1).a", "dict(a=1)", "loop.index", "loop.last", "loop.first and loop.index0", "mac(%s)" % e(),
                          "cycler(1, 2).next()", "loop.revindex", "loop.previtem", "loop.nextitem", "loop.length", "range(%s)|list" % e(), "'%s-%s' % (1, 'a')"])

    def atom(self, depth):
        e = self.expr(depth - 1)
        return e if e.replace("_", "a").isalnum() or e[0] in "'\"[{(" and e[-1] in "'\"]})" else "(%s)" % e

    def tag(self, inner):
        return "{%" + self.pick(["", "", "-", "+"]) + self.pick([" ", "", " ", "\n"]) + inner + self.pick([" ", " ", ""]) + self.pick(["", "", "-", "+"]) + "%}"

    def body(self, depth, loop):
        return "".join(self.statement(depth - 1, loop) for _ in range(self.r.randint(1, 3)))

    def statement(self, depth, loop=False):
        r = self.r.random()
        if depth <= 0 or r < 0.25:
            return self.pick(TEXT)
        if r < 0.5:
            return "{{" + self.pick(["", "-", ""]) + " " + self.expr() + " " + self.pick(["", "-", ""]) + "}}"
        if r < 0.62:
            out = self.tag("if " + self.expr(2)) + self.body(depth, loop)
            if self.r.random() < 0.3:
                out += self.tag("elif " + self.expr(2)) + self.body(depth, loop)
            if self.r.random() < 0.5:
                out += self.tag("else") + self.body(depth, loop)
            return out + self.tag("endif")
        if r < 0.74:
            target = self.pick(["x", "y", "k, v", "x"])
            source = "d.items()" if "," in target else self.pick(["l", "w", "m", "range(3)", "s[:3]", "d", "nested", self.expr(1), "x", "[1, 2]"])
            out = self.tag("for %s in %s%s" % (target, source, self.pick(["", "", "", " if %s" % self.pick(["x", "loop is defined", "x is string", "y", self.expr(1)])]))) + self.body(depth, True)
            if self.r.random() < 0.25:
                out += self.tag("else") + self.body(depth, loop)
            return out + self.tag("endfor")
        if r < 0.84:
            return self.tag("set %s = %s" % (self.pick(["x", "y", "ns", "x, y", "ns.a", "s", "i"]), self.pick([self.expr(2), self.expr(2), "namespace(a=1)", "(1, 2)"])))
        if r < 0.87:
            return self.tag("set " + self.pick(["x", "y", "s", "x | upper"])) + self.body(depth, loop) + self.tag("endset")
        if r < 0.90:
            return self.tag("macro mac(%s)" % self.pick(["", "x", "x, y=2", "a=x"])) + self.body(depth, False) + self.tag("endmacro") + "{{ mac(%s) }}" % self.pick(["", "1", "i, 3", "x=5"])
        if r < 0.92:
            return self.tag("filter " + self.pick(["upper", "trim", "replace('a', 'b')", "length"])) + self.body(depth, loop) + self.tag("endfilter")
        if r < 0.94:
            return self.tag("with x = %s" % self.expr(1)) + self.body(depth, loop) + self.tag("endwith")
        if r < 0.955:
            return self.tag("generation") + self.body(depth, False) + self.tag("endgeneration")
        if r < 0.97 and loop:
            return self.tag(self.pick(["break", "continue"]))
        if r < 0.98:
            return self.tag("macro cal(x=1)") + "<{{ caller(%s) }}>" % self.pick(["", "x"]) + self.tag("endmacro") + self.tag("call" + self.pick(["", "(y)"]) + " cal(%s)" % self.pick(["", "2"])) + self.body(depth, False) + self.tag("endcall")
        return self.pick(["{# c #}", "{#- c -#}", self.tag("raw") + "{{ x }}" + self.tag("endraw"), "\n{# c #}\n"])

    def template(self):
        # Small ones: a single mistake anywhere makes the whole an error.
        out = "".join(self.statement(self.pick([1, 2, 2, 3])) for _ in range(self.r.randint(1, 2)))
        if self.r.random() < 0.05 and out:
            k = self.r.randrange(len(out))
            out = out[:k] + self.pick(["", "{", "}", "%", " ", "'", "(", "|", "-"]) + out[k + 1:]
        return out


def templates(count, seed):
    for k in range(count):
        yield Maker(seed * 1000003 + k).template()
