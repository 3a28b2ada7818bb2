// What a chat template writes for calls whose names and arguments are known: the material from which
// the format of its model is found.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "engine/text/chat_template.h"
#include "engine/text/output/call_reader.h"

namespace engine {

// Of the first call: two arguments, a text and a number.
inline constexpr std::string_view kFirstName = "probefn", kFirstKey = "keyone",
                                  kFirstValue = "valueone", kSecondKey = "keytwo",
                                  kSecondValue = "41795";
// Of the second: one text.
inline constexpr std::string_view kOtherName = "otherfn", kOtherKey = "keysix",
                                  kOtherValue = "valuesix";
inline constexpr std::string_view kSampleId = "callid001";  // of every call

std::shared_ptr<const Json> sample_tools();
ToolCalls sample_calls(size_t n);  // the first n of the two

struct FormatSamples {
  std::string one,
      two;            // what a call, and two, add to an answer with content; two: "" if not shown
  std::string alone;  // what one call adds to an answer without content
  std::string think, think_end;  // around reasoning; empty: not shown, or not told apart
  std::string lead;              // in front of the content of every answer
};

// nullopt: the template shows no calls, or not in a way that can be told apart.
// A few renderings; it stops early with a template that takes long.
std::optional<FormatSamples> format_samples(const ChatTemplate& chat);

}  // namespace engine
