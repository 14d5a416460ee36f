// SPDX-License-Identifier: Apache-2.0
#include "connection.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <iomanip>
#include <locale>
#include <sstream>

#include "../engine/base/env.h"
#include "../engine/base/format.h"
#include "formats/safetensors_header.h"

namespace tern::hub {

namespace {

constexpr int kMostHops = 5;
constexpr int kMostUnreachable = 3;
constexpr int kLongestWait = 60;  // seconds
constexpr int kFirstWait = 500;   // milliseconds

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// Hands the answer on, unless it is a redirect that will be followed.
class Hop final : public HttpReceiver {
 public:
  Hop(HubReceiver& receiver, bool from_endpoint) : receiver_(receiver), own_(from_endpoint) {}

  bool head(const HttpHead& head) override {
    if (own_) receiver_.hop(head);
    redirect_ = is_redirect(head.status) && head.find("location") != nullptr;
    return redirect_ || receiver_.head(head);
  }
  bool body(Bytes bytes) override { return redirect_ || receiver_.body(bytes); }
  bool wanted() override { return receiver_.wanted(); }
  bool redirect() const noexcept { return redirect_; }

 private:
  HubReceiver& receiver_;
  bool own_, redirect_ = false;
};

}  // namespace

std::optional<int64_t> retry_after(const HttpHead& head) {
  constexpr int64_t kNanoseconds = 1'000'000'000;
  const std::string* text = head.find("retry-after");
  if (!text) return std::nullopt;
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (error == std::errc() && end == text->data() + text->size() && seconds >= 0) return seconds;
  std::tm date{};
  std::istringstream stream(*text);
  stream.imbue(std::locale::classic());
  std::string zone;
  stream >> std::get_time(&date, "%a, %d %b %Y %H:%M:%S ") >> zone;
  if (zone != "GMT" || stream.peek() != std::istringstream::traits_type::eof()) return std::nullopt;
  const int64_t now = env().wall_time_ns() / kNanoseconds;
  return std::max<int64_t>(::timegm(&date) - now, 0);
}

HubConnection::HubConnection(const HubSettings& settings)
    : settings_(settings), session_(HttpSession::open()), endpoint_(origin_of(settings.endpoint)) {}

HubAnswer HubConnection::ask(const HubQuestion& question, HubReceiver& receiver) {
  HubAnswer answer{.url = question.url};
  for (int hop = 0;; ++hop) {
    const Origin origin = origin_of(answer.url);
    HttpRequest request{.head = question.head,
                        .url = answer.url,
                        .headers = {"User-Agent: tern/" TERN_VERSION, "Accept-Encoding: identity"},
                        .connect_seconds = settings_.etag_seconds,
                        .idle_seconds = question.idle_seconds};
    if (!question.range.empty()) request.headers.push_back("Range: bytes=" + question.range);
    if (origin == endpoint_ && !settings_.token.empty()) {
      request.headers.push_back("Authorization: Bearer " + settings_.token);
    }
    Hop step(receiver, origin == endpoint_);
    answer.result = session_->send(request, step);
    const std::string* location = answer.result.head.find("location");
    if (!step.redirect() || location == nullptr || answer.result.end != HttpEnd::complete)
      return answer;
    const auto next = resolve_url(answer.url, *location);
    if (question.stay && next && origin_of(*next) != endpoint_) return answer;
    const bool lowered = next && origin.scheme == "https" && origin_of(*next).scheme != "https";
    if (!next || lowered || hop == kMostHops) {
      fail(ErrorCode::denied, cat(question.url, ": ",
                                  hop == kMostHops ? "more than 5 redirects, the last one"
                                                   : "a redirect that is not followed",
                                  " to ", shown_name(location->substr(0, location->find('?')))));
    }
    answer.url = *next;
  }
}

bool passing_status(int status) noexcept {
  return status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

bool Retry::again(const HttpResult& result) {
  const bool cut = result.end == HttpEnd::unreachable || result.end == HttpEnd::broken;
  const bool passing = result.end == HttpEnd::malformed ||
                       (result.end != HttpEnd::insecure && passing_status(result.head.status));
  if (!cut && !passing) return false;
  const int most = result.end == HttpEnd::unreachable ? std::min(most_, kMostUnreachable) : most_;
  if (++failures_ >= most) return false;
  int wait = kFirstWait << (failures_ - 1);
  wait += static_cast<int>(env().wall_time_ns() / 1000 % (wait / 2));
  if (const auto asked = retry_after(result.head); asked && passing_status(result.head.status)) {
    if (*asked > kLongestWait) return false;
    wait = std::max(static_cast<int>(*asked) * 1000, 1);
  }
  env().sleep_for(std::chrono::milliseconds(wait));
  return true;
}

}  // namespace tern::hub
