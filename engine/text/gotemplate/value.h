// Values of Go templates: immutable, shared, without cycles, since a template can neither change
// what it is given nor build containers. Structs of the chat data are objects with declared fields.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/text/jinja/text.h"

namespace engine::gotemplate {

using jinja::Range;
using jinja::Text;
using jinja::TextBuilder;

struct List;
struct Map;
struct Object;

struct Str {
  std::string bytes;
  std::vector<Range> input;  // the parts that came from the request; see text.h of jinja
};

class Value {
 public:
  enum class Kind : uint8_t { nil, boolean, integer, real, string, list, map, object };

  Value() = default;
  explicit Value(bool v) : data_(v) {}
  explicit Value(int64_t v) : data_(v) {}
  explicit Value(double v) : data_(v) {}
  explicit Value(std::shared_ptr<const Str> v) : data_(std::move(v)) {}
  explicit Value(std::shared_ptr<const List> v) : data_(std::move(v)) {}
  explicit Value(std::shared_ptr<const Map> v) : data_(std::move(v)) {}
  explicit Value(std::shared_ptr<const Object> v) : data_(std::move(v)) {}

  static Value text(std::string s) { return string(std::move(s), false); }
  static Value input(std::string s) { return string(std::move(s), true); }
  static Value string(TextBuilder& builder);

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is(Kind k) const { return kind() == k; }
  bool nil() const { return is(Kind::nil); }
  bool as_bool() const { return *std::get_if<bool>(&data_); }        // Requires: a boolean
  int64_t as_int() const { return *std::get_if<int64_t>(&data_); }   // Requires: an integer
  double as_real() const { return *std::get_if<double>(&data_); }    // Requires: a real
  const Str& str() const { return **std::get_if<4>(&data_); }        // Requires: a string
  const List& list() const { return **std::get_if<5>(&data_); }      // Requires: a list
  const Map& map() const { return **std::get_if<6>(&data_); }        // Requires: a map
  const Object& object() const { return **std::get_if<7>(&data_); }  // Requires: an object
  bool truthy() const;
  // "string", "map[string]interface {}": as Go's messages name it.
  std::string_view type_name() const;

 private:
  static Value string(std::string s, bool is_input);

  std::variant<std::monostate, bool, int64_t, double, std::shared_ptr<const Str>,
               std::shared_ptr<const List>, std::shared_ptr<const Map>,
               std::shared_ptr<const Object>>
      data_;
};

// How a container prints: as Go does, or through the string conversion of its type.
enum class Form : uint8_t { plain, json };

struct List {
  std::vector<Value> items;
  Form form = Form::plain;
  bool type_names = false;  // types of a property: a single one stands for itself
};

struct Map {
  std::vector<std::pair<std::string, Value>> entries;  // ascending keys
  Form form = Form::plain;
  std::vector<size_t> json_order;  // of the entries in JSON; empty: by key

  const Value* find(std::string_view key) const;
};

struct Field {
  std::string_view name, json_name;  // literals
  Value value;
  bool omit_empty = false;  // left out of JSON when empty
};

struct Object {
  std::string_view type;  // a literal
  std::vector<Field> fields;
  Form form = Form::plain;

  const Value* find(std::string_view name) const;
};

Value make_list(std::vector<Value> items, Form form = Form::plain);
// Sorts the entries.
Value make_map(std::vector<std::pair<std::string, Value>> entries, Form form = Form::plain);
Value make_object(std::string_view type, std::vector<Field> fields, Form form = Form::plain);

// As Go's decoder gives it: every number is a float. Deeper than 100 levels: nil.
Value from_json(const Json& json, bool is_input = true, int depth = 0);

// ---- text forms (format.cpp, json.cpp) ----

// As an action prints it. nil prints `<no value>` at the top, `<nil>` inside.
void print_value(const Value& v, TextBuilder& out);
// %v
void print_inner(const Value& v, TextBuilder& out);
std::string format_real(double v);  // %v of a float64
void print_json(const Value& v, std::string& out);
std::string quote(std::string_view s, bool ascii_only = false);  // %q
// fmt.Sprintf. false: more than `most` bytes; the text is cut off then.
bool print_formatted(std::string_view format, std::span<const Value> args, size_t most,
                     TextBuilder& out);

}  // namespace engine::gotemplate
