// Capabilities are counted; with the same ones, the template that shows the results of tools wins.
#include "server/template_choice.h"

#include <algorithm>

#include "engine/core/env.h"
#include "engine/store/describe.h"

namespace engine {
namespace {

bool has(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

bool shows_results(const std::string& jinja) {
  if (!has(jinja, "tool_calls") && !has(jinja, "assistant_tool_call")) return false;
  if (has(jinja, "tool_response") || has(jinja, "tool_results") || has(jinja, "ipython"))
    return true;
  for (const std::string quote : {"'", "\""})
    for (const std::string equal : {" == ", "=="})
      for (const std::string& role : {"role" + quote + "]", std::string(".role")})
        for (const std::string value_quote : {"'", "\""})
          if (has(jinja, role + equal + value_quote + "tool" + value_quote)) return true;
  return false;
}

}  // namespace

std::vector<std::string> go_capabilities(const ChatTemplate& go) {
  std::vector<std::string> out;
  const ChatCapabilities& c = go.capabilities();
  if (c.tools) out.push_back("tools");
  if (c.insert) out.push_back("insert");
  if (!go.thinking_tags().open.empty()) out.push_back("thinking");
  return out;
}

bool go_template_renders(const ChatTemplate& go, const std::string& jinja) {
  if (env_set(Env::OLLAMA_GO_TEMPLATE)) {
    const std::string value = env(Env::OLLAMA_GO_TEMPLATE);
    return value != "0" && value != "false" && value != "False" && value != "FALSE" &&
           value != "f" && value != "F";
  }
  if (jinja.empty()) return true;
  std::vector<std::string> own = go_capabilities(go), other = jinja_capabilities(jinja);
  const bool go_trip = go.capabilities().tool_round_trip, jinja_trip = shows_results(jinja);
  if (other.size() > own.size() && (!go_trip || jinja_trip)) return false;
  std::sort(own.begin(), own.end());
  std::sort(other.begin(), other.end());
  const bool same = own == other && go.capabilities().tools;
  return !(same && jinja_trip && !go_trip);
}

}  // namespace engine
