// SPDX-License-Identifier: Apache-2.0
// Matching by PCRE2, the only file that knows it; see matcher.h. Compiled code is shared by all
// threads; what a match needs (its data, the stack of compiled code) belongs to the thread.
#include "matcher.h"

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"

#ifdef TERN_HAS_PCRE2

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace tern::text {

namespace {

constexpr uint32_t kMatchLimit = 10'000'000, kHeapKiB = 64 * 1024;
constexpr size_t kStackFirst = 32 * 1024, kStackMost = 16 * 1024 * 1024;
/// Places that one call of the library tries: it looks at no clock, and what one place costs may
/// grow with the text.
constexpr size_t kStep = 64;
/// Calls between looks at the clock where each finds a match.
constexpr uint32_t kCallsPerLook = 16;

/// What a thread needs for matching; made at its first match.
struct ThreadState {
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(kStackFirst, kStackMost, nullptr);
  uint32_t calls = 0;

  ThreadState() {
    if (!context) return;
    pcre2_set_match_limit(context, kMatchLimit);
    pcre2_set_depth_limit(context, kMatchLimit);
    pcre2_set_heap_limit(context, kHeapKiB);
    if (stack) pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ThreadState(const ThreadState&) = delete;
  ~ThreadState() {
    pcre2_jit_stack_free(stack);
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
  }
};

ThreadState& thread_state() {
  thread_local ThreadState state;
  if (!state.context || !state.data) {
    fail(ErrorCode::out_of_memory, "regular expression: no memory for a match");
  }
  return state;
}

class PcreMatcher final : public Matcher {
 public:
  PcreMatcher(const std::string& expression, std::string_view what, Execution execution,
              Units units)
      : what_(what), characters_(units == Units::characters) {
    const uint32_t flags = PCRE2_USE_OFFSET_LIMIT | (characters_ ? uint32_t{PCRE2_UTF} : 0);
    compile(expression, flags);
    // Without executable memory the interpreter does the same, more slowly. Before each search it
    // would look through the whole text for what a match must have, whatever the offset limit.
    const bool native =
        execution == Execution::native && pcre2_jit_compile(code_, PCRE2_JIT_COMPLETE) == 0;
    if (!native) compile(expression, flags | PCRE2_NO_START_OPTIMIZE);
    uint32_t options = 0;
    pcre2_pattern_info(code_, PCRE2_INFO_ALLOPTIONS, &options);
    anchored_ = (options & PCRE2_ANCHORED) != 0;
  }
  PcreMatcher(const PcreMatcher&) = delete;
  ~PcreMatcher() override { pcre2_code_free(code_); }

  bool anchored() const override { return anchored_; }

  bool find(std::string_view bytes, size_t from, Deadline deadline, Match& match) const override {
    ThreadState& state = thread_state();
    for (;;) {
      const bool last = anchored_ || from + kStep >= bytes.size();
      pcre2_set_offset_limit(state.context, last ? PCRE2_UNSET : from + kStep - 1);
      const bool found = search(bytes, from, state, match);
      const bool looks = !found || ++state.calls % kCallsPerLook == 0;
      if (looks && std::chrono::steady_clock::now() > deadline) {
        fail(ErrorCode::deadline, cat(what_, ": the regular expression takes too long at byte ",
                                      from, " of ", bytes.size()));
      }
      if (found || last) return found;
      from += kStep;
      while (characters_ && from < bytes.size() && is_continuation(bytes[from])) ++from;
    }
  }

 private:
  void compile(const std::string& expression, uint32_t options) {
    pcre2_code_free(code_);
    int error = 0;
    size_t offset = 0;
    code_ = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                          options, &error, &offset, nullptr);
    if (code_) return;
    PCRE2_UCHAR text[256] = {};
    pcre2_get_error_message(error, text, sizeof text);
    fail(ErrorCode::unsupported, cat(what_, ": PCRE2 does not take the regular expression: ",
                                     reinterpret_cast<const char*>(text)));
  }

  bool search(std::string_view bytes, size_t from, ThreadState& state, Match& match) const {
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(bytes.data());
    const int rc = pcre2_match(code_, subject, bytes.size(), from, PCRE2_NO_UTF_CHECK, state.data,
                               state.context);
    if (rc == PCRE2_ERROR_NOMATCH) return false;
    if (rc < 0) {
      fail(rc == PCRE2_ERROR_NOMEMORY ? ErrorCode::out_of_memory : ErrorCode::deadline,
           cat(what_, ": the regular expression needs too much work (PCRE2 error ", rc, ")"));
    }
    const size_t* at = pcre2_get_ovector_pointer(state.data);
    match = {at[0], at[1]};
    return true;
  }

  std::string what_;
  pcre2_code* code_ = nullptr;
  bool anchored_ = false;
  bool characters_;
};

}  // namespace

std::unique_ptr<const Matcher> Matcher::compile(const std::string& expression,
                                                std::string_view what, Execution execution,
                                                Units units) {
  return std::make_unique<PcreMatcher>(expression, what, execution, units);
}

}  // namespace tern::text

#else

namespace tern::text {

std::unique_ptr<const Matcher> Matcher::compile(const std::string&, std::string_view what,
                                                Execution, Units) {
  fail(ErrorCode::unsupported,
       cat(what, ": this build of tern has no regular expressions (-Dregex=enabled)"));
}

}  // namespace tern::text

#endif
