// SPDX-License-Identifier: Apache-2.0
// From the parts of a pattern to a Program: a tree first, as deep as its groups nest; see
// program.h.
#include "program.h"

#include <algorithm>
#include <string_view>

namespace tern::text {

namespace {

constexpr size_t kMostSteps = 2000, kMostNodes = 1 << 16;
constexpr long kForever = -1;

struct Node {
  enum class Kind : uint8_t { set, condition, sequence, alternatives, repeat } kind;
  std::vector<size_t> kids = {};
  Condition letters = {};  // of a set or condition
  long least = 1, most = 1;
  enum class Mode : uint8_t { greedy, lazy, possessive } mode = Mode::greedy;
};
using Kind = Node::Kind;

Condition both(Condition a, const Condition& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] = a[i] && b[i];
  return a;
}

Condition either(Condition a, const Condition& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] = a[i] || b[i];
  return a;
}

Condition none_of(Condition a) {
  a.flip();
  return a;
}

/// What a pattern's parts say, as a tree. Members that return bool fail on what no Program says.
class Tree {
 public:
  Tree(const Pattern& pattern, const Alphabet& alphabet)
      : pattern_(pattern), alphabet_(alphabet), width_(alphabet.size() + 1) {}

  bool read(size_t& root) { return read_alternatives(root) && at_end(); }
  const Node& operator[](size_t i) const { return nodes_[i]; }

  /// Whether a node can match nothing, as far as its condition goes.
  bool may_be_empty(size_t i) const {
    const Node& node = nodes_[i];
    switch (node.kind) {
      case Kind::set:
        return false;
      case Kind::condition:
        return true;
      case Kind::repeat:
        return node.least == 0 || may_be_empty(node.kids[0]);
      case Kind::sequence:
        return std::all_of(node.kids.begin(), node.kids.end(),
                           [this](size_t kid) { return may_be_empty(kid); });
      case Kind::alternatives:
        return std::any_of(node.kids.begin(), node.kids.end(),
                           [this](size_t kid) { return may_be_empty(kid); });
    }
    return true;
  }

 private:
  bool at_end() const { return part_ >= pattern_.parts.size(); }
  /// The operators at the reading place, up to the next set.
  std::string_view rest() const {
    return at_end() ? std::string_view() : std::string_view(pattern_.parts[part_].text).substr(at_);
  }
  bool take(std::string_view text) {
    if (!rest().starts_with(text)) return false;
    at_ += text.size();
    skip_empty();
    return true;
  }
  void skip_empty() {
    while (!at_end() && rest().empty() && pattern_.parts[part_].set < 0) ++part_, at_ = 0;
  }

  size_t add(Node node) {
    nodes_.push_back(std::move(node));
    return nodes_.size() - 1;
  }
  size_t add_condition(Condition letters) {
    return add({.kind = Kind::condition, .letters = std::move(letters)});
  }

  bool read_alternatives(size_t& out) {
    skip_empty();
    Node node{.kind = Kind::alternatives};
    do {
      node.kids.emplace_back();
      if (!read_sequence(node.kids.back())) return false;
    } while (take("|"));
    out = node.kids.size() == 1 ? node.kids[0] : add(std::move(node));
    return true;
  }

  bool read_sequence(size_t& out) {
    Node node{.kind = Kind::sequence};
    while (!at_end() && !rest().starts_with(")") && !rest().starts_with("|")) {
      if (nodes_.size() > kMostNodes) return false;
      size_t kid = 0;
      if (!read_atom(kid) || !read_quantifier(kid)) return false;
      node.kids.push_back(kid);
    }
    out = add(std::move(node));
    return true;
  }

  bool read_atom(size_t& out) {
    if (rest().empty()) {
      Condition letters(width_);
      for (const uint8_t letter : alphabet_.letters(static_cast<size_t>(pattern_.parts[part_].set)))
        letters[letter] = true;
      ++part_, at_ = 0;
      skip_empty();
      out = add({.kind = Kind::set, .letters = std::move(letters)});
      return true;
    }
    if (take("\\z")) {
      Condition end(width_);
      end.back() = true;
      out = add_condition(std::move(end));
      return true;
    }
    const bool looks = take("(?="), not_ahead = !looks && take("(?!");
    if (!looks && !not_ahead && !take("(?:")) return false;
    if (!read_alternatives(out) || !take(")")) return false;
    if (!looks && !not_ahead) return true;
    Condition condition;
    if (!condition_of(out, condition)) return false;
    out = add_condition(not_ahead ? none_of(std::move(condition)) : std::move(condition));
    return true;
  }

  bool read_quantifier(size_t& atom) {
    Node node{.kind = Kind::repeat, .kids = {atom}};
    if (take("*"))
      node.least = 0, node.most = kForever;
    else if (take("+"))
      node.least = 1, node.most = kForever;
    else if (take("?"))
      node.least = 0, node.most = 1;
    else if (!read_interval(node))
      return true;
    if (take("?"))
      node.mode = Node::Mode::lazy;
    else if (take("+"))
      node.mode = Node::Mode::possessive;
    // What an empty turn of a loop does differs between matchers; what several sets keep to
    // themselves is no matter of one character.
    const bool single = nodes_[atom].kind == Kind::set;
    if (may_be_empty(atom) || (node.mode == Node::Mode::possessive && !single)) return false;
    atom = add(std::move(node));
    return true;
  }

  /// {2}, {2,}, {2,3}
  bool read_interval(Node& node) {
    if (!take("{")) return false;
    const auto number = [this] {
      long n = kForever;
      while (!rest().empty() && rest()[0] >= '0' && rest()[0] <= '9') {
        n = std::max(n, 0L) * 10 + (rest()[0] - '0');
        ++at_;
      }
      return n;
    };
    node.least = number();
    node.most = take(",") ? number() : node.least;
    take("}");
    return true;
  }

  /// What must come next for the node to match, when that is all it takes.
  bool condition_of(size_t i, Condition& out) const {
    const Node& node = nodes_[i];
    switch (node.kind) {
      case Kind::set:
      case Kind::condition:
        out = node.letters;
        return true;
      case Kind::repeat:
        out.assign(width_, true);
        return node.least == 0 || (node.least == 1 && condition_of(node.kids[0], out));
      case Kind::alternatives: {
        Condition any(width_), one;
        for (const size_t kid : node.kids) {
          if (!condition_of(kid, one)) return false;
          any = either(std::move(any), one);
        }
        out = std::move(any);
        return true;
      }
      case Kind::sequence: {
        Condition all(width_, true), one;
        for (size_t k = 0; k < node.kids.size(); ++k) {
          // Behind a character nothing may be asked.
          const bool last = k + 1 == node.kids.size();
          if (!last && nodes_[node.kids[k]].kind != Kind::condition) return false;
          if (!condition_of(node.kids[k], one)) return false;
          all = both(std::move(all), one);
        }
        out = std::move(all);
        return true;
      }
    }
    return false;
  }

  const Pattern& pattern_;
  const Alphabet& alphabet_;
  size_t width_, part_ = 0, at_ = 0;
  std::vector<Node> nodes_;
};

/// Writes steps backwards: each node before what follows it.
class Writer {
 public:
  Writer(const Tree& tree, Program& out) : tree_(tree), out_(out) {}

  /// The place of the steps of a node that go on at `next`.
  size_t write(size_t i, size_t next) {
    const Node& node = tree_[i];
    switch (node.kind) {
      case Kind::set:
        return put({Step::Kind::take, place_of(node.letters, out_.sets), next});
      case Kind::condition:
        return put({Step::Kind::expect, place_of(node.letters, out_.conditions), next});
      case Kind::sequence:
        for (auto kid = node.kids.rbegin(); kid != node.kids.rend(); ++kid)
          next = write(*kid, next);
        return next;
      case Kind::alternatives: {
        size_t all = write(node.kids.back(), next);
        for (auto kid = node.kids.rbegin() + 1; kid != node.kids.rend(); ++kid)
          all = fork(write(*kid, next), all);
        return all;
      }
      case Kind::repeat:
        return repeat(node, next);
    }
    return next;
  }
  bool full() const { return out_.steps.size() > kMostSteps; }

 private:
  using Step = Program::Step;

  size_t put(Step step) {
    if (!full()) out_.steps.push_back(step);
    return out_.steps.size() - 1;
  }
  size_t fork(size_t first, size_t second) { return put({Step::Kind::fork, 0, first, second}); }
  static size_t place_of(const Condition& letters, std::vector<Condition>& all) {
    const auto at = std::find(all.begin(), all.end(), letters);
    const auto place = static_cast<size_t>(at - all.begin());
    if (at == all.end()) all.push_back(letters);
    return place;
  }

  /// One turn more, or what comes after the loop.
  size_t choose(const Node& node, size_t turn, size_t after) {
    return node.mode == Node::Mode::lazy ? fork(after, turn) : fork(turn, after);
  }

  size_t repeat(const Node& node, size_t next) {
    // A possessive loop of one set ends where no member comes, or with its last turn.
    size_t after = next;
    if (node.mode == Node::Mode::possessive) {
      const Condition others = none_of(tree_[node.kids[0]].letters);
      after = put({Step::Kind::expect, place_of(others, out_.conditions), next});
    }
    size_t place = next;
    if (node.most == kForever) {
      place = fork(0, 0);
      const size_t turn = write(node.kids[0], place);
      if (full()) return place;
      const bool lazy = node.mode == Node::Mode::lazy;
      out_.steps[place].next = lazy ? after : turn;
      out_.steps[place].other = lazy ? turn : after;
    }
    for (long n = node.most; n > node.least && !full(); --n) {
      place = choose(node, write(node.kids[0], place), after);
    }
    for (long n = node.least; n > 0 && !full(); --n) place = write(node.kids[0], place);
    return place;
  }

  const Tree& tree_;
  Program& out_;
};

}  // namespace

std::optional<Program> write_program(const Pattern& pattern, const Alphabet& alphabet) {
  Tree tree(pattern, alphabet);
  size_t root = 0;
  if (pattern.refers_back || !tree.read(root) || tree.may_be_empty(root)) return std::nullopt;
  Program program;
  program.steps.push_back({Program::Step::Kind::match});
  Writer writer(tree, program);
  program.start = writer.write(root, 0);
  if (writer.full()) return std::nullopt;
  return program;
}

}  // namespace tern::text
