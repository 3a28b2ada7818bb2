// Makes the charsmap of a SentencePiece model from what it shall replace.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace engine {

class CharsmapBuilder {
 public:
  // The bytes of the map; the keys are neither empty nor have zero bytes in them.
  static std::vector<uint8_t> build(const std::map<std::string, std::string>& replaced) {
    CharsmapBuilder b;
    Node root;
    for (const auto& [from, to] : replaced) {
      Node* node = &root;
      for (const char c : from) node = &node->children[static_cast<uint8_t>(c)];
      node->value = static_cast<int64_t>(b.texts_.size());
      b.texts_.append(to).push_back('\0');
    }
    b.claim(0);
    b.units_[0] = b.place(root) << 10;
    std::vector<uint8_t> out;
    put(static_cast<uint32_t>(b.units_.size() * 4), out);
    for (const uint32_t unit : b.units_) put(unit, out);
    out.insert(out.end(), b.texts_.begin(), b.texts_.end());
    return out;
  }

  static void put(uint32_t value, std::vector<uint8_t>& out) {
    for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<uint8_t>(value >> shift));
  }

 private:
  struct Node {
    std::map<uint8_t, Node> children;
    int64_t value = -1;
  };

  bool is_free(uint32_t unit) const { return unit >= taken_.size() || !taken_[unit]; }
  void claim(uint32_t unit) {
    while (unit >= units_.size()) {
      units_.resize(units_.size() + 256, 0x80000000u);  // says no byte
      taken_.resize(units_.size(), false);
    }
    taken_[unit] = true;
  }

  // Finds room for the children of a node, writes them, and returns where they are.
  uint32_t place(const Node& node) {
    uint32_t at = 1;
    const auto fits = [&] {
      return std::find(places_.begin(), places_.end(), at) == places_.end() &&
             (node.value < 0 || is_free(at)) &&
             std::all_of(node.children.begin(), node.children.end(),
                         [&](const auto& child) { return is_free(at ^ child.first); });
    };
    while (!fits()) ++at;
    places_.push_back(at);
    if (node.value >= 0) {
      claim(at);
      units_[at] = 0x80000000u | static_cast<uint32_t>(node.value);
    }
    for (const auto& [byte, child] : node.children) claim(at ^ byte);
    for (const auto& [byte, child] : node.children) {
      const uint32_t unit = at ^ byte;
      const uint32_t link = (unit ^ place(child)) << 10 | byte | (child.value >= 0 ? 0x100u : 0);
      units_[unit] = link;
    }
    return at;
  }

  std::vector<uint32_t> units_, places_;
  std::vector<bool> taken_;
  std::string texts_;
};

}  // namespace engine
