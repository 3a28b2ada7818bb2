// How a template's model writes calls and reasoning, found out from what the template makes of calls
// that are known. For templates that no line of tool_formats.inc knows, and for tags that have a part which
// only a rendering shows.
#pragma once

#include "engine/text/chat_template.h"
#include "engine/text/output/answer_format.h"

namespace engine {

// The format of answers to this template, of the list or found; never null.
FormatPtr answer_format_of(const ChatTemplate& chat);

// Found from renderings alone, whatever the list says. nullptr: calls are not shown, not told apart,
// or not read back as they were.
FormatPtr analyse_format(const ChatTemplate& chat);

}  // namespace engine
