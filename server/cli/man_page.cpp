#include "server/cli/man_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "engine/core/env.h"
#include "server/cli/flags.h"
#include "server/version.h"

namespace engine::cli {
namespace {

// Plain text as roff: no line of it is a request, no hyphen is typographic.
std::string roff(std::string_view text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    line_begins = c == '\n';
  }
  return out;
}

std::string capital(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  return text;
}

// Lines of the help, which are laid out for a terminal.
std::string as_it_stands(std::string_view text) {
  return fmt::format(".PP\n.nf\n{}\n.fi\n", roff(text));
}

std::string flag_entry(const Flag& flag) {
  std::string names;
  std::string_view rest = flag.names;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    names += fmt::format("{}\\fB{}\\fR", names.empty() ? "" : ", ", roff(rest.substr(0, comma)));
    rest.remove_prefix(std::min(rest.size(), comma + 1));
  }
  std::string value;
  if (flag.value[0] == '[') {
    value = fmt::format("[=\\fI{}\\fR", roff(flag.value + 1));
  } else if (flag.value[0] != 0) {
    value = fmt::format(" \\fI{}\\fR", roff(flag.value));
  }
  return fmt::format(".TP\n{}{}\n{}\n", names, value, roff(flag.help));
}

std::string verb_section(const Verb& verb) {
  std::string out =
      fmt::format(".SS \"engine {}{}{}\"\n{}.\n", roff(verb.name), *verb.arguments ? " " : "",
                  roff(verb.arguments), roff(verb.summary));
  if (*verb.alias) out += fmt::format("Also \\fBengine {}\\fR.\n", roff(verb.alias));
  if (*verb.details) out += as_it_stands(verb.details);
  for (const Flag& flag : verb.flags)
    if (flag.help != nullptr) out += flag_entry(flag);
  return out;
}

std::string environment() {
  std::string out = ".SH ENVIRONMENT\n\\fBengine env\\fR shows the values in use.\n";
  for (const EnvInfo& info : env_list()) {
    out += fmt::format(".TP\n\\fB{}\\fR\n{}{}.\n", info.name, roff(capital(info.help)),
                       *info.fallback ? fmt::format(" (default {})", roff(info.fallback)) : "");
  }
  return out;
}

struct Name {
  const char *program, *verb;
};
constexpr Name kNames[] = {
    {"ollama", ""},
#define LLAMA_NAME(program, verb) {program, verb},
#include "server/cli/llama/names.inc"
};

std::string other_names() {
  std::string out = ".SH OTHER NAMES\nCalled by one of these names, the program acts as a verb.\n";
  for (const Name& name : kNames) {
    if (*name.verb != 0 && find_verb(name.verb) == nullptr) continue;
    out += fmt::format(".TP\n\\fB{}\\fR\nengine{}{}\n", roff(name.program), *name.verb ? " " : "",
                       roff(name.verb));
  }
  return out;
}

constexpr const char* kHead =
    R"(.SH NAME
engine \- run large language models on this machine
.SH SYNOPSIS
.B engine
.I VERB
[\fIarguments\fR] [\fIflags\fR]
.SH DESCRIPTION
.B engine
answers with large language models in GGUF files, on the command line and as a server with the APIs of Ollama, OpenAI and Anthropic.
Models come from a store that it can share with Ollama, or are files.
.PP
.I MODEL
is a name that \fBengine list\fR shows, or the path of a GGUF file.
Results go to the standard output, progress and warnings to the standard error.
.SH VERBS
Every verb has the flag \fB\-\-help\fR.
)";

constexpr const char* kTail =
    R"(.SH FILES
.TP
.I ~/.ollama/models
The model store, unless \fBOLLAMA_MODELS\fR names another.
.SH EXIT STATUS
0: success. 1: an error, told by one line on the standard error. 130: interrupted.
.SH EXAMPLES
.nf
engine run ./model.gguf "Why is the sky blue?"
OLLAMA_HOST=0.0.0.0:11434 engine serve
.fi
.SH SEE ALSO
The file API.md of the documentation describes the interfaces for programs.
)";

}  // namespace

std::string man_page() {
  std::string out =
      fmt::format(".TH ENGINE 1 \"\" \"engine {}\" \"User Commands\"\n{}", kEngineVersion, kHead);
  for (const Verb* verb : verbs()) out += verb_section(*verb);
  return out + environment() + other_names() + kTail;
}

}  // namespace engine::cli
