// Calls whose arguments are elements: <k>text</k>, or <k> with elements in it, which is an object
// or a list. A prefix in front of every tag tells tags from text.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/text/output/call_reader.h"
#include "engine/text/output/cursor.h"

namespace engine {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::string_view kItem = "item";  // what an element of a list is called without a schema

struct Element {
  std::string name;
  Json value;
};

class Elements {
 public:
  Elements(std::string_view body, std::string_view prefix) : at_{body}, prefix_(prefix) {}

  // All elements up to the closing tag of what they are in, or to the end. schema: of what holds
  // them, or nullptr.
  bool children(const Json* schema, int depth, std::vector<Element>& out) {
    const std::vector<std::string> types = types_of(schema);
    const bool list = is_list(types);
    for (at_.skip_blanks(); opens(); at_.skip_blanks()) {
      Element one;
      std::string_view tag;
      if (!open(tag, one.name)) return false;
      const Json* inner = list ? member_of(schema, "items") : property(schema, one.name);
      if (!value(tag, inner, depth, one.value)) return false;
      out.push_back(std::move(one));
    }
    return true;
  }
  bool done() { return at_.skip_blanks(), at_.rest.empty(); }
  // Members of an object; a repeated name makes a list.
  static void add_members(std::vector<Element> inner, Json& out) {
    std::set<std::string> repeated;
    for (Element& e : inner) {
      const auto known = out.find(e.name);
      if (known == out.end()) {
        out[e.name] = std::move(e.value);
        continue;
      }
      if (repeated.insert(e.name).second && !(known->is_array() && e.value.is_array()))
        *known = Json::array({std::move(*known)});
      // A list of the schema that comes element by element is one list.
      if (e.value.is_array() && known->is_array())
        for (Json& one : e.value) known->push_back(std::move(one));
      else
        known->push_back(std::move(e.value));
    }
  }

  bool name_of_call(std::string_view& name) {
    std::string_view more;
    return at_.until("\"", name) && at_.until(">", more);
  }

 private:
  static bool has(const std::vector<std::string>& types, const char* type) {
    return std::find(types.begin(), types.end(), type) != types.end();
  }
  static bool is_list(const std::vector<std::string>& types) {
    return has(types, "array") && !has(types, "object");
  }
  static const Json* property(const Json* schema, const std::string& name) {
    return member_of(member_of(schema, "properties"), name);
  }

  // Whether an element begins here.
  bool opens() const {
    return at_.rest.starts_with(prefix_) && at_.rest.substr(prefix_.size()).starts_with('<') &&
           !at_.rest.substr(prefix_.size()).starts_with("</");
  }
  // <name> or <tag name="name">; tag is what the closing tag says.
  bool open(std::string_view& tag, std::string& name) {
    at_.rest.remove_prefix(prefix_.size() + 1);
    std::string_view text;
    if (!at_.until(">", text)) return false;
    text = trimmed(text);
    tag = text.substr(0, text.find_first_of(kBlanks));
    std::string_view own = tag;
    if (const size_t quote = text.find("name=\""); quote != text.npos) {
      own = text.substr(quote + 6);
      own = own.substr(0, own.find('"'));
    }
    name = repair_utf8(trimmed(own));
    return !name.empty();
  }
  bool close(std::string_view tag) {
    Cursor next = at_;
    if (!next.eat(prefix_) || !next.eat("</") || !next.eat(tag) || !next.eat(">")) return false;
    at_ = next;
    return true;
  }

  // Whether the element that begins here is a member of the items of a list, not an item itself:
  // the list is then the elements around it, which all have its name.
  bool is_member_of(const Json* items) const {
    Elements copy = *this;
    std::string_view tag;
    std::string name;
    return copy.open(tag, name) && property(items, name) != nullptr;
  }

  // What stands in an element, and its closing tag.
  bool value(std::string_view tag, const Json* schema, int depth, Json& out) {
    if (depth > kMaxDepth) return false;
    const std::vector<std::string> types = types_of(schema);
    const Json* items = is_list(types) ? member_of(schema, "items") : nullptr;
    const size_t end = at_.rest.find(prefix_);
    if (end == at_.rest.npos) return false;
    const std::string_view text = at_.rest.substr(0, end);
    at_.rest.remove_prefix(end);
    if (!trimmed(text).empty() || !opens()) {
      out = leaf(text, types, items);
      return close(tag);
    }
    const bool one_item = is_member_of(items);
    std::vector<Element> inner;
    if (!children(one_item ? items : schema, depth + 1, inner)) return false;
    out = put_together(std::move(inner), one_item ? types_of(items) : types);
    if (one_item) out = Json::array({std::move(out)});
    return close(tag);
  }

  static Json leaf(std::string_view text, const std::vector<std::string>& types,
                   const Json* items) {
    if (types.size() == 1 && trimmed(text).empty()) {
      if (types[0] == "array") return Json::array();
      if (types[0] == "object") return Json::object();
    }
    Json out = coerce_text(without_layout(text), types);
    if (types.size() != 1 || types[0] != "array" || out.is_array() || out.is_null()) return out;
    // One element of a list whose elements have the name of the list.
    return Json::array({coerce_text(without_layout(text), types_of(items))});
  }

  // Elements as a list, or as an object in which a repeated name is a list.
  static Json put_together(std::vector<Element> inner, const std::vector<std::string>& types) {
    const bool items =
        std::all_of(inner.begin(), inner.end(), [](const Element& e) { return e.name == kItem; });
    const bool list = !has(types, "object") && (has(types, "array") || (types.empty() && items));
    Json out = list ? Json::array() : Json::object();
    if (!list) return add_members(std::move(inner), out), out;
    for (Element& e : inner) out.push_back(std::move(e.value));
    return out;
  }

  Cursor at_;
  std::string_view prefix_;
};

}  // namespace

bool read_nested_call(const AnswerFormat& format, std::string_view body, const ToolSet& tools,
                      ToolCalls& out) {
  Elements in(body, format.prefix);
  std::string_view name;
  if (!in.name_of_call(name)) return false;
  std::vector<Element> elements;
  if (!in.children(tools.parameters(trimmed(name)), 0, elements) || !in.done()) return false;
  Json arguments = Json::object();
  Elements::add_members(std::move(elements), arguments);
  return add_call(name, arguments, out);
}

}  // namespace engine
