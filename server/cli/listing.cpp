// Listings.
#include "server/cli/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "engine/store/describe.h"
#include "engine/store/name.h"
#include "server/cli/fields.h"
#include "server/cli/forms.h"

namespace engine::cli {
namespace {

// Words of a text as lines of at most `width` columns.
std::vector<std::string> wrapped(const std::string& text, int width) {
  std::vector<std::string> lines(1);
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (!lines.back().empty() && display_width(lines.back()) + 1 + display_width(word) > width)
      lines.emplace_back();
    lines.back() += (lines.back().empty() ? "" : " ") + word;
  }
  return lines;
}

std::string section(const char* title, const std::vector<std::vector<std::string>>& rows,
                    int wrap = 30) {
  Table table({});
  for (const auto& cells : rows) {
    std::vector<std::string> first = {""};
    std::vector<std::vector<std::string>> more;  // further lines of cells that were too long
    for (size_t i = 0; i < cells.size(); ++i) {
      const std::vector<std::string> lines = wrapped(cells[i], wrap);
      first.push_back(lines[0]);
      for (size_t l = 1; l < lines.size(); ++l) {
        if (more.size() < l) more.emplace_back(cells.size() + 1);
        more[l - 1][i + 1] = lines[l];
      }
    }
    table.row(first);
    for (auto& row : more) table.row(std::move(row));
  }
  return fmt::format("  {}\n{}\n", title, table.text());
}

std::string value_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return fmt::format("{:g}", value.get<double>());
  if (!value.is_array()) return dump_json(value);
  std::string out = "[";
  size_t shown = 0;
  for (const Json& item : value) {
    const std::string next = (shown ? " " : "") + value_text(item);
    if (out.size() + next.size() > 10) break;
    out += next;
    ++shown;
  }
  return shown == value.size() ? out + "]"
                               : out + fmt::format(" ...+{} more]", value.size() - shown);
}

std::vector<std::vector<std::string>> projector_rows(const Json& info) {
  const std::string arch = text_of(info, "general.architecture");
  std::vector<std::vector<std::string>> rows = {{"architecture", arch}};
  if (const int64_t n = number_of(info, "general.parameter_count"); n > 0)
    rows.push_back({"parameters", parameter_text(n)});
  for (const auto& [key, name] : {std::pair{".vision.embedding_length", "embedding length"},
                                  {".vision.projection_dim", "dimensions"}}) {
    if (const int64_t n = number_of(info, arch + key); n > 0)
      rows.push_back({name, fmt::format("{}", n)});
  }
  return rows;
}

}  // namespace

Status print_models(Client& client, const std::string& prefix) {
  ENGINE_TRY(tags, client.get("/api/tags"));
  Table table({"NAME", "ID", "SIZE", "MODIFIED"});
  for (const Json& m : part_of(tags, "models")) {
    const std::string name = text_of(m, "name");
    if (!equal_ignoring_case(std::string_view(name).substr(0, prefix.size()), prefix)) continue;
    table.row({name, text_of(m, "digest").substr(0, 12),
               text_of(m, "remote_model").empty() ? bytes_text(number_of(m, "size")) : "-",
               ago_text(parse_time(text_of(m, "modified_at")), std::time(nullptr), "Never")});
  }
  fmt::print("{}", table.text());
  return ok;
}

std::string model_info_text(const Json& shown, bool verbose) {
  const Json& details = part_of(shown, "details");
  const Json& info = part_of(shown, "model_info");
  std::string arch = text_of(info, "general.architecture");
  if (arch.empty()) arch = text_of(details, "family");
  std::vector<std::vector<std::string>> rows;
  if (const std::string remote = text_of(shown, "remote_model"); !remote.empty()) {
    rows.push_back({"Remote model", remote});
    rows.push_back({"Remote URL", text_of(shown, "remote_host")});
  }
  rows.push_back({"architecture", arch});
  if (const int64_t n = number_of(info, "general.parameter_count"); n > 0)
    rows.push_back({"parameters", parameter_text(n)});
  else if (const std::string s = text_of(details, "parameter_size"); !s.empty())
    rows.push_back({"parameters", s});
  if (const int64_t n = number_of(info, arch + ".context_length"); n > 0)
    rows.push_back({"context length", fmt::format("{}", n)});
  if (const int64_t n = number_of(info, arch + ".embedding_length"); n > 0)
    rows.push_back({"embedding length", fmt::format("{}", n)});
  if (const std::string q = text_of(details, "quantization_level"); !q.empty())
    rows.push_back({"quantization", q});
  if (const std::string r = text_of(shown, "requires"); !r.empty()) rows.push_back({"requires", r});
  std::string out = section("Model", rows);

  if (const Json& list = part_of(shown, "capabilities"); list.is_array() && !list.empty()) {
    rows.clear();
    for (const Json& c : list) rows.push_back({value_text(c)});
    out += section("Capabilities", rows);
  }
  if (const Json& projector = part_of(shown, "projector_info");
      projector.is_object() && !projector.empty())
    out += section("Projector", projector_rows(projector));
  if (const std::string parameters = text_of(shown, "parameters"); !parameters.empty()) {
    rows.clear();
    std::istringstream lines(parameters);
    for (std::string line; std::getline(lines, line);) {
      std::vector<std::string> cells;
      std::istringstream words(line);
      for (std::string w; words >> w;) cells.push_back(w);
      rows.push_back(std::move(cells));
    }
    out += section("Parameters", rows);
  }
  if (const std::string text = text_of(shown, "description"); !text.empty())
    out += section("Description", {{text}}, 100);
  if (const Json& training = part_of(shown, "training"); training.is_object()) {
    rows.clear();
    for (const auto& [setting, value] : training.items())
      rows.push_back({setting, value_text(value)});
    out += section("Training (recorded, not applied)", rows, 100);
  }
  if (verbose && info.is_object()) {
    rows.clear();
    for (const auto& [key, value] : info.items()) {
      if (!value.is_null()) rows.push_back({key, value_text(value)});
    }
    std::sort(rows.begin(), rows.end());
    out += section("Metadata", rows, 100);
  }
  if (const Json& tensors = part_of(shown, "tensors"); verbose && tensors.is_array()) {
    rows.clear();
    for (const Json& t : tensors) {
      std::string shape;
      for (const Json& n : part_of(t, "shape")) shape += (shape.empty() ? "" : " ") + value_text(n);
      rows.push_back({text_of(t, "name"), text_of(t, "type"), "[" + shape + "]"});
    }
    out += section("Tensors", rows, 100);
  }
  const auto beginning = [&](const char* title, const std::string& text) {
    if (text.empty()) return;
    rows.clear();
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      if (rows.size() == 2) {
        rows.push_back({"..."});
        break;
      }
      rows.push_back({line});
    }
    out += section(title, rows, 100);
  };
  beginning("System", text_of(shown, "system"));
  beginning("License", text_of(shown, "license"));
  return out;
}

}  // namespace engine::cli
