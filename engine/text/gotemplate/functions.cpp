// The table of functions, and those that look into values: not, len, index, slice, print.
#include "engine/text/gotemplate/functions.h"

#include <fmt/format.h>

#include "engine/text/gotemplate/interpreter.h"

namespace engine::gotemplate {

using VK = Value::Kind;
using Args = std::vector<Value>;

#define DECLARE_plain(name) Value go_##name(Interpreter&, const std::vector<Value>& args);
#define DECLARE_until_false(name)
#define DECLARE_until_true(name)
#define FUNCTION(name, fewest, most, kind) DECLARE_##kind(name)
#include "engine/text/gotemplate/functions.inc"

namespace {

#define CALL_plain(name) go_##name
#define CALL_until_false(name) nullptr
#define CALL_until_true(name) nullptr
constexpr Function kFunctions[] = {
#define FUNCTION(name, fewest, most, kind) \
  {#name, fewest, most, Function::Kind::kind, CALL_##kind(name)},
#include "engine/text/gotemplate/functions.inc"
};

// An index or bound of index and slice. false: an error was reported.
bool position(Interpreter& run, std::string_view function, const Value& v, int64_t most,
              int64_t* out) {
  if (!v.is(VK::integer)) {
    run.fail(fmt::format("error calling {}: cannot index slice/array with {}{}", function,
                         v.nil() ? "nil" : "type ", v.nil() ? "" : v.type_name()));
    return false;
  }
  *out = v.as_int();
  if (*out >= 0 && *out <= most) return true;
  run.fail(fmt::format("error calling {}: index out of range: {}", function, *out));
  return false;
}

Value index_once(Interpreter& run, const Value& v, const Value& key) {
  int64_t at = 0;
  switch (v.kind()) {
    case VK::list: {
      const std::vector<Value>& items = v.list().items;
      if (!position(run, "index", key, static_cast<int64_t>(items.size()) - 1, &at)) return {};
      return items[static_cast<size_t>(at)];
    }
    case VK::string: {
      const std::string& bytes = v.str().bytes;
      if (!position(run, "index", key, static_cast<int64_t>(bytes.size()) - 1, &at)) return {};
      return Value(int64_t{static_cast<unsigned char>(bytes[static_cast<size_t>(at)])});
    }
    case VK::map: {
      if (!key.is(VK::string))
        return run.fail(fmt::format("error calling index: value has type {}; should be string",
                                    key.type_name()));
      const Value* found = v.map().find(key.str().bytes);
      return found != nullptr ? *found : Value();
    }
    case VK::nil:
      return run.fail("error calling index: index of untyped nil");
    default:
      return run.fail(
          fmt::format("error calling index: can't index item of type {}", v.type_name()));
  }
}

// Space between two operands when neither is a string (`spaces`: always), as fmt.Sprint.
Value print_all(Interpreter& run, const Args& args, bool spaces, std::string_view end) {
  TextBuilder out;
  for (size_t i = 0; i < args.size(); ++i) {
    const size_t before = out.size();
    if (i > 0 && (spaces || (!args[i].is(VK::string) && !args[i - 1].is(VK::string))))
      out.plain(" ");
    print_inner(args[i], out);
    if (!run.spend_bytes(out.size() - before)) return {};
  }
  out.plain(end);
  return Value::string(out);
}

}  // namespace

const Function* find_function(std::string_view name) {
  for (const Function& f : kFunctions)
    if (f.name == name) return &f;
  return nullptr;
}

Value go_not(Interpreter&, const Args& args) {
  return Value(!args[0].truthy());
}

Value go_len(Interpreter& run, const Args& args) {
  switch (args[0].kind()) {
    case VK::string:
      return Value(static_cast<int64_t>(args[0].str().bytes.size()));
    case VK::list:
      return Value(static_cast<int64_t>(args[0].list().items.size()));
    case VK::map:
      return Value(static_cast<int64_t>(args[0].map().entries.size()));
    case VK::nil:
      return run.fail("error calling len: len of nil pointer");
    default:
      return run.fail(fmt::format("error calling len: len of type {}", args[0].type_name()));
  }
}

Value go_index(Interpreter& run, const Args& args) {
  Value v = args[0];
  for (size_t i = 1; i < args.size(); ++i) {
    v = index_once(run, v, args[i]);
    if (!run.spend_steps(1)) return {};
  }
  return v;
}

Value go_slice(Interpreter& run, const Args& args) {
  const Value& v = args[0];
  if (!v.is(VK::list) && !v.is(VK::string))
    return run.fail(
        v.nil() ? std::string("error calling slice: slice of untyped nil")
                : fmt::format("error calling slice: can't slice item of type {}", v.type_name()));
  if (v.is(VK::string) && args.size() == 4)
    return run.fail("error calling slice: cannot 3-index slice a string");
  const size_t n = v.is(VK::list) ? v.list().items.size() : v.str().bytes.size();
  int64_t bounds[3] = {0, static_cast<int64_t>(n), static_cast<int64_t>(n)};
  for (size_t i = 1; i < args.size(); ++i)
    if (!position(run, "slice", args[i], static_cast<int64_t>(n), &bounds[i - 1])) return {};
  for (int i = 0; i < 2; ++i)
    if (bounds[i] > bounds[i + 1])
      return run.fail(fmt::format("error calling slice: invalid slice index: {} > {}", bounds[i],
                                  bounds[i + 1]));
  const auto begin = static_cast<size_t>(bounds[0]), end = static_cast<size_t>(bounds[1]);
  if (v.is(VK::string)) {
    if (!run.spend_bytes(end - begin)) return {};
    TextBuilder out;
    out.part(Text{v.str().bytes, v.str().input}, begin, end);
    return Value::string(out);
  }
  if (!run.spend_bytes((end - begin) * sizeof(Value))) return {};
  List part;
  part.form = v.list().form;
  const auto first = v.list().items.begin();
  part.items.assign(first + bounds[0], first + bounds[1]);
  return Value(std::make_shared<const List>(std::move(part)));
}

Value go_print(Interpreter& run, const Args& args) {
  return print_all(run, args, false, "");
}

Value go_println(Interpreter& run, const Args& args) {
  return print_all(run, args, true, "\n");
}

Value go_printf(Interpreter& run, const Args& args) {
  if (!args[0].is(VK::string))
    return run.fail(
        fmt::format("wrong type for value; expected string; got {}", args[0].type_name()));
  TextBuilder out;
  const size_t most = run.options().limits.bytes;
  if (!print_formatted(args[0].str().bytes, std::span(args).subspan(1), most, out))
    return run.fail("the template uses too much memory");
  if (!run.spend_bytes(out.size())) return {};
  return Value::string(out);
}

Value go_call(Interpreter& run, const Args& args) {
  return run.fail(args[0].nil() ? std::string("error calling call: call of nil")
                                : fmt::format("error calling call: non-function of type {}",
                                              args[0].type_name()));
}

}  // namespace engine::gotemplate
