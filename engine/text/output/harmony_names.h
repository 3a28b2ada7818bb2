// Names of tools as gpt-oss knows them: identifiers of TypeScript, for the prompt, and back again
// for its calls.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "engine/core/json_io.h"
#include "engine/text/chat_template.h"

namespace engine {

class HarmonyNames {
 public:
  // tools: array of {function: {name}}; nullptr: none.
  explicit HarmonyNames(const Json* tools);

  std::string written(const std::string& name) const;
  std::string original(std::string_view written) const;  // itself when it is unknown
  // The tools under the written names.
  std::shared_ptr<const Json> renamed(const Json& tools) const;

 private:
  std::map<std::string, std::string, std::less<>> written_, original_;
};

// A conversation with all names as they are written.
struct HarmonyInput {
  ChatInput input;
  std::shared_ptr<const Json> tools;  // what input.tools points at
};
HarmonyInput harmony_input(const ChatInput& input);

}  // namespace engine
