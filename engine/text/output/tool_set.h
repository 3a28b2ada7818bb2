// ToolSet: the tools of a request as the readers of calls need them: names, and the types of
// parameters whose values are written as plain text.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/json_io.h"

namespace engine {

class ToolSet {
 public:
  // tools: array of {type, function: {name, parameters}}; nullptr: none. Elements of any other form
  // are passed over.
  explicit ToolSet(std::shared_ptr<const Json> tools);

  bool empty() const { return names_.empty(); }
  const std::vector<std::string>& names() const { return names_; }
  bool has(std::string_view name) const;

  // The schema of the parameters of a tool; nullptr: unknown.
  const Json* parameters(std::string_view tool) const;
  // Whether the schema says what the parameter is.
  bool has_type(std::string_view tool, std::string_view parameter) const;
  // text as a value of the parameter: its types decide, a string where none fits.
  Json value_of(std::string_view tool, std::string_view parameter, std::string_view text) const;

 private:
  std::shared_ptr<const Json> tools_;
  std::vector<std::string> names_;
};

// nullptr: object is none, or has no such member.
const Json* member_of(const Json* object, std::string_view key);

// The types that a schema names, those of anyOf too; nullptr: none.
std::vector<std::string> types_of(const Json* schema);

// text as null, or as the first of the types that it can be read as. Types: of JSON schema.
Json coerce_text(std::string_view text, const std::vector<std::string>& types);

// A whole JSON value with nothing but white space around it.
Result<Json> parse_whole_json(std::string_view text);

}  // namespace engine
