// SPDX-License-Identifier: Apache-2.0
// The table and the loop over it; see automaton.h.
#include "automaton.h"

#include <algorithm>
#include <map>
#include <utility>

#include "../unicode/utf8.h"
#include "ascii_letters.h"

namespace tern::text {

namespace {

/// Of the published patterns that the tests know the largest takes 35 states, and 1,400 steps of
/// the walk over pairs of them, each of which costs much more than one of making the states.
constexpr size_t kMostStates = 2000, kMostWork = 20'000'000, kMostPairSteps = 1'000'000;
/// Characters that may be read for nothing at each place of a text.
constexpr size_t kMostInVain = 64;

}  // namespace

/// A state is where the pattern's threads are, the preferred first, before what comes next is
/// known. Where one has matched, those behind it are gone.
class Automaton::Builder {
 public:
  Builder(const Program& program, Automaton& out)
      : program_(program), out_(out), seen_(program.steps.size()) {}

  bool build() {
    number_of({});
    number_of({program_.start});
    for (size_t state = 0; state < states_.size(); ++state) {
      for (size_t letter = 0; letter < out_.width_; ++letter) {
        const Threads from = states_[state];
        const bool matches = advance(from, letter);
        if (states_.size() > kMostStates || work_ > kMostWork) return false;
        const size_t to = letter + 1 == out_.width_ ? 0 : number_of(next_);
        out_.table_.push_back(static_cast<uint16_t>(to << 1 | (matches ? kMatch : 0)));
      }
    }
    return true;
  }

 private:
  using Threads = std::vector<size_t>;
  using Kind = Program::Step::Kind;

  size_t number_of(const Threads& threads) {
    const auto [at, is_new] = numbers_.emplace(threads, states_.size());
    if (is_new) states_.push_back(threads);
    return at->second;
  }

  /// Fills next_; whether a thread has matched.
  bool advance(const Threads& from, size_t letter) {
    next_.clear();
    std::fill(seen_.begin(), seen_.end(), false);
    std::fill(taken_.begin(), taken_.end(), false);
    for (const size_t thread : from) {
      open_.assign(1, thread);
      while (!open_.empty()) {
        const size_t at = open_.back();
        open_.pop_back();
        ++work_;
        if (seen_[at]) continue;
        seen_[at] = true;
        const Program::Step& step = program_.steps[at];
        if (step.kind == Kind::match) return true;
        if (step.kind == Kind::fork) {
          open_.push_back(step.other);
          open_.push_back(step.next);
        } else if (step.kind == Kind::expect) {
          if (program_.conditions[step.set][letter]) open_.push_back(step.next);
        } else if (program_.sets[step.set][letter]) {
          keep(step.next);
        }
      }
    }
    return false;
  }

  void keep(size_t thread) {
    taken_.resize(seen_.size());
    if (!taken_[thread]) next_.push_back(thread);
    taken_[thread] = true;
  }

  const Program& program_;
  Automaton& out_;
  std::map<Threads, size_t> numbers_;
  std::vector<Threads> states_;
  Threads next_, open_;
  std::vector<bool> seen_, taken_;
  size_t work_ = 0;
};

std::unique_ptr<Automaton> Automaton::make(const Program& program, const Alphabet& alphabet) {
  std::unique_ptr<Automaton> out(new Automaton(alphabet));
  if (!Builder(program, *out).build() || !out->reads_twice_at_most()) return nullptr;
  out->find_short_cuts();
  return out;
}

/// States from which a match follows, whatever the text.
std::vector<bool> Automaton::sure_states() const {
  const size_t states = table_.size() / width_;
  std::vector<bool> sure(states, true);
  sure[0] = false;
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t state = 0; state < states; ++state) {
      for (size_t letter = 0; sure[state] && letter < width_; ++letter) {
        const uint16_t to = at(state, letter);
        if ((to & kMatch) == 0 && !sure[to >> 1]) sure[state] = false, changed = true;
      }
    }
  }
  return sure;
}

/// What is read beyond the end of a match, or without one, is bounded or belongs to the match that
/// begins there. Walks pairs of states: of a search behind its last match, and of the search that
/// will begin behind that match; counts what neither matches.
bool Automaton::reads_twice_at_most() const {
  using Pair = std::pair<size_t, size_t>;
  std::map<Pair, size_t> in_vain;
  std::vector<Pair> open;
  const auto reach = [&](Pair to, size_t count) {
    const auto [found, is_new] = in_vain.emplace(to, count);
    if (!is_new && found->second >= count) return;
    found->second = count;
    open.push_back(to);
  };
  const size_t states = table_.size() / width_;
  const std::vector<bool> sure = sure_states();
  constexpr size_t kDead = 0, kStart = 1;
  const auto begins = [&](size_t letter) { return size_t{at(kStart, letter)} >> 1; };
  reach({kStart, kDead}, 0);
  for (size_t state = 1; state < states; ++state) {
    for (size_t letter = 0; letter < width_; ++letter) {
      const uint16_t to = at(state, letter);
      if ((to & kMatch) != 0 && to >> 1 != kDead) reach({to >> 1, begins(letter)}, 0);
    }
  }
  for (size_t work = 0; !open.empty(); ++work) {
    const Pair pair = open.back();
    const size_t count = in_vain[pair];
    if (count > kMostInVain || work * width_ > kMostPairSteps) return false;
    open.pop_back();
    for (size_t letter = 0; letter < width_; ++letter) {
      const uint16_t first = at(pair.first, letter), second = at(pair.second, letter);
      if ((first & kMatch) != 0 || first >> 1 == kDead || sure[first >> 1]) continue;
      const bool matched = (second & kMatch) != 0;
      const size_t later = matched && second >> 1 == kDead ? begins(letter) : second >> 1;
      reach({first >> 1, later}, count + (matched ? 0 : 1));
    }
  }
  return true;
}

void Automaton::find_short_cuts() {
  for (unsigned char c = 0; c < 128; ++c) ascii_[c] = alphabet_.letter(c);
  for (size_t letter = 0; letter < width_; ++letter) {
    if (letter < may_start_.size()) may_start_[letter] = at(1, letter) >> 1 != 0;
  }
  const auto starts = [this](unsigned char c) { return may_start_[ascii_[c]]; };
  const auto any = [&](unsigned char first, unsigned char last) {
    bool found = false;
    for (unsigned char c = first; c <= last; ++c) found = found || starts(c);
    return found;
  };
  if (!any('A', 'Z') && !any('a', 'z')) idle_ = any(0, 127) ? Idle::letters : Idle::ascii;
  const size_t states = table_.size() / width_;
  stays_.assign(states, true);
  for (size_t s = 0; s < states; ++s) {
    for (char c = 'a'; c <= 'z'; ++c) {
      for (const char letter : {c, static_cast<char>(c - 0x20)}) {
        const uint16_t to = at(s, ascii_[static_cast<unsigned char>(letter)]);
        stays_[s] = stays_[s] && to == (s << 1 | kMatch);
      }
    }
  }
}

/// The end of the match that begins at `from`, or `from`.
size_t Automaton::match_end(std::string_view text, size_t from) const {
  size_t end = from;
  const uint16_t* row = &table_[width_];
  for (size_t i = from; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const size_t before = i;
    size_t letter;
    if (byte < 0x80) {
      letter = ascii_[byte];
      ++i;
    } else {
      letter = alphabet_.letter(next_char(text, i));
    }
    const uint16_t to = row[letter];
    if (to & kMatch) end = before;
    if (to >> 1 == 0) return end;
    row = &table_[(to >> 1) * width_];
    if (!stays_[to >> 1]) continue;
    const size_t run = skip_ascii_letters(text, i);
    if (run == i) continue;
    i = run;
    end = i - 1;
  }
  return row[width_ - 1] & kMatch ? text.size() : end;
}

/// Beyond characters that start no match, some of them.
size_t Automaton::skip_idle(std::string_view text, size_t i) const {
  if (idle_ == Idle::letters) return skip_ascii_letters(text, i);
  if (idle_ == Idle::ascii) return skip_ascii(text, i);
  return i;
}

Scanner::Cut Automaton::next(std::string_view text, size_t from) const {
  size_t end = match_end(text, from);
  if (end > from) return {end, true};
  // A gap up to where the next match begins.
  for (size_t i = from;;) {
    i = skip_idle(text, i + utf8_length(text[i]));
    if (i >= text.size()) return {text.size(), false};
    const auto byte = static_cast<unsigned char>(text[i]);
    size_t next = i;
    const uint8_t letter = byte < 0x80 ? ascii_[byte] : alphabet_.letter(next_char(text, next));
    if (may_start_[letter] && match_end(text, i) > i) return {i, false};
  }
}

}  // namespace tern::text
