#include "engine/cache/prefix_tree.h"

#include <algorithm>

#include "engine/core/check.h"

namespace engine {

uint64_t PrefixTree::hash(RowKey root, NodeId parent, std::span<const RowKey> rows) const {
  uint64_t h = parent == kRoot ? root : at(parent).hash;
  for (RowKey r : rows) h = (h ^ r) * 0x9E3779B97F4A7C15u, h ^= h >> 29;
  return h;
}

PrefixTree::NodeId PrefixTree::find(RowKey root, NodeId parent,
                                    std::span<const RowKey> rows) const {
  const auto [begin, end] = index_.equal_range(hash(root, parent, rows));
  for (auto it = begin; it != end; ++it) {
    const Node& n = at(it->second);
    if (n.parent == parent && n.root == root &&
        std::equal(rows.begin(), rows.end(), n.rows.begin()))
      return it->second;
  }
  return -2;
}

PrefixTree::NodeId PrefixTree::add(RowKey root, NodeId parent, std::span<const RowKey> rows,
                                   const Pages& pages) {
  ENGINE_CHECK(rows.size() == kPageTokens, "a node is a whole page");
  NodeId id;
  if (free_.empty()) {
    id = static_cast<NodeId>(nodes_.size());
    nodes_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  const uint64_t h = hash(root, parent, rows);
  Node& n = at(id);
  n = {h, parent, root, pages, {}, 1, 0, ++clock_, true};
  std::copy(rows.begin(), rows.end(), n.rows.begin());
  for (size_t g = 0; g < pools_.size(); ++g)
    if (pages[g] >= 0) pools_[g].hold(pages[g]);
  if (parent != kRoot) ++at(parent).children;
  index_.emplace(h, id);
  return id;
}

void PrefixTree::use(NodeId n) {
  ++at(n).users, at(n).last_use = ++clock_;
}

void PrefixTree::unuse(NodeId n) {
  ENGINE_CHECK(at(n).users > 0, "node was not in use");
  --at(n).users, at(n).last_use = ++clock_;
}

void PrefixTree::remove(NodeId id) {
  Node& n = at(id);
  for (size_t g = 0; g < pools_.size(); ++g) pools_[g].release(n.pages[g]);
  if (n.parent != kRoot) --at(n.parent).children;
  const auto [begin, end] = index_.equal_range(n.hash);
  for (auto it = begin; it != end; ++it)
    if (it->second == id) {
      index_.erase(it);
      break;
    }
  n.live = false;
  free_.push_back(id);
}

bool PrefixTree::remove_if_sole(NodeId n) {
  if (at(n).users > 1 || at(n).children > 0) return false;
  remove(n);
  return true;
}

bool PrefixTree::drop_one(int group, bool whole_nodes) {
  NodeId oldest = -1;
  for (NodeId i = 0; i < static_cast<NodeId>(nodes_.size()); ++i) {
    const Node& n = at(i);
    const int32_t page = n.live ? n.pages[static_cast<size_t>(group)] : -1;
    if (page < 0) continue;
    // A window page behind the window of every sequence is held by the tree alone, even while its
    // node is part of their prefix.
    const bool droppable = whole_nodes ? n.users == 0 && n.children == 0
                                       : pools_[static_cast<size_t>(group)].holders(page) == 1;
    if (!droppable) continue;
    if (oldest < 0 || n.last_use < at(oldest).last_use) oldest = i;
  }
  if (oldest < 0) return false;
  if (whole_nodes) {
    remove(oldest);
  } else {
    int32_t& page = at(oldest).pages[static_cast<size_t>(group)];
    pools_[static_cast<size_t>(group)].release(page);
    page = -1;
  }
  return true;
}

}  // namespace engine
