// Values of the template language, and the heap of one rendering that owns them.
// A Value is a small copyable handle; lists, dicts and strings live in the heap
// and go away with it, so cycles and deep nests built by a template are harmless.
// The heap also holds the budget of the rendering and its first error.
#pragma once

#include <cstdint>
#include <deque>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/core/result.h"
#include "engine/text/jinja/text.h"

namespace engine::jinja {

class Interpreter;
struct List;
struct Dict;
struct Loop;
struct Function;
struct Scope;
struct Node;

enum class Kind : uint8_t {
  undefined,
  none,
  boolean,
  integer,
  real,
  string,
  list,
  dict,
  ns,
  loop,
  function
};

struct Value {
  Kind kind = Kind::undefined;
  union {
    bool b;
    int64_t i = 0;
    double d;
    const Text* text;
    List* list;
    Dict* dict;  // dict and ns
    Loop* loop;
    Function* function;
  };

  static Value none() { return of(Kind::none); }
  static Value boolean(bool v) {
    Value r = of(Kind::boolean);
    r.b = v;
    return r;
  }
  static Value integer(int64_t v) {
    Value r = of(Kind::integer);
    r.i = v;
    return r;
  }
  static Value real(double v) {
    Value r = of(Kind::real);
    r.d = v;
    return r;
  }
  static Value string(const Text* v) {
    Value r = of(Kind::string);
    r.text = v;
    return r;
  }
  static Value of_list(List* v) {
    Value r = of(Kind::list);
    r.list = v;
    return r;
  }
  static Value of_dict(Dict* v, Kind k = Kind::dict) {
    Value r = of(k);
    r.dict = v;
    return r;
  }
  static Value of_loop(Loop* v) {
    Value r = of(Kind::loop);
    r.loop = v;
    return r;
  }
  static Value of_function(Function* v) {
    Value r = of(Kind::function);
    r.function = v;
    return r;
  }

  bool is(Kind k) const { return kind == k; }
  bool undefined() const { return kind == Kind::undefined; }
  bool missing() const { return kind == Kind::undefined || kind == Kind::none; }
  bool number() const {
    return kind == Kind::boolean || kind == Kind::integer || kind == Kind::real;
  }
  bool whole() const { return kind == Kind::boolean || kind == Kind::integer; }
  int64_t as_int() const { return kind == Kind::boolean ? b : i; }  // Requires: whole()
  // Requires: number()
  double as_real() const { return kind == Kind::real ? d : static_cast<double>(as_int()); }
  std::string_view str() const { return text->bytes; }  // Requires: a string
  bool truthy() const;

 private:
  static Value of(Kind k) {
    Value r;
    r.kind = k;
    return r;
  }
};

// Arguments of a call: by position and by name.
struct Args {
  std::vector<Value> positional;
  std::vector<std::pair<std::string_view, Value>> named;

  // The argument at `position` or called `name`; undefined when absent.
  Value get(size_t position, std::string_view name) const;
};

// Everything built in has this shape: globals (self undefined), methods,
// filters (self = input), tests (result boolean).
using Native = Value (*)(Interpreter&, const Value& self, const Args&);

struct List {
  std::vector<Value> items;
  bool tuple = false;  // prints as (1, 2)
  bool group = false;  // a pair of groupby: .grouper and .list
};

struct Dict {
  std::vector<std::pair<Value, Value>> entries;  // insertion order
};

struct Function {
  std::string_view name;
  Native native = nullptr;  // else a macro:
  Value self;
  const Node* macro = nullptr;
  Scope* scope = nullptr;  // where the macro was defined
};

struct Limits {
  size_t bytes = size_t{256} << 20;  // everything a rendering allocates, temporaries included
  size_t output = size_t{32} << 20;
  int64_t loop_iterations = 1'000'000;  // of all loops together; also the longest range()
  int64_t steps = 50'000'000;           // evaluated nodes, compared or copied elements
  int depth = 500;                      // nested evaluations, macro calls included
};

class Heap {
 public:
  explicit Heap(const Limits& limits) : limits_(limits) {}

  Value string(std::string s, bool input = false);
  Value string(TextBuilder& builder);
  Value part(const Text& t, size_t begin, size_t end);  // a slice, bytes shared
  Value part(const Text& t, std::string_view piece);    // Requires: piece points into t
  Value list(std::vector<Value> items = {}, bool tuple = false);
  Value dict(Kind kind = Kind::dict);
  Value function(Function f);
  Value from_json(const Json& json, bool input, int depth = 0);

  // Dict access; set reports unhashable keys.
  Value get(const Dict& d, const Value& key, bool* found = nullptr);
  Value get(const Dict& d, std::string_view key, bool* found = nullptr);
  void set(Dict& d, const Value& key, const Value& value);

  bool equal(const Value& a, const Value& b, int depth = 0);
  // Ordering of numbers, strings and lists: negative, 0, positive; other pairs are an error.
  int compare(const Value& a, const Value& b, int depth = 0);
  bool contains(const Value& container, const Value& item);
  // Elements of anything iterable: characters, items, keys; undefined is empty.
  bool iterate(const Value& v, std::vector<Value>* out);

  // Each returns false once the rendering has failed.
  bool spend_steps(size_t n);
  bool spend_bytes(size_t n);
  bool spend_loop(size_t n);

  // Keeps the first error. Returns undefined, so that `return heap.fail(...)` reads well.
  Value fail(std::string message, Errc code = Errc::internal);
  bool failed() const { return failed_; }
  const Error& error() const { return error_; }
  const Limits& limits() const { return limits_; }
  template <class T, class... A>
  T* make(std::deque<T>& pool, A&&... a) {
    return &pool.emplace_back(std::forward<A>(a)...);
  }

  // of lists and dicts when walked: printed, compared, converted
  static constexpr int kMaxNesting = 100;

 private:
  Limits limits_;
  size_t bytes_ = 0, steps_ = 0, loops_ = 0;
  bool failed_ = false;
  Error error_{Errc::internal, {}};
  std::deque<std::string> buffers_;
  std::deque<Text> texts_;
  std::deque<List> lists_;
  std::deque<Dict> dicts_;
  std::deque<Function> functions_;
};

const char* kind_name(const Value& v);

// format.cpp: text forms. `quoted`: strings as Python literals, as inside lists.
void print_value(Heap& heap, const Value& v, TextBuilder& out, bool quoted = false, int depth = 0);
Value to_string(Heap& heap, const Value& v);  // the string itself, or its printed form
std::string format_real(double v);            // Python's repr

struct JsonStyle {
  int64_t indent = -1;  // < 0: one line
  bool ensure_ascii = false, sort_keys = false;
  std::string item_separator = ", ", key_separator = ": ";
};
void print_json(Heap& heap, const Value& v, const JsonStyle& style, TextBuilder& out,
                int depth = 0);
// Python's % operator and str.format.
Value format_percent(Heap& heap, const Text& pattern, const std::vector<Value>& values,
                     const Value& mapping);
Value format_braces(Heap& heap, const Text& pattern, const Args& args);

}  // namespace engine::jinja
