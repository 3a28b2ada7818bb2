#include "server/cli/shell_completion.h"

#include <fmt/format.h>

#include <vector>

#include "server/cli/flags.h"

namespace engine::cli {
namespace {

std::vector<std::string> flags_of(const Verb& verb) {
  std::vector<std::string> out;
  for (const Flag& flag : verb.flags) {
    if (flag.help == nullptr) continue;
    for (std::string& name : flag_names(flag)) out.push_back(std::move(name));
  }
  out.emplace_back("--help");
  return out;
}

bool wants_model(const Verb& verb) {
  return std::string_view(verb.arguments).find("MODEL") != std::string_view::npos;
}

std::string names_of_verbs() {
  std::string out;
  for (const Verb* verb : verbs()) out += (out.empty() ? "" : " ") + std::string(verb->name);
  return out;
}

// A single-quoted word of a shell.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string bash() {
  std::string out =
      "# bash completion for engine: source <(engine completion bash)\n"
      "_engine() {\n"
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" flags='' models=''\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W " +
      quoted(names_of_verbs()) +
      " -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "  case \"${COMP_WORDS[1]}\" in\n";
  for (const Verb* verb : verbs()) {
    out += fmt::format("    {}{}) flags={}{} ;;\n", verb->name,
                       *verb->alias ? "|" + std::string(verb->alias) : "",
                       quoted(fmt::format("{}", fmt::join(flags_of(*verb), " "))),
                       wants_model(*verb) ? " models=yes" : "");
  }
  return out +
         "  esac\n"
         "  if [[ \"$word\" == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))\n"
         "    return\n"
         "  fi\n"
         "  COMPREPLY=($(compgen -f -- \"$word\"))\n"
         "  if [ -n \"$models\" ]; then\n"
         "    COMPREPLY+=($(compgen -W \"$(engine list -q 2>/dev/null)\" -- \"$word\"))\n"
         "    type __ltrim_colon_completions >/dev/null 2>&1 && __ltrim_colon_completions "
         "\"$word\"\n"
         "  fi\n"
         "}\n"
         "complete -o filenames -F _engine engine\n";
}

std::string zsh() {
  std::string out =
      "#compdef engine\n"
      "# zsh completion for engine: source <(engine completion zsh)\n"
      "_engine() {\n"
      "  local -a names flags\n"
      "  if (( CURRENT == 2 )); then\n"
      "    names=(\n";
  for (const Verb* verb : verbs())
    out += fmt::format("      {}\n", quoted(fmt::format("{}:{}", verb->name, verb->summary)));
  out +=
      "    )\n"
      "    _describe verb names\n"
      "    return\n"
      "  fi\n"
      "  local models=''\n"
      "  case \"$words[2]\" in\n";
  for (const Verb* verb : verbs()) {
    out += fmt::format("    {}{}) flags=({}){} ;;\n", verb->name,
                       *verb->alias ? "|" + std::string(verb->alias) : "",
                       fmt::join(flags_of(*verb), " "), wants_model(*verb) ? "; models=yes" : "");
  }
  return out +
         "  esac\n"
         "  if [[ \"$words[CURRENT]\" == -* ]]; then\n"
         "    compadd -- $flags\n"
         "    return\n"
         "  fi\n"
         "  [[ -n \"$models\" ]] && compadd -- ${(f)\"$(engine list -q 2>/dev/null)\"}\n"
         "  _files\n"
         "}\n"
         "if [ \"$funcstack[1]\" = \"_engine\" ]; then _engine \"$@\"; else compdef _engine "
         "engine; fi\n";
}

std::string fish() {
  std::string out = "# fish completion for engine: engine completion fish | source\n";
  for (const Verb* verb : verbs())
    out += fmt::format("complete -c engine -f -n __fish_use_subcommand -a {} -d {}\n", verb->name,
                       quoted(verb->summary));
  for (const Verb* verb : verbs()) {
    const std::string here =
        fmt::format("complete -c engine -n '__fish_seen_subcommand_from {}'", verb->name);
    for (const Flag& flag : verb->flags) {
      if (flag.help == nullptr) continue;
      std::string names;
      for (const std::string& name : flag_names(flag)) {
        names += name.starts_with("--") ? " -l " + name.substr(2)
                 : name.size() == 2     ? " -s " + name.substr(1)
                                        : " -o " + name.substr(1);
      }
      out +=
          fmt::format("{}{}{} -d {}\n", here, names, *flag.value ? " -r" : "", quoted(flag.help));
    }
    if (wants_model(*verb)) out += here + " -a '(engine list -q 2>/dev/null)'\n";
  }
  return out;
}

}  // namespace

std::string shell_completion(std::string_view shell) {
  return shell == "bash" ? bash() : shell == "zsh" ? zsh() : shell == "fish" ? fish() : "";
}

}  // namespace engine::cli
