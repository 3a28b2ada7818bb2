// Three layouts are told apart: JSON with the name in it, a name and JSON, a name and parameters one
// by one. What stands around one call is what one call and two calls have in common.
// Whatever is found must read the rendering back, or it is given up.
#include "engine/text/output/format_analysis.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/text/output/answer_parser.h"
#include "engine/text/output/blanks.h"
#include "engine/text/output/format_samples.h"
#include "engine/text/output/format_texts.h"

namespace engine {
namespace {

constexpr size_t kMaxSample = 16384;  // bytes of calls that are looked at

// A part of a text.
struct Span {
  size_t begin = std::string_view::npos, end = 0;
  explicit operator bool() const { return begin != std::string_view::npos; }
};

Span find_text(std::string_view text, std::string_view what, size_t from) {
  const size_t at = from <= text.size() ? text.find(what, from) : text.npos;
  return at == text.npos ? Span() : Span{at, at + what.size()};
}

// The JSON value that begins at `at`.
Span json_at(std::string_view text, size_t at, Json& out) {
  const size_t end = JsonScanner().end_of(text, at);
  if (end == JsonScanner::kOpen) return {};
  Result<Json> value = parse_whole_json(text.substr(at, end - at));
  if (!value) return {};
  out = std::move(*value);
  return {at, end};
}

// The first JSON value from `from` on that what lies in; nothing begins behind `what`.
Span json_around(std::string_view text, size_t from, Span what, Json& out) {
  for (size_t at = from; what && at < what.begin; ++at) {
    if (text[at] != '{' && text[at] != '[') continue;
    const Span found = json_at(text, at, out);
    if (found && found.end > what.end) return found;
  }
  return {};
}

// The first object behind `from` that has this member.
Span object_with(std::string_view text, size_t from, std::string_view key, Json& out) {
  for (size_t at = from; (at = text.find('{', at)) != text.npos; ++at) {
    const Span found = json_at(text, at, out);
    if (found && out.is_object() && out.contains(std::string(key))) return found;
  }
  return {};
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (size_t at = 0; (at = text.find(what, at)) != text.npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

// What a call is shown between.
struct Frame {
  std::string_view before, after;  // of the first call, and of the last
  std::string_view between;        // of the two
  bool several = false;            // two were shown
  // Out of these: of all calls, of each one, and what two calls have between them.
  std::string_view section, section_end, open, close, gap;

  void split() {
    open = before, close = after;
    if (!several) return;
    const size_t o = common_end(before, between);
    const size_t c = std::min(common_start(between, after), between.size() - o);
    open = before.substr(before.size() - o), section = before.substr(0, before.size() - o);
    close = after.substr(0, c), section_end = after.substr(c);
    gap = between.substr(c, between.size() - o - c);
  }
};

class Analysis {
 public:
  explicit Analysis(const FormatSamples& samples) : samples_(samples) {}

  // nullptr: no layout that can be told.
  std::shared_ptr<OwnFormat> run() {
    if (one_.empty() || one_.size() > kMaxSample || two_.size() > kMaxSample) return nullptr;
    for (;;) {
      for (const auto layout : {&Analysis::json, &Analysis::name_and_json, &Analysis::parameters}) {
        auto out = std::make_shared<OwnFormat>();
        ending_ = {};
        if ((this->*layout)(*out) && read_back(*out)) return out;
      }
      if (two_.empty()) return nullptr;
      two_ = {};  // the second call is shown in a way of its own: calls come one at a time
    }
  }

 private:
  bool json(OwnFormat& out);
  bool members(const Json& value, OwnFormat& out) const;
  bool name_and_json(OwnFormat& out);
  bool parameters(OwnFormat& out);
  bool frame(Frame& f, OwnFormat& out);
  bool split_opening(OwnFormat& out, bool at_blanks) const;
  void openings(OwnFormat& out);
  bool read_back(const OwnFormat& format) const;
  std::string hole(std::string_view text) const {
    return replaced(std::string(text), kSampleId, "$index");
  }

  const FormatSamples& samples_;
  std::string_view one_ = samples_.one, two_ = samples_.two;
  std::string_view ending_;  // behind all calls: tokens that end the answer
};

// Whether a text in front of calls is one that no other text has, and no beginning of JSON.
bool marks_calls(std::string_view text, CallBody body) {
  const auto is_sign = [](char c) {
    return std::string_view("<>[]|:=#`@$~").find(c) != std::string_view::npos;
  };
  return text.size() > 1 && std::any_of(text.begin(), text.end(), is_sign) &&
         text.find('{') == text.npos && (body != CallBody::json || text.find('"') == text.npos);
}

// The texts around calls, of a frame that is filled in.
bool Analysis::frame(Frame& f, OwnFormat& out) {
  f.split();
  std::string_view open = trimmed(f.open), close = trimmed(f.close), section = trimmed(f.section),
                   section_end = trimmed(f.section_end);
  if (!marks_calls(section.empty() ? open : section, out.body)) return false;
  // Of several tags behind the calls the first is their end, the rest that of the answer; where
  // nothing opens them, all are.
  if (const std::string_view first = first_of_tags(section_end); !first.empty()) {
    ending_ = section.empty() ? section_end : trimmed(section_end.substr(first.size()));
    section_end = section.empty() ? std::string_view() : first;
  } else if (section.empty() && !section_end.empty()) {
    return false;
  }
  if (!trimmed(f.gap).empty() && trimmed(f.gap) != ",") return false;
  for (const std::string_view text : {section, section_end, close})
    if (text.find(kSampleId) != text.npos) return false;
  out.section = out.keep(std::string(section));
  out.section_end = out.keep(std::string(section_end));
  out.open = out.keep(std::string(open));
  out.close = out.keep(std::string(close));
  out.layout.begin = out.keep(std::string(f.section.substr(leading_blanks(f.section))));
  const std::string_view blanks = f.section_end.substr(0, leading_blanks(f.section_end));
  out.layout.end = out.keep(section.empty() ? "" : std::string(blanks) + std::string(section_end));
  out.layout.between = out.keep(std::string(f.gap));
  out.layout.single = !f.several;
  return true;
}

// An answer without content may begin with less than one with content: both open the calls.
void Analysis::openings(OwnFormat& out) {
  std::string_view& first = out.section.empty() ? out.open : out.section;
  const Span name = find_text(samples_.alone, kFirstName, 0);
  if (!name || first.empty()) return;
  const std::string_view alone = std::string_view(samples_.alone).substr(0, name.begin);
  // The shortest end of the opening that a call without content begins with.
  const std::string_view rest = trimmed(alone);
  if (rest.starts_with(first)) return;
  for (size_t at = 1; at < first.size(); ++at) {
    const std::string_view shorter = trimmed(first.substr(at));
    if (shorter.size() < 3 || !rest.starts_with(shorter)) continue;
    if (common_end(first, shorter) != shorter.size()) continue;
    const std::string both = fmt::format("{} & {}", first, shorter);
    // Calls that are asked for begin the answer.
    std::string_view& begin = out.section.empty() ? out.layout.call : out.layout.begin;
    if (const size_t lead = begin.find(shorter); lead != begin.npos) begin.remove_prefix(lead);
    first = out.keep(both);
    return;
  }
}

// Which members of an object are the name and the arguments.
bool Analysis::members(const Json& value, OwnFormat& out) const {
  const Json* object = value.is_array() && !value.empty() ? &value[0] : &value;
  if (!object->is_object()) return false;
  const std::string first(kFirstName);
  if (object->contains(first)) return out.key_is_name = (*object)[first].is_object();
  const auto inner = object->find("function");
  if (inner != object->end() && inner->is_object()) object = &*inner;
  std::string name, arguments;
  for (const auto& [key, member] : object->items()) {
    if (member == Json(first)) name = key;
    const bool quoted = member.is_string() &&
                        member.get_ref<const std::string&>().find(kFirstKey) != std::string::npos;
    if (quoted || (member.is_object() && member.contains(std::string(kFirstKey)))) arguments = key;
  }
  if (name.empty() || arguments.empty()) return false;
  if (name != "name" && name != "tool_name") out.name_key = out.keep(name);
  if (arguments != "arguments" && arguments != "parameters")
    out.arguments_key = out.keep(arguments);
  return true;
}

bool Analysis::json(OwnFormat& out) {
  Json value, ignored;
  const Span call = json_around(one_, 0, find_text(one_, kFirstName, 0), value);
  if (!call || !members(value, out)) return false;
  out.body = CallBody::json;
  Frame f{one_.substr(0, call.begin), one_.substr(call.end), {}, false, {}, {}, {}, {}, {}};
  Span object = call;
  if (!two_.empty()) {
    const Span first = json_around(two_, 0, find_text(two_, kFirstName, 0), ignored);
    Span second = find_text(two_, kOtherName, 0);
    if (!first || !second) return false;
    if (value.is_array() && second.end < first.end) {
      // One list of all calls; its brackets belong to the layout alone.
      object = json_around(one_, call.begin + 1, find_text(one_, kFirstName, 0), ignored);
      const Span a = json_around(two_, first.begin + 1, find_text(two_, kFirstName, 0), ignored);
      const Span b = a ? json_around(two_, a.end, second, ignored) : Span();
      if (!object || !b) return false;
      if (!frame(f, out)) return false;
      const size_t lead = one_.substr(0, call.begin).find_first_not_of(kBlanks);
      if (lead == one_.npos) return false;
      out.layout.begin = out.keep(hole(one_.substr(lead, object.begin - lead)));
      out.layout.end = out.keep(std::string(one_.substr(object.end)));
      out.layout.between = out.keep(std::string(two_.substr(a.end, b.begin - a.end)));
      out.layout.single = false;
    } else {
      second = json_around(two_, first.end, second, ignored);
      if (!second) return false;
      f.between = two_.substr(first.end, second.begin - first.end);
      f.after = two_.substr(second.end);
      f.several = true;
    }
  }
  const bool list = object.begin != call.begin;
  if (!list && !frame(f, out)) return false;
  if (out.open.find(kSampleId) != out.open.npos) return false;
  std::string text(one_.substr(object.begin, object.end - object.begin));
  const Span arguments = object_with(text, 1, kFirstKey, ignored);
  const size_t name = text.find(kFirstName);
  if (arguments && name < arguments.begin) {
    text.replace(arguments.begin, arguments.end - arguments.begin, "$arguments");
    text.replace(name, kFirstName.size(), "$name");
    if (!list) text = std::string(f.open) + text + std::string(f.close);
    const size_t lead = leading_blanks(text);
    out.layout.call = out.keep(hole(text.substr(lead)));
  }
  openings(out);
  return true;
}

// In front of the name may be an id, and a tag of its own.
bool Analysis::split_opening(OwnFormat& out, bool at_blanks) const {
  size_t end = out.open.find(kSampleId), next = end + kSampleId.size();
  if (end == out.open.npos && at_blanks) {
    end = out.open.find_first_of(kBlanks), next = end;
    // A blank in the middle of a tag is none between two.
    if (end != out.open.npos && last_tag(out.open.substr(0, end)).empty()) end = out.open.npos;
  }
  if (end == out.open.npos) return true;
  out.name_tag = trimmed(out.open.substr(next));
  out.open = trimmed(out.open.substr(0, end));
  return !out.open.empty() && !out.name_tag.empty();
}

bool Analysis::name_and_json(OwnFormat& out) {
  Json ignored;
  const Span name = find_text(one_, kFirstName, 0);
  const Span arguments = name ? object_with(one_, name.end, kFirstKey, ignored) : Span();
  if (!arguments) return false;
  out.body = CallBody::name_json;
  std::string_view separator = one_.substr(name.end, arguments.begin - name.end);
  const std::string_view head = separator;
  Frame f{one_.substr(0, name.begin), one_.substr(arguments.end), {}, false, {}, {}, {}, {}, {}};
  if (!two_.empty()) {
    const Span first = find_text(two_, kFirstName, 0);
    const Span a = first ? object_with(two_, first.end, kFirstKey, ignored) : Span();
    const Span other = a ? find_text(two_, kOtherName, a.end) : Span();
    const Span b = other ? object_with(two_, other.end, kOtherKey, ignored) : Span();
    if (!b) return false;
    f.between = two_.substr(a.end, other.begin - a.end);
    f.after = two_.substr(b.end);
    f.several = true;
    // A number of the call may be part of it.
    const std::string_view next = two_.substr(other.end, b.begin - other.end);
    separator = separator.substr(0, common_start(separator, next));
  }
  separator = separator.substr(0, separator.find(kSampleId));
  if (!frame(f, out)) return false;
  if (!split_opening(out, false)) return false;
  out.separator = out.keep(std::string(trimmed(separator)));
  // The parser takes fences behind the arguments for white space.
  if (!out.separator.empty())
    out.close.remove_prefix(std::min(out.close.find_first_not_of("` \r\n"), out.close.size()));
  const std::string call =
      std::string(f.open) + "$name" + std::string(head) + "$arguments" + std::string(f.close);
  out.layout.call = out.keep(hole(call.substr(leading_blanks(call))));
  openings(out);
  return true;
}

bool Analysis::parameters(OwnFormat& out) {
  const Span name = find_text(one_, kFirstName, 0), key = find_text(one_, kFirstKey, name.end);
  const Span value = find_text(one_, kFirstValue, key.end);
  const Span key2 = find_text(one_, kSecondKey, value.end);
  const Span value2 = find_text(one_, kSecondValue, key2.end);
  if (!name || !key || !value || !key2 || !value2) return false;
  const auto part = [this](Span a, Span b) { return one_.substr(a.end, b.begin - a.end); };
  const std::string_view to_key = part(name, key);
  std::string_view to_value = part(key, value), to_next = part(value, key2);
  std::string_view after = one_.substr(value2.end);
  out.body = CallBody::framed;
  if (to_value != part(key2, value2)) {
    // Texts in quotes and numbers without: JSON.
    if (!to_value.ends_with('"') || !to_next.starts_with('"')) return false;
    to_value.remove_suffix(1), to_next.remove_prefix(1);
    if (to_value != part(key2, value2)) return false;
    out.values = ValueText::json;
  }
  const size_t parameter = common_end(to_key, to_next);
  const size_t value_end = std::min(common_start(to_next, after), to_next.size() - parameter);
  const std::string_view gap = to_next.substr(value_end, to_next.size() - value_end - parameter);
  out.parameter = trimmed(to_key.substr(to_key.size() - parameter));
  out.parameter_end = trimmed(to_next.substr(0, value_end));
  out.name_end = to_key.substr(0, to_key.size() - parameter);
  out.key_end = to_value;
  if (out.parameter.empty() || out.parameter_end.empty() || trimmed(to_value).empty() ||
      !trimmed(gap).empty())
    return false;
  after.remove_prefix(value_end);
  Frame f{one_.substr(0, name.begin), after, {}, false, {}, {}, {}, {}, {}};
  if (!two_.empty()) {
    const Span last = find_text(two_, kSecondValue, 0);
    const Span other = last ? find_text(two_, kOtherName, last.end) : Span();
    if (!other || two_.substr(last.end, value_end) != to_next.substr(0, value_end)) return false;
    f.between = two_.substr(last.end + value_end, other.begin - last.end - value_end);
    const Span end = find_text(two_, kOtherValue, other.end);
    const size_t quote = out.values == ValueText::json ? 1 : 0;
    if (!end || two_.substr(end.end + quote, value_end) != to_next.substr(0, value_end))
      return false;
    f.after = two_.substr(end.end + quote + value_end);
    f.several = true;
  }
  if (!frame(f, out) || out.close.empty() || out.open.empty() || !split_opening(out, true))
    return false;
  // Only the last tag ends the call for sure, whatever white space is in front of it.
  if (const size_t last = out.close.find_last_of(kBlanks);
      last != out.close.npos && last_tag(out.close) == out.close.substr(last + 1)) {
    out.call_end = trimmed(out.close.substr(0, last));
    out.close = out.close.substr(last + 1);
  }
  const std::string call = std::string(f.open) + "$name" + std::string(out.name_end) +
                           "$parameters" + std::string(f.close);
  out.layout.call = out.keep(hole(call.substr(leading_blanks(call))));
  // In the grammar of a call the white space behind a parameter is part of it.
  out.layout.parameter =
      out.keep(std::string(to_key.substr(to_key.size() - parameter)) + "$key" +
               std::string(to_value) + "$value" + std::string(to_next.substr(0, value_end)));
  out.layout.separator = out.keep(std::string(gap));
  for (std::string_view* text : {&out.parameter, &out.parameter_end, &out.name_end, &out.key_end})
    *text = out.keep(std::string(*text));
  openings(out);
  return true;
}

// Both samples, read with the format, are the calls that they were made from.
bool Analysis::read_back(const OwnFormat& format) const {
  for (const size_t n : {1, 2}) {
    std::string_view text = n == 1 ? one_ : two_;
    if (text.empty()) continue;
    text = trimmed(text);
    if (!ending_.empty() && text.ends_with(ending_)) text.remove_suffix(ending_.size());
    AnswerRules rules;
    rules.format = &format;
    rules.tools = sample_tools();
    AnswerParser parser(rules);
    AnswerPart part = parser.push(text);
    AnswerPart rest = parser.finish();
    std::move(rest.calls.begin(), rest.calls.end(), std::back_inserter(part.calls));
    const ToolCalls want = sample_calls(n);
    const bool same = std::equal(part.calls.begin(), part.calls.end(), want.begin(), want.end(),
                                 [](const ChatToolCall& a, const ChatToolCall& b) {
                                   return a.name == b.name && a.arguments == b.arguments;
                                 });
    if (!same || !trimmed(part.content + rest.content).empty()) return false;
  }
  return true;
}

// Calls cannot be forced where a text of the template looks like a hole of the layout.
void drop_odd_layout(AnswerFormat& out) {
  std::string all;
  for (const std::string_view text : {out.layout.begin, out.layout.end, out.layout.call,
                                      out.layout.between, out.layout.parameter})
    all += text;
  for (const std::string_view known :
       {"$name", "$arguments", "$parameters", "$key", "$value", "$index"})
    all = replaced(all, known, "");
  if (all.find('$') != all.npos) out.layout = {};
}

// A name that tells formats apart that differ.
std::string_view name_for(OwnFormat& out) {
  std::string all = fmt::format("{} {}", static_cast<int>(out.body), static_cast<int>(out.values));
  for (const std::string& text : out.texts) all += fmt::format(" {}:{}", text.size(), text);
  return out.keep(fmt::format("template-{:016x}", std::hash<std::string>()(all)));
}

// The format with the suffix in front of every `>` of its tags, as far as the template shows it.
FormatPtr with_suffix(const AnswerFormat& listed, const ChatTemplate& chat) {
  const std::optional<FormatSamples> samples = format_samples(chat);
  const size_t tag_end = listed.name_end.size() - 1;  // without >
  const std::string_view tag = listed.name_end.substr(0, tag_end);
  const std::string shown = samples ? samples->one : std::string();
  const size_t at = shown.find(tag);
  const size_t end = at == shown.npos ? at : shown.find('>', at);
  if (end == shown.npos || end == at + tag_end) return listed_format(listed);
  const std::string by = shown.substr(at + tag_end, end + 1 - at - tag_end);
  auto out = std::make_shared<OwnFormat>();
  static_cast<AnswerFormat&>(*out) = listed;
  for (std::string_view* text :
       {&out->section, &out->section_end, &out->open, &out->close, &out->parameter,
        &out->parameter_end, &out->name_end, &out->key_end, &out->layout.begin, &out->layout.end,
        &out->layout.call, &out->layout.parameter})
    *text = out->keep(replaced(std::string(*text), ">", by));
  if (!samples->think.empty()) {
    out->think = out->keep(samples->think);
    out->think_end = out->keep(samples->think_end);
  }
  out->name = name_for(*out);
  return out;
}

}  // namespace

FormatPtr analyse_format(const ChatTemplate& chat) {
  const std::optional<FormatSamples> samples = format_samples(chat);
  if (!samples) return nullptr;
  std::shared_ptr<OwnFormat> out = Analysis(*samples).run();
  const bool calls = out != nullptr;
  if (!calls) {
    if (samples->think.empty()) return nullptr;
    out = std::make_shared<OwnFormat>();
    static_cast<AnswerFormat&>(*out) = answer_formats().back();
  }
  if (!samples->think.empty()) {
    out->think = out->keep(samples->think);
    out->think_end = out->keep(samples->think_end);
  }
  if (calls && !samples->lead.empty()) out->dropped = out->keep(samples->lead);
  drop_odd_layout(*out);
  out->name = name_for(*out);
  return out;
}

FormatPtr answer_format_of(const ChatTemplate& chat) {
  const AnswerFormat& listed = detect_answer_format(chat.source());
  if (!chat.call_tag().empty()) return listed_format(listed);  // a Go template says it itself
  if (listed.suffixed) return with_suffix(listed, chat);
  if (!listed.templates.empty()) return listed_format(listed);
  const FormatPtr found = analyse_format(chat);
  return found ? found : listed_format(listed);
}

}  // namespace engine
