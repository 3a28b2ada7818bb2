// The prefix tree: full pages of past prompts and answers, found again by their row keys. A node is
// one page of 64 rows; its path from the root is the whole prefix. Nodes that no sequence uses are
// dropped leaf by leaf, oldest first.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/cache/page_pool.h"
#include "kernels/op.h"

namespace engine {

using RowKey = uint64_t;  // token id, or hash of an image row

class PrefixTree {
 public:
  using NodeId = int32_t;
  static constexpr NodeId kRoot = -1;
  using Pages = std::array<int32_t, kMaxCacheGroups>;  // page per group; -1: given back

  explicit PrefixTree(std::span<PagePool> pools) : pools_(pools) {}

  // The child of parent that holds these 64 rows; -2: none.
  NodeId find(RowKey root, NodeId parent, std::span<const RowKey> rows) const;
  // Adds it, holding its pages.
  // Requires: find() gave none. The caller uses the node until it calls unuse().
  NodeId add(RowKey root, NodeId parent, std::span<const RowKey> rows, const Pages& pages);
  void use(NodeId);
  void unuse(NodeId);
  const Pages& pages(NodeId n) const { return at(n).pages; }
  NodeId parent(NodeId n) const { return at(n).parent; }
  // Whether one sequence alone uses the node, and so many nodes follow it.
  bool sole(NodeId n, int children) const { return at(n).users == 1 && at(n).children == children; }

  // Frees a page of a group that only the tree holds: the oldest leaf goes (full attention), or the
  // oldest page alone (window: the node stays useful for longer prefixes). false: nothing to drop.
  bool drop_one(int group, bool whole_nodes);
  // Takes a node out when nobody else uses it and it has no children;
  // its pages are released. false: it stays.
  bool remove_if_sole(NodeId);
  size_t size() const { return index_.size(); }

 private:
  struct Node {
    uint64_t hash = 0;
    NodeId parent = kRoot;
    RowKey root = 0;
    Pages pages{};
    std::array<RowKey, kPageTokens> rows{};
    int32_t users = 0, children = 0;
    uint64_t last_use = 0;
    bool live = false;
  };
  Node& at(NodeId n) { return nodes_[static_cast<size_t>(n)]; }
  const Node& at(NodeId n) const { return nodes_[static_cast<size_t>(n)]; }
  uint64_t hash(RowKey root, NodeId parent, std::span<const RowKey> rows) const;
  void remove(NodeId);

  std::span<PagePool> pools_;
  std::vector<Node> nodes_;
  std::vector<NodeId> free_;
  std::unordered_multimap<uint64_t, NodeId> index_;
  uint64_t clock_ = 0;
};

}  // namespace engine
