// Values: construction, truth, names of types, JSON in.
#include "engine/text/gotemplate/value.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

namespace engine::gotemplate {

Value Value::string(std::string s, bool is_input) {
  auto str = std::make_shared<Str>();
  str->bytes = std::move(s);
  if (is_input && !str->bytes.empty()) str->input = {{0, str->bytes.size()}};
  return Value(std::shared_ptr<const Str>(std::move(str)));
}

Value Value::string(TextBuilder& builder) {
  auto str = std::make_shared<Str>();
  str->bytes = std::move(builder.bytes());
  str->input = std::move(builder.ranges());
  return Value(std::shared_ptr<const Str>(std::move(str)));
}

bool Value::truthy() const {
  switch (kind()) {
    case Kind::nil:
      return false;
    case Kind::boolean:
      return as_bool();
    case Kind::integer:
      return as_int() != 0;
    case Kind::real:
      return as_real() != 0;
    case Kind::string:
      return !str().bytes.empty();
    case Kind::list:
      return !list().items.empty();
    case Kind::map:
      return !map().entries.empty();
    case Kind::object:
      return true;
  }
  return false;
}

std::string_view Value::type_name() const {
  switch (kind()) {
    case Kind::nil:
      return "<nil>";
    case Kind::boolean:
      return "bool";
    case Kind::integer:
      return "int";
    case Kind::real:
      return "float64";
    case Kind::string:
      return "string";
    case Kind::list:
      return "[]interface {}";
    case Kind::map:
      return "map[string]interface {}";
    case Kind::object:
      return object().type;
  }
  return "value";
}

const Value* Map::find(std::string_view key) const {
  const auto it = std::lower_bound(entries.begin(), entries.end(), key,
                                   [](const auto& e, std::string_view k) { return e.first < k; });
  return it != entries.end() && it->first == key ? &it->second : nullptr;
}

const Value* Object::find(std::string_view name) const {
  for (const Field& f : fields)
    if (f.name == name) return &f.value;
  return nullptr;
}

Value make_list(std::vector<Value> items, Form form) {
  auto list = std::make_shared<List>();
  list->items = std::move(items);
  list->form = form;
  return Value(std::shared_ptr<const List>(std::move(list)));
}

Value make_map(std::vector<std::pair<std::string, Value>> entries, Form form) {
  auto map = std::make_shared<Map>();
  map->entries = std::move(entries);
  map->form = form;
  std::sort(map->entries.begin(), map->entries.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  return Value(std::shared_ptr<const Map>(std::move(map)));
}

Value make_object(std::string_view type, std::vector<Field> fields, Form form) {
  auto object = std::make_shared<Object>();
  object->type = type;
  object->fields = std::move(fields);
  object->form = form;
  return Value(std::shared_ptr<const Object>(std::move(object)));
}

Value from_json(const Json& json, bool is_input, int depth) {
  constexpr int kMaxNesting = 100;
  if (depth > kMaxNesting) return {};
  switch (json.type()) {
    case Json::value_t::boolean:
      return Value(json.get<bool>());
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float:
      return Value(json.get<double>());
    case Json::value_t::string: {
      const auto& s = json.get_ref<const std::string&>();
      return is_input ? Value::input(s) : Value::text(s);
    }
    case Json::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const Json& j : json) items.push_back(from_json(j, is_input, depth + 1));
      return make_list(std::move(items));
    }
    case Json::value_t::object: {
      std::vector<std::pair<std::string, Value>> entries;
      entries.reserve(json.size());
      for (const auto& [key, value] : json.items())
        entries.emplace_back(key, from_json(value, is_input, depth + 1));
      return make_map(std::move(entries));
    }
    default:
      return {};
  }
}

}  // namespace engine::gotemplate
