// Recipe: the commands of a Modelfile sorted by what they are for, their values checked and typed.
// What it needs of the file system (paths) and of the store (names) is left to whoever makes the
// model.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/core/result.h"
#include "engine/store/modelfile.h"

namespace engine {

struct RecipeText {
  std::string text;
  int line = 0;
};

struct Recipe {
  std::vector<RecipeText> from;  // files, directories or models
  std::optional<RecipeText> adapter;
  std::vector<RecipeText> drafts;
  std::optional<std::string> template_text, system, renderer, parser, requires_version, description;
  std::optional<RecipeText> name;  // of the model that is made; a valid one
  std::vector<std::string> licenses;
  Json parameters;                    // object of options
  Json training;                      // object of texts, keys sorted: recorded, without effect
  Json messages;                      // list of {"role", "content"}
  std::vector<std::string> warnings;  // "line 5: ...", in the order of the file
};

struct RecipeRules {
  std::string folder;   // that relative paths begin at: a warning says which files do not exist
  bool strict = false;  // settings of training, NAME and DESCRIPTION are errors
};

// Errors of kind invalid_argument in the words of the Modelfile's users.
Result<Recipe> read_recipe(const Modelfile& file, const RecipeRules& rules);

// The last warning about a model with settings of training. "" without any.
std::string training_summary(const Recipe& recipe, const std::string& name,
                             const std::string& base);

// "1", "1.2", "1.2.3", "v1.2.3-rc.1+build" without the v; an error for anything else.
Result<std::string> parse_requires(std::string_view text);

}  // namespace engine
