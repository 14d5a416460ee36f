// SPDX-License-Identifier: Apache-2.0
// Matching by PCRE2, the only file that knows it; see matcher.h. Compiled code is shared by all
// threads; what a match needs (its data, the stack of compiled code) belongs to the thread.
#include "matcher.h"

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"

#ifdef TERN_HAS_PCRE2

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>

namespace tern::text {

namespace {

constexpr uint32_t kMatchLimit = 10'000'000, kHeapKiB = 64 * 1024;
constexpr size_t kStackFirst = 32 * 1024, kStackMost = 16 * 1024 * 1024;
constexpr size_t kFirstStep = 256;

/// What a thread needs for matching; made at its first match.
struct ThreadState {
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(kStackFirst, kStackMost, nullptr);

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
  PcreMatcher(const std::string& expression, bool continues, std::string_view what)
      : what_(what), continues_(continues) {
    int error = 0;
    size_t offset = 0;
    code_ = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                          PCRE2_USE_OFFSET_LIMIT, &error, &offset, nullptr);
    if (!code_) {
      PCRE2_UCHAR text[256] = {};
      pcre2_get_error_message(error, text, sizeof text);
      fail(ErrorCode::unsupported, cat(what, ": PCRE2 does not take the regular expression: ",
                                       reinterpret_cast<const char*>(text)));
    }
    // Without executable memory the interpreter does the same, more slowly.
    pcre2_jit_compile(code_, PCRE2_JIT_COMPLETE);
  }
  PcreMatcher(const PcreMatcher&) = delete;
  ~PcreMatcher() override { pcre2_code_free(code_); }

  bool find(std::string_view bytes, size_t from, Deadline deadline, Match& match) const override {
    ThreadState& state = thread_state();
    // The library bounds the work at one place; the places are ours to bound. A step that ends
    // without a match is followed by a larger one, unless it was slow.
    using Clock = std::chrono::steady_clock;
    size_t step = continues_ ? kFirstStep : bytes.size();
    for (auto before = Clock::time_point();;) {
      const bool last = from + step >= bytes.size();
      pcre2_set_offset_limit(state.context, last ? PCRE2_UNSET : from + step);
      if (search(bytes, from, state, match)) return true;
      if (last) return false;
      from += step + 1;
      const auto now = Clock::now();
      if (now > deadline) {
        fail(ErrorCode::deadline, cat(what_, ": the regular expression takes too long at byte ",
                                      from, " of ", bytes.size()));
      }
      const bool slow =
          before != Clock::time_point() && now - before > std::chrono::milliseconds(5);
      step = slow ? kFirstStep : std::min<size_t>(step * 2, 1 << 20);
      before = now;
    }
  }

 private:
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
  bool continues_;
  pcre2_code* code_ = nullptr;
};

}  // namespace

std::unique_ptr<const Matcher> Matcher::compile(const std::string& expression, bool continues,
                                                std::string_view what) {
  return std::make_unique<PcreMatcher>(expression, continues, what);
}

}  // namespace tern::text

#else

namespace tern::text {

std::unique_ptr<const Matcher> Matcher::compile(const std::string&, bool, std::string_view what) {
  fail(ErrorCode::unsupported,
       cat(what, ": this build of tern has no regular expressions (-Dregex=enabled)"));
}

}  // namespace tern::text

#endif
