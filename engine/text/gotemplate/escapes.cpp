// html, js, urlquery: the printed arguments, escaped.
#include <fmt/format.h>

#include "engine/text/gotemplate/interpreter.h"
#include "engine/text/html.h"

namespace engine::gotemplate {
namespace {

using Args = std::vector<Value>;

template <class Escape>
Value escaped(Interpreter& run, const Args& args, Escape escape) {
  TextBuilder printed;
  for (size_t i = 0; i < args.size(); ++i) {
    const size_t before = printed.size();
    const bool words =
        i > 0 && !args[i].is(Value::Kind::string) && !args[i - 1].is(Value::Kind::string);
    if (words) printed.plain(" ");
    print_inner(args[i], printed);
    if (!run.spend_bytes((printed.size() - before) * 6)) return {};
  }
  std::string out;
  for (const char c : printed.bytes()) escape(c, out);
  return printed.ranges().empty() ? Value::text(std::move(out)) : Value::input(std::move(out));
}

}  // namespace

Value go_html(Interpreter& run, const Args& args) {
  return escaped(run, args, [](char c, std::string& out) {
    if (append_html_escape(c, out)) return;
    if (c == '\0')
      out += "\xef\xbf\xbd";
    else
      out += c;
  });
}

Value go_js(Interpreter& run, const Args& args) {
  return escaped(run, args, [](char c, std::string& out) {
    constexpr std::string_view kAsCode = "<>&=";
    if (c == '\\' || c == '\'' || c == '"')
      (out += '\\') += c;
    else if (static_cast<unsigned char>(c) < 0x20 || kAsCode.find(c) != kAsCode.npos)
      out += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    else
      out += c;
  });
}

Value go_urlquery(Interpreter& run, const Args& args) {
  return escaped(run, args, [](char c, std::string& out) {
    constexpr std::string_view kPlain = "-_.~";
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || kPlain.find(c) != kPlain.npos)
      out += c;
    else if (c == ' ')
      out += '+';
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  });
}

}  // namespace engine::gotemplate
