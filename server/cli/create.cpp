// `engine create`: a Modelfile and the files that it names become a model, of the server or of the
// store of this machine.
#include "engine/store/create.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/store/recipe.h"
#include "server/cli/client.h"
#include "server/cli/flags.h"
#include "server/cli/interrupt.h"
#include "server/cli/model_files.h"
#include "server/cli/progress.h"
#include "server/cli/uploads.h"

namespace engine::cli {
namespace {

namespace fs = std::filesystem;
constexpr size_t kMaxModelfile = size_t{64} << 20;

Error bad(std::string text) {
  return {Errc::invalid_argument, std::move(text)};
}

struct Source {
  std::string text;
  std::string folder;  // that relative paths begin at
};

Result<Source> read_source(const Args& args) {
  const std::string path = args.text("--file", "Modelfile");
  std::error_code ec;
  if (!fs::exists(path, ec)) {
    if (args.has("--file")) return bad("specified Modelfile wasn't found");
    return Source{"FROM .\n", "."};
  }
  ENGINE_TRY(text, read_file(path, kMaxModelfile));
  const std::string folder = fs::path(path).parent_path().string();
  return Source{std::move(text), folder.empty() ? "." : folder};
}

// What the request is made of, before anything is sent.
struct Plan {
  std::string from;  // a model, "" for none
  std::string base;  // the last FROM as the user wrote it
  std::vector<LocalFile> files, adapters, drafts;
};

Status add_files(const std::string& path, FilesOf use, std::vector<LocalFile>& out) {
  ENGINE_TRY(found, find_model_files(path, use));
  for (LocalFile& file : found) {
    const auto same = std::find_if(out.begin(), out.end(),
                                   [&](const LocalFile& f) { return f.name == file.name; });
    if (same == out.end())
      out.push_back(std::move(file));
    else if (same->path != file.path)
      return bad(
          fmt::format("{} and {} have the same name; rename one of them", same->path, file.path));
  }
  return ok;
}

// A model's name, with the hint for files that were pasted without their line ends.
Status check_base_name(const std::string& text) {
  const auto name = parse_user_name(text);
  if (name) return ok;
  if (name.error().code == Errc::invalid_argument && text.find('#') != std::string::npos)
    return bad(name.error().message + "\n'#' starts a comment only at the beginning of a line");
  return name.error();
}

Result<Plan> make_plan(const Recipe& recipe, const std::string& folder) {
  Plan plan;
  std::error_code ec;
  std::vector<std::string> from_paths;
  for (const RecipeText& from : recipe.from) {
    ENGINE_TRY(path, expand_path(from.text, folder));
    plan.base = from.text;
    if (!from.text.empty() && fs::exists(path, ec)) {
      from_paths.push_back(path);
      ENGINE_TRY_STATUS(add_files(path, FilesOf::model, plan.files));
      continue;
    }
    ENGINE_TRY_STATUS(check_base_name(from.text));
    plan.from = from.text;
  }
  const auto existing = [&](const RecipeText& text, const char* what) -> Result<std::string> {
    ENGINE_TRY(path, expand_path(text.text, folder));
    if (!text.text.empty() && fs::exists(path, ec)) return path;
    return Error{Errc::not_found,
                 fmt::format("(line {}): {} {} does not exist", text.line, what, text.text)};
  };
  if (recipe.adapter) {
    ENGINE_TRY(path, existing(*recipe.adapter, "ADAPTER"));
    ENGINE_TRY_STATUS(add_files(path, FilesOf::adapter, plan.adapters));
  }
  for (const RecipeText& draft : recipe.drafts) {
    ENGINE_TRY(path, existing(draft, "DRAFT"));
    for (const std::string& from : from_paths)
      if (fs::equivalent(from, path, ec))
        return bad("DRAFT must not reference the same local path as FROM: " + draft.text);
    ENGINE_TRY_STATUS(add_files(path, FilesOf::model, plan.drafts));
  }
  return plan;
}

// The name of the new model; nothing is said yet about a NAME that is not used.
Result<std::string> target_name(const Args& args, Recipe& recipe) {
  const std::string given = args.words.empty() ? "" : args.words[0];
  if (given.empty() && !recipe.name)
    return bad("create needs a model name: engine create MODEL, or NAME in the Modelfile");
  const std::string name = given.empty() ? recipe.name->text : given;
  ENGINE_TRY_STATUS(parse_user_name(name));
  if (recipe.name && recipe.name->text != name)
    recipe.warnings.push_back(fmt::format("line {}: NAME {} ignored, creating {}",
                                          recipe.name->line, recipe.name->text, name));
  return name;
}

// What the base will be, for the summary: the name itself, or what the registry knows it by.
std::string base_name(Client& client, const Plan& plan) {
  if (plan.from.empty()) return plan.base;
  const auto name = parse_user_name(plan.from);
  const auto alias = name ? find_alias(*name) : std::nullopt;
  if (!alias || client.post("/api/show", {{"model", plan.from}})) return plan.from;
  return alias->short_form();
}

Json request_of(const Recipe& recipe, const Plan& plan, const std::string& name, const Args& args) {
  Json out = {{"model", name}};
  const auto add = [&out](const char* key, const std::optional<std::string>& text) {
    if (text && !text->empty()) out[key] = *text;
  };
  if (!plan.from.empty()) out["from"] = plan.from;
  add("template", recipe.template_text);
  add("system", recipe.system);
  add("renderer", recipe.renderer);
  add("parser", recipe.parser);
  add("requires", recipe.requires_version);
  add("description", recipe.description);
  add("quantize", args.text("--quantize"));
  add("draft_quantize", args.text("--draft-quantize"));
  if (!recipe.licenses.empty()) out["license"] = recipe.licenses;
  if (!recipe.parameters.empty()) out["parameters"] = recipe.parameters;
  if (!recipe.messages.empty()) out["messages"] = recipe.messages;
  if (!recipe.training.empty()) out["training"] = recipe.training;
  return out;
}

Status create(const Args& args) {
  ENGINE_TRY(source, read_source(args));
  ENGINE_TRY(modelfile, parse_modelfile(source.text));
  ENGINE_TRY(recipe, read_recipe(modelfile, {source.folder, args.has("--strict")}));
  ENGINE_TRY(plan, make_plan(recipe, source.folder));
  ENGINE_TRY(name, target_name(args, recipe));
  if (args.has("--draft-quantize") && plan.drafts.empty())
    return bad("--draft-quantize requires a DRAFT model");
  ENGINE_TRY(client, connect_or_local_client());
  for (const std::string& text : recipe.warnings) fmt::print(stderr, "warning: {}\n", text);
  if (!recipe.training.empty())
    fmt::print(stderr, "warning: {}\n", training_summary(recipe, name, base_name(*client, plan)));

  catch_interrupts();  // nothing half-made is left behind
  Json request = request_of(recipe, plan, name, args);
  ProgressView view;
  Uploads uploads(*client, view);
  view.spin("gathering model components");
  const std::pair<const char*, const std::vector<LocalFile>*> lists[] = {
      {"files", &plan.files}, {"adapters", &plan.adapters}, {"draft_files", &plan.drafts}};
  for (const auto& [key, files] : lists) uploads.add(*files);
  ENGINE_TRY_STATUS(uploads.hash());
  ENGINE_TRY_STATUS(uploads.send());
  for (const auto& [key, files] : lists)
    if (!files->empty()) request[key] = uploads.list(*files);
  return client->call("POST", "/api/create", &request,
                      [&view](const Json& object) { view.show(object); });
}

constexpr Flag kCreateFlags[] = {
    {"-f,--file", "FILE", "the Modelfile (default: Modelfile of this directory, else FROM .)"},
    {"-q,--quantize", "TYPE", "quantize the weights, to Q4_K_M for example"},
    {"--draft-quantize", "TYPE", "quantize the draft model"},
    {"--strict", "", "settings of training, NAME and DESCRIPTION are errors"},
    {"--experimental", "", nullptr}};
constexpr Env kCreateEnvironment[] = {Env::OLLAMA_HOST, Env::OLLAMA_MODELS};

}  // namespace

extern const Verb verb_create;
const Verb verb_create = {"create",
                          "",
                          "[MODEL]",
                          "Make a model from a Modelfile",
                          0,
                          1,
                          kCreateFlags,
                          kCreateEnvironment,
                          create,
                          "Without MODEL the name is that of NAME in the Modelfile. Without a "
                          "server the model is made in "
                          "the\nstore of this machine."};

}  // namespace engine::cli
