// SPDX-License-Identifier: Apache-2.0
// Vocabulary: tokens and ids both ways. The tokens' bytes lie in one block; a hash table (seeded,
// so that a file cannot choose its collisions) finds an id, an index finds a token. Ids may have
// holes. A slot of the table has the first eight bytes of its token, which are all that most have.
// ByteTrie: the same tokens as a trie, for longest-match walks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../../../engine/base/huge_pages.h"

namespace tern::text {

/// 64 well-mixed bits of a text and a seed.
uint64_t hash_text(std::string_view text, uint64_t seed) noexcept;
/// A seed that another process does not share.
uint64_t random_seed();
/// "<0x0A>": what byte_fallback writes for a byte.
std::string byte_token(uint8_t byte);

class Vocabulary {
 public:
  struct Entry {
    uint32_t offset, size;  // in the block of bytes
    int32_t id;
  };

  /// Room for `tokens` tokens of `bytes` bytes altogether.
  void reserve(size_t tokens, size_t bytes);
  /// The last id of a token that is added twice wins. corrupt: id not in [0, 2^31), or too many
  /// bytes.
  void add(std::string_view token, int64_t id);
  /// After the last add: makes find and token work.
  void finish();

  /// -1 when absent.
  int32_t find(std::string_view token) const noexcept;
  std::optional<std::string_view> token(int64_t id) const noexcept;
  /// Where the token lies in entries(), or -1.
  int32_t find_entry(std::string_view token) const noexcept {
    return find_entry(token, Key(token, seed_));
  }
  /// The same for many: entries[i] is that of tokens[i]. Memory is asked for ahead of its use.
  void find_entries(std::span<const std::string_view> tokens, int32_t* entries) const noexcept;
  /// Whether no two tokens share an id.
  bool unique_ids() const noexcept { return unique_ids_; }
  /// The entry of the token that token(id) gives, or -1.
  int32_t entry_of(int64_t id) const noexcept;
  /// Bytes of all tokens.
  size_t size_bytes() const noexcept { return bytes_.size(); }
  /// Number of distinct tokens.
  size_t size() const noexcept { return entries_.size(); }
  /// Number of tokens as the reference counts them, which for Unigram includes equal ones.
  size_t listed() const noexcept { return listed_ != 0 ? listed_ : entries_.size(); }
  void set_listed(size_t tokens) noexcept { listed_ = tokens; }
  const std::vector<Entry>& entries() const noexcept { return entries_; }
  std::string_view text(const Entry& e) const noexcept {
    return {bytes_.data() + e.offset, e.size};
  }

 private:
  /// What a slot tells of its token.
  struct Key {
    uint64_t hash, head;  // head: eight bytes or fewer
    uint32_t tag;         // part of the hash, and the size, as far as eight bits tell it
    Key() = default;
    Key(std::string_view token, uint64_t seed) noexcept;
  };
  size_t slot_of(std::string_view token, const Key& key) const noexcept;
  int32_t find_entry(std::string_view token, const Key& key) const noexcept;
  void grow();

  std::string bytes_;
  std::vector<Entry> entries_;
  struct Slot {
    uint64_t head;
    uint32_t tag;
    uint32_t entry;  // index + 1; 0 = empty
  };
  std::vector<Slot, HugePages<Slot>> slots_;
  std::vector<uint32_t> by_id_;  // dense ids: id -> entry + 1; else entries sorted by id
  bool dense_ = true, unique_ids_ = true;
  uint64_t seed_ = 0;
  size_t listed_ = 0;
};

/// Nodes are numbers, 0 the root; edges lie in one open-addressing table keyed by (node, byte).
class ByteTrie {
 public:
  static constexpr uint32_t kNone = 0xFFFFFFFF;

  void reserve(size_t bytes);
  /// `value` >= 0; a text inserted again gets the new value.
  void insert(std::string_view text, int32_t value);
  /// kNone when there is no such edge.
  uint32_t child(uint32_t node, char byte) const noexcept;
  /// The node of `text`, or kNone.
  uint32_t walk(uint32_t node, std::string_view text) const noexcept;
  /// -1 when no text ends here.
  int32_t value(uint32_t node) const noexcept { return values_[node]; }

 private:
  struct Edge {
    uint32_t key;    // node << 8 | byte
    uint32_t child;  // 0 = empty slot (the root is nobody's child)
  };
  size_t slot(uint32_t key) const noexcept;
  void grow();

  std::vector<Edge> edges_;
  std::vector<int32_t> values_{-1};
  uint64_t seed_ = 0;
  int shift_ = 64;
};

}  // namespace tern::text
