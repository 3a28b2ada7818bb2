// KvCache: which page holds which tokens of which sequence. Host data only: page numbers, page
// tables, the prefix tree; the storage of the pages belongs to a device (PageStore), and the same
// page number serves all slots of a group. Model thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/cache/page_pool.h"
#include "engine/cache/prefix_tree.h"
#include "kernels/op.h"
#include "kernels/page_move.h"

namespace engine {

using SeqId = int32_t;

// Rows that truncate() can take back at any time: window pages that they see are kept so long.
constexpr int kTakeBackRows = 8;

class KvCache {
 public:
  // group_window[g]: 0 all tokens, else the window of the layers of group g;
  // group_pages[g]: pages of the group.
  KvCache(std::span<const int32_t> group_window, std::span<const int32_t> group_pages);

  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  // A new sequence; shares the longest prefix of prompt that every group can supply, but never the
  // last row: it is left to compute.
  SeqId open(RowKey root, std::span<const RowKey> prompt);
  int past(SeqId) const;  // rows stored
  // pages for the next rows in every group; false: none left, nothing changed
  bool grow(SeqId, int rows);
  // of the next step. Requires: grow(n_rows); valid until the next grow or close
  Segment segment(SeqId, int row0, int n_rows) const;
  // rows were computed: past grows, full pages enter the tree, old window pages leave
  void commit(SeqId, std::span<const RowKey> rows);
  // Rows that remain: past; fewer where its page is shared with others; none where more than
  // kTakeBackRows go and the window of `past` is gone.
  int truncate(SeqId, int past);
  // Forgets `drop` pages behind the first `keep`: what follows moves up, and its keys have to be
  // turned (Executable::move_pages of `moves`, before the next step). A page that others hold too is
  // copied first. From there on the rows are not what a prompt of the same tokens computes: they
  // never enter the tree. false: not possible, and nothing changed: no page is left to copy into,
  // or a window would see rows that are given back.
  // Requires: 0 < drop, keep + drop whole pages of past.
  bool shift(SeqId, int keep, int drop, std::vector<PageMove>& moves);
  void close(SeqId, bool keep);  // keep: full pages stay in the tree for later prompts

  int32_t free_pages(int group) const { return pools_[static_cast<size_t>(group)].free_pages(); }
  size_t tree_nodes() const { return tree_.size(); }

 private:
  struct Sequence {
    RowKey root = 0;
    std::vector<RowKey> rows;                      // keys of the rows stored
    std::vector<int32_t> tables[kMaxCacheGroups];  // page per 64 rows; -1: given back
    std::vector<PrefixTree::NodeId> nodes;         // path in the tree, one per full page
    size_t settled = 0;  // pages in front that are the tree's own where it has them
    size_t honest =
        SIZE_MAX;  // so many pages in front may be in the tree: those behind were shifted
    bool open = false;
  };
  Sequence& at(SeqId s) { return sequences_[static_cast<size_t>(s)]; }
  const Sequence& at(SeqId s) const { return sequences_[static_cast<size_t>(s)]; }
  int first_page(size_t group, int past) const;  // first page that row `past` sees
  bool in_tree(const Sequence&, size_t page) const;
  bool sees_after_shift(const Sequence&, int keep, int drop) const;
  size_t first_own_node(const Sequence&, size_t from) const;
  int32_t take_page(size_t group);
  void drop_behind_window(Sequence&);
  void settle(Sequence&);

  std::vector<int32_t> windows_;
  std::vector<PagePool> pools_;
  PrefixTree tree_;
  std::vector<Sequence> sequences_;
};

}  // namespace engine
