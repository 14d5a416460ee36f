// SPDX-License-Identifier: Apache-2.0
#include "transfer.h"

#include <algorithm>
#include <charconv>

#include "../engine/base/format.h"
#include "formats/safetensors_header.h"

namespace tern::hub {

namespace {

constexpr size_t kHashPiece = 1 << 20;
constexpr uint64_t kWorthARetry = 1 << 20;
constexpr int kMostBrokenStreams = 5;

/// "bytes 0-99/1000" says exactly this.
bool is_range(std::string_view text, uint64_t first, uint64_t last, uint64_t size) {
  const std::string range = cat("bytes ", first, "-", last, "/");
  return text == cat(range, size) || text == range + "*";
}

bool number_is(const std::string* text, uint64_t expected) {
  return text == nullptr || *text == cat(expected);
}

std::string hash_name(const std::string& hash) {
  return hash_kind(hash) == HashKind::sha256 ? "SHA-256" : "git blob id";
}

}  // namespace

/// Writes what comes into one segment, or, without ranges, into all of them in turn.
class SegmentReceiver final : public HubReceiver {
 public:
  SegmentReceiver(Transfer& transfer, const Transfer::Job& job)
      : transfer_(transfer),
        partial_(transfer.partial_),
        generation_(job.generation),
        ranges_(transfer.ranges_),
        segment_(job.segment),
        at_(partial_.segment(segment_).begin + partial_.segment(segment_).done),
        end_(ranges_ ? partial_.segment(segment_).end : partial_.size()) {}

  /// Empty when the whole file is asked for.
  std::string range() const {
    const bool whole = !ranges_ || (at_ == 0 && end_ == partial_.size());
    return whole ? "" : cat(at_, "-", end_ - 1);
  }

  void hop(const HttpHead& head) override;
  bool head(const HttpHead& head) override;
  bool body(Bytes bytes) override;
  bool wanted() override {
    return !transfer_.setting_.stop && generation_ == transfer_.generation_;
  }

  std::string wrong;       // what is not as it has to be
  bool no_ranges = false;  // the server ignores or refuses them
  bool accepted = false;   // the answer is the content
  uint64_t received = 0;
  bool full() const noexcept { return at_ == end_; }

 private:
  Transfer& transfer_;
  PartialFile& partial_;
  const uint64_t generation_;
  const bool ranges_;
  size_t segment_;
  uint64_t at_;
  const uint64_t end_;
};

void SegmentReceiver::hop(const HttpHead& head) {
  const std::string* commit = head.find("x-repo-commit");
  const std::string* linked = head.find("x-linked-etag");
  const std::string* etag = linked ? linked : head.find("etag");
  const std::string tag = etag ? plain_etag(*etag) : "";
  if (head.status >= 400) return;
  if (commit && *commit != transfer_.setting_.commit) {
    wrong = cat("it comes from commit ", shown_name(*commit));
  } else if (is_hash(tag) && tag.size() == transfer_.file_.hash.size() &&
             tag != transfer_.file_.hash) {
    wrong = cat("the hub now gives its content as ", tag);
  }
}

bool SegmentReceiver::head(const HttpHead& head) {
  const uint64_t size = partial_.size();
  if (!wrong.empty()) return false;
  const std::string* length = head.find("content-length");
  const bool part = !range().empty();
  if (part && (head.status == 200 || head.status == 416)) {
    no_ranges = true;
    return false;
  }
  if (part && head.status == 206) {
    const std::string* range = head.find("content-range");
    if (!range || !is_range(*range, at_, end_ - 1, size) || !number_is(length, end_ - at_)) {
      wrong =
          cat("bytes ", this->range(), " of ", size, " were asked for, the answer is ",
              range ? shown_name(*range) : "no range", ", length ", length ? *length : "unknown");
      return false;
    }
    accepted = true;
  } else if (head.status == 200) {
    if (!number_is(length, size)) {
      wrong = cat("it has ", size, " bytes, the answer ", shown_name(*length));
      return false;
    }
    accepted = true;
  } else if (head.status >= 200 && head.status < 300) {
    wrong = cat("the answer is HTTP ", head.status);
    return false;
  }
  return true;
}

bool SegmentReceiver::body(Bytes bytes) {
  if (!accepted) return true;  // the words of a refusal
  if (!wanted()) return false;
  if (bytes.size() > end_ - at_) {
    wrong = cat("more comes than its ", partial_.size(), " bytes");
    return false;
  }
  received += bytes.size();
  transfer_.setting_.progressed(static_cast<int64_t>(bytes.size()));
  while (!bytes.empty()) {
    const uint64_t room = partial_.segment(segment_).end - at_;
    const Bytes piece = bytes.first(static_cast<size_t>(std::min<uint64_t>(room, bytes.size())));
    partial_.write(segment_, piece);
    at_ += piece.size();
    bytes = bytes.subspan(piece.size());
    if (at_ == partial_.segment(segment_).end && at_ != end_) ++segment_;
  }
  transfer_.advance_hash(false);
  return true;
}

Transfer::Transfer(TransferSetting& setting, const HubFile& file)
    : setting_(setting),
      file_(file),
      partial_(setting.cache, file.hash, file.size),
      busy_(partial_.segments(), false),
      hasher_(hash_kind(file.hash), file.size) {}

Transfer::Job Transfer::take() {
  const std::scoped_lock lock(mutex_);
  if (published_) return {.work = Work::published};
  if (finishing_) return {};
  const bool anyone = std::find(busy_.begin(), busy_.end(), true) != busy_.end();
  if (restart_ && anyone) return {};
  if (restart_) {
    setting_.progressed(-static_cast<int64_t>(partial_.done()));
    for (size_t i = 0; i < partial_.segments(); ++i) partial_.forget(i);
    hasher_ = Hasher(hash_kind(file_.hash), file_.size);
    hashed_ = 0;
    restart_ = false;
  }
  if (partial_.done() == partial_.size() && !anyone) {
    finishing_ = true;
    return {.work = Work::finish};
  }
  if (!ranges_ && anyone) return {};
  for (size_t i = 0; i < partial_.segments(); ++i) {
    const PartialFile::Segment& segment = partial_.segment(i);
    if (busy_[i] || segment.done == segment.size()) continue;
    busy_[i] = true;
    return {.work = Work::fetch, .segment = i, .generation = generation_};
  }
  return {};
}

void Transfer::run(const Job& job, HubConnection& connection) {
  try {
    if (job.work == Work::finish) finish();
    if (job.work == Work::fetch) fetch(job, connection);
  } catch (const Error& error) {
    const bool disk = error.code() == ErrorCode::io || error.code() == ErrorCode::corrupt;
    if (disk) discard();
    throw;
  }
  const std::scoped_lock lock(mutex_);
  if (job.work == Work::finish) finishing_ = false;
  if (job.work == Work::fetch) busy_[job.segment] = false;
}

void Transfer::fetch(const Job& job, HubConnection& connection) {
  Retry retry;
  while (!fetch_once(job, connection, retry)) {
    if (setting_.stop) return;
  }
}

/// True when the segment is complete or somebody has to begin anew.
bool Transfer::fetch_once(const Job& job, HubConnection& connection, Retry& retry) {
  const HubSettings& settings = connection.settings();
  if (job.generation != generation_) return true;
  if (!ranges_ && partial_.done() > 0) {  // a stream that broke off begins again
    begin_again();
    return true;
  }
  SegmentReceiver receiver(*this, job);
  const HubQuestion question{.url = address(settings),
                             .range = receiver.range(),
                             .idle_seconds = settings.download_seconds};
  const HubAnswer answer = connection.ask(question, receiver);
  HttpResult result = answer.result;
  if (setting_.stop || job.generation != generation_) return true;
  if (receiver.accepted) remember(answer.url, settings);
  if (receiver.no_ranges && receiver.wrong.empty()) {
    begin_again();
    return true;
  }
  const bool ended = result.end == HttpEnd::complete && receiver.accepted;
  if (ended && receiver.full()) return true;
  if (ended) receiver.wrong = cat("it has ", file_.size, " bytes, but less came");
  if (!receiver.wrong.empty()) {
    suspect(receiver.wrong);
    return true;
  }
  const uint64_t worth = std::min(kWorthARetry, file_.size / 256);
  if (receiver.received > worth) retry.progress();
  if (origin_of(answer.url) != origin_of(settings.endpoint)) {
    remember("", settings);  // an address that has expired, perhaps: the endpoint gives another
    if (result.end == HttpEnd::complete) {
      result.end = HttpEnd::broken;  // its head may still say how long to wait
      result.problem = cat("HTTP ", result.head.status, " from ", origin_of(answer.url).host);
    }
  }
  if (receiver.accepted) result.head.status = 0;  // it is the connection that failed
  const bool too_often = !ranges_ && ++broken_streams_ > kMostBrokenStreams;
  if (!too_often && retry.again(result)) return false;
  fail_answer({.id = setting_.id, .revision = setting_.commit, .file = file_.path}, settings,
              result);
}

void Transfer::suspect(const std::string& why) {
  const std::scoped_lock lock(mutex_);
  if (restart_) return;
  if (++suspicions_ > 1) {
    fail(ErrorCode::corrupt, cat(setting_.id, ": ", file_.path,
                                 ": what the hub sends is not the file it lists, twice: ", why,
                                 "; nothing of it is kept. Does a proxy stand between?"));
  }
  restart_now();
}

void Transfer::begin_again() {
  const std::scoped_lock lock(mutex_);
  if (!restart_) restart_now();
}

void Transfer::restart_now() {
  restart_ = true;
  ranges_ = false;
  location_.clear();
  ++generation_;
}

void Transfer::advance_hash(bool wait) {
  std::unique_lock lock(hash_mutex_, std::defer_lock);
  if (wait) {
    lock.lock();
  } else if (!lock.try_lock()) {
    return;
  }
  thread_local std::vector<std::byte> piece(kHashPiece);
  while (true) {
    const uint64_t there = partial_.contiguous() - hashed_;
    const size_t size = static_cast<size_t>(std::min<uint64_t>(there, piece.size()));
    if (size == 0) return;
    if (partial_.read(std::span(piece).first(size), hashed_) != size) {
      fail(ErrorCode::io,
           cat(file_.path, ": the file under download is shorter than what was written"));
    }
    hasher_.update(Bytes(piece).first(size));
    hashed_ += size;
  }
}

void Transfer::finish() {
  advance_hash(true);
  const std::string hash = hasher_.finish();
  if (hash != file_.hash) {
    suspect(cat("its ", hash_name(hash), " is ", hash, ", expected ", file_.hash));
    return;
  }
  partial_.publish(setting_.cache.blob_path(file_.hash));
  const std::scoped_lock lock(mutex_);
  published_ = true;
}

std::string Transfer::address(const HubSettings& settings) {
  const std::scoped_lock lock(mutex_);
  if (!location_.empty()) return location_;
  return resolve_address(settings, setting_.id, setting_.commit, file_.path);
}

void Transfer::remember(const std::string& url, const HubSettings& settings) {
  const bool elsewhere = !url.empty() && origin_of(url) != origin_of(settings.endpoint);
  const std::scoped_lock lock(mutex_);
  location_ = elsewhere ? url : "";
}

}  // namespace tern::hub
