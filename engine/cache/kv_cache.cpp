#include "engine/cache/kv_cache.h"

#include <algorithm>

#include "engine/core/check.h"

namespace engine {

KvCache::KvCache(std::span<const int32_t> group_window, std::span<const int32_t> group_pages)
    : windows_(group_window.begin(), group_window.end()),
      pools_(group_pages.begin(), group_pages.end()),
      tree_(pools_) {
  ENGINE_CHECK(windows_.size() == pools_.size() && windows_.size() <= kMaxCacheGroups,
               "groups and pages must match");
}

int KvCache::first_page(size_t group, int past) const {
  return windows_[group] == 0 ? 0 : std::max(0, past - windows_[group] + 1) / kPageTokens;
}

int32_t KvCache::take_page(size_t group) {
  for (;;) {
    if (const int32_t page = pools_[group].take(); page >= 0) return page;
    if (!tree_.drop_one(static_cast<int>(group), windows_[group] == 0)) return -1;
  }
}

SeqId KvCache::open(RowKey root, std::span<const RowKey> prompt) {
  SeqId id = 0;
  while (id < static_cast<SeqId>(sequences_.size()) && at(id).open) ++id;
  if (id == static_cast<SeqId>(sequences_.size())) sequences_.emplace_back();
  Sequence& s = at(id) = {};
  s.root = root, s.open = true;

  const size_t most = prompt.empty() ? 0 : (prompt.size() - 1) / kPageTokens;
  std::vector<PrefixTree::NodeId> path;
  for (PrefixTree::NodeId node = PrefixTree::kRoot; path.size() < most; path.push_back(node)) {
    node = tree_.find(root, node, prompt.subspan(path.size() * kPageTokens, kPageTokens));
    if (node < 0) break;
  }
  // The longest part of the path for which every group still has the pages that the next row sees.
  const auto supplied = [&](size_t n) {
    for (size_t g = 0; g < pools_.size(); ++g)
      for (size_t p = static_cast<size_t>(first_page(g, static_cast<int>(n) * kPageTokens)); p < n;
           ++p)
        if (tree_.pages(path[p])[g] < 0) return false;
    return true;
  };
  while (!path.empty() && !supplied(path.size())) path.pop_back();

  for (size_t p = 0; p < path.size(); ++p) {
    tree_.use(path[p]);
    for (size_t g = 0; g < pools_.size(); ++g) {
      const bool seen =
          static_cast<int>(p) >= first_page(g, static_cast<int>(path.size()) * kPageTokens);
      const int32_t page = seen ? tree_.pages(path[p])[g] : -1;
      if (page >= 0) pools_[g].hold(page);
      s.tables[g].push_back(page);
    }
  }
  s.nodes = path, s.settled = path.size();
  s.rows.assign(prompt.begin(),
                prompt.begin() + static_cast<std::ptrdiff_t>(path.size() * kPageTokens));
  return id;
}

int KvCache::past(SeqId id) const {
  return static_cast<int>(at(id).rows.size());
}

bool KvCache::grow(SeqId id, int rows) {
  Sequence& s = at(id);
  const size_t pages = (s.rows.size() + static_cast<size_t>(rows) + kPageTokens - 1) / kPageTokens;
  size_t before[kMaxCacheGroups];
  for (size_t g = 0; g < pools_.size(); ++g) before[g] = s.tables[g].size();
  for (size_t g = 0; g < pools_.size(); ++g)
    while (s.tables[g].size() < pages) {
      const int32_t page = take_page(g);
      if (page < 0) {  // give back what this call took
        for (size_t b = 0; b < pools_.size(); ++b)
          while (s.tables[b].size() > before[b])
            pools_[b].release(s.tables[b].back()), s.tables[b].pop_back();
        return false;
      }
      s.tables[g].push_back(page);
    }
  return true;
}

Segment KvCache::segment(SeqId id, int row0, int n_rows) const {
  const Sequence& s = at(id);
  Segment out;
  out.row0 = row0, out.n_rows = n_rows, out.past = static_cast<int32_t>(s.rows.size());
  for (size_t g = 0; g < pools_.size(); ++g) out.pages[g] = s.tables[g];
  return out;
}

void KvCache::drop_behind_window(Sequence& s) {
  const int past = std::max(0, static_cast<int>(s.rows.size()) - kTakeBackRows);
  for (size_t g = 0; g < pools_.size(); ++g) {
    const size_t keep = std::min(s.tables[g].size(), static_cast<size_t>(first_page(g, past)));
    for (size_t p = keep; p-- > 0 && s.tables[g][p] >= 0;)
      pools_[g].release(s.tables[g][p]), s.tables[g][p] = -1;
  }
}

void KvCache::commit(SeqId id, std::span<const RowKey> rows) {
  Sequence& s = at(id);
  s.rows.insert(s.rows.end(), rows.begin(), rows.end());
  while (s.nodes.size() < s.honest && (s.nodes.size() + 1) * kPageTokens <= s.rows.size()) {
    const size_t p = s.nodes.size();
    const PrefixTree::NodeId parent = p == 0 ? PrefixTree::kRoot : s.nodes.back();
    const std::span<const RowKey> keys(s.rows.data() + p * kPageTokens, kPageTokens);
    PrefixTree::NodeId node = tree_.find(s.root, parent, keys);
    if (node >= 0) {
      tree_.use(node);  // computed before, by another sequence or in another way: see settle()
    } else {
      PrefixTree::Pages pages{-1, -1, -1, -1};
      for (size_t g = 0; g < pools_.size(); ++g) pages[g] = s.tables[g][p];
      node = tree_.add(s.root, parent, keys, pages);
    }
    s.nodes.push_back(node);
  }
  drop_behind_window(s);
  settle(s);
}

// Equal rows have equal bits, so one copy is enough: our own is given back as soon as it is so far
// behind that no row of it will be taken back.
void KvCache::settle(Sequence& s) {
  for (;
       s.settled < s.nodes.size() && (s.settled + 1) * kPageTokens + kTakeBackRows <= s.rows.size();
       ++s.settled) {
    const PrefixTree::Pages& held = tree_.pages(s.nodes[s.settled]);
    for (size_t g = 0; g < pools_.size(); ++g) {
      int32_t& own = s.tables[g][s.settled];
      if (own < 0 || held[g] < 0 || own == held[g]) continue;
      pools_[g].hold(held[g]);
      pools_[g].release(own);
      own = held[g];
    }
  }
}

// Whether the node of a page of the sequence holds that very page: not where another sequence had
// computed the same rows before.
bool KvCache::in_tree(const Sequence& s, size_t page) const {
  const PrefixTree::Pages& held = tree_.pages(s.nodes[page]);
  for (size_t g = 0; g < pools_.size(); ++g)
    if (s.tables[g][page] >= 0 && s.tables[g][page] == held[g]) return true;
  return false;
}

int KvCache::truncate(SeqId id, int past) {
  Sequence& s = at(id);
  if (past >= static_cast<int>(s.rows.size())) return static_cast<int>(s.rows.size());
  // a window whose older pages are gone cannot go back: start again
  for (size_t g = 0; g < pools_.size(); ++g)
    if (const size_t first = static_cast<size_t>(first_page(g, past));
        past > 0 && s.tables[g][first] < 0)
      past = 0;
  while (s.nodes.size() * kPageTokens > static_cast<size_t>(past)) {
    const PrefixTree::NodeId node = s.nodes.back();
    const size_t begin = (s.nodes.size() - 1) * kPageTokens;
    // A page that is cut in the middle will be written again: it must be ours alone.
    const bool cut = begin < static_cast<size_t>(past), held = in_tree(s, s.nodes.size() - 1);
    if (!cut || !tree_.remove_if_sole(node)) {
      tree_.unuse(node);
      if (held) past = std::min(past, static_cast<int>(begin));
    }
    s.nodes.pop_back();
  }
  const size_t pages = (static_cast<size_t>(past) + kPageTokens - 1) / kPageTokens;
  for (size_t g = 0; g < pools_.size(); ++g)
    while (s.tables[g].size() > pages)
      pools_[g].release(s.tables[g].back()), s.tables[g].pop_back();
  s.rows.resize(static_cast<size_t>(past));
  s.settled = std::min(s.settled, s.nodes.size());
  if (pages <= s.honest) s.honest = SIZE_MAX;  // no shifted row is left
  return past;
}

// Whether every window has what the next row sees after a shift. It asks for what is there whatever
// happened before: that depends on a window and on the rows alone, as the answer must.
bool KvCache::sees_after_shift(const Sequence& s, int keep, int drop) const {
  const int past = static_cast<int>(s.rows.size());
  for (size_t g = 0; g < pools_.size(); ++g)
    if (first_page(g, past) > 0 && first_page(g, past - drop * kPageTokens) < keep) return false;
  return true;
}

// The nodes from there on are of use to this sequence alone: at the end of its path, and with its
// own pages.
size_t KvCache::first_own_node(const Sequence& s, size_t from) const {
  size_t first = s.nodes.size();
  while (first > from && tree_.sole(s.nodes[first - 1], first == s.nodes.size() ? 0 : 1) &&
         in_tree(s, first - 1))
    --first;
  return first;
}

bool KvCache::shift(SeqId id, int keep, int drop, std::vector<PageMove>& moves) {
  Sequence& s = at(id);
  const size_t begin = static_cast<size_t>(keep), end = begin + static_cast<size_t>(drop);
  ENGINE_CHECK(keep >= 0 && drop > 0 && end * kPageTokens <= s.rows.size(),
               "a shift drops whole pages of the sequence");
  moves.clear();
  if (!sees_after_shift(s, keep, drop)) return false;
  const size_t own = first_own_node(s, end);
  for (size_t g = 0; g < pools_.size(); ++g)
    for (size_t p = end; p < s.tables[g].size(); ++p) {
      const int32_t page = s.tables[g][p];
      if (page < 0) continue;
      const bool leaves_tree = p >= own && p < s.nodes.size() && tree_.pages(s.nodes[p])[g] == page;
      const bool shared = pools_[g].holders(page) > (leaves_tree ? 2 : 1);
      const int32_t to = shared ? take_page(g) : page;
      if (to < 0) {  // give back what this call took
        for (const PageMove& m : moves)
          if (m.to != m.from) pools_[static_cast<size_t>(m.group)].release(m.to);
        moves.clear();
        return false;
      }
      moves.push_back({static_cast<int32_t>(g), page, to});
    }

  while (s.nodes.size() > begin) {
    const PrefixTree::NodeId node = s.nodes.back();
    if (s.nodes.size() <= own || !tree_.remove_if_sole(node)) tree_.unuse(node);
    s.nodes.pop_back();
  }
  auto move = moves.begin();
  for (size_t g = 0; g < pools_.size(); ++g) {
    std::vector<int32_t>& table = s.tables[g];
    for (size_t p = begin; p < end; ++p) pools_[g].release(table[p]);
    for (size_t p = end; p < table.size(); ++p) {
      if (table[p] < 0) continue;
      if (move->to != move->from) pools_[g].release(move->from);
      table[p] = (move++)->to;
    }
    table.erase(table.begin() + keep, table.begin() + keep + drop);
  }
  const auto rows = s.rows.begin();
  s.rows.erase(rows + keep * kPageTokens, rows + (keep + drop) * kPageTokens);
  s.honest = std::min(s.honest, begin);
  s.settled = std::min(s.settled, s.nodes.size());
  return true;
}

void KvCache::close(SeqId id, bool keep) {
  Sequence& s = at(id);
  ENGINE_CHECK(s.open, "closing a sequence twice");
  while (!s.nodes.empty()) {
    const PrefixTree::NodeId node = s.nodes.back();
    s.nodes.pop_back();
    if (keep || !tree_.remove_if_sole(node)) tree_.unuse(node);
  }
  for (size_t g = 0; g < pools_.size(); ++g)
    for (int32_t page : s.tables[g]) pools_[g].release(page);
  s = {};
}

}  // namespace engine
