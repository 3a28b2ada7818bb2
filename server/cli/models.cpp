// `engine list`, `show`, `ps` and `import`: the models of this machine.
#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "engine/store/model_store.h"
#include "server/cli/client.h"
#include "server/cli/fields.h"
#include "server/cli/flags.h"
#include "server/cli/forms.h"
#include "server/cli/listing.h"

namespace engine::cli {
namespace {

// The models of an answer whose name begins with what the user gave, in place.
void keep_prefix(Json& answer, const Args& args, bool ignore_case) {
  if (args.words.empty() || !answer.contains("models") || !answer["models"].is_array()) return;
  const std::string& prefix = args.words[0];
  Json kept = Json::array();
  for (const Json& m : answer["models"]) {
    const std::string begin = text_of(m, "name").substr(0, prefix.size());
    if (ignore_case ? equal_ignoring_case(begin, prefix) : begin == prefix) kept.push_back(m);
  }
  answer["models"] = std::move(kept);
}

Status list(const Args& args) {
  ENGINE_TRY(client, connect_or_local_client());
  if (!args.has("--json") && !args.has("--quiet"))
    return print_models(*client, args.words.empty() ? "" : args.words[0]);
  ENGINE_TRY(tags, client->get("/api/tags"));
  keep_prefix(tags, args, true);
  if (args.has("--json")) {
    fmt::print("{}\n", dump_json(tags, 2));
    return ok;
  }
  for (const Json& m : tags["models"]) fmt::print("{}\n", text_of(m, "name"));
  return ok;
}

Status show(const Args& args) {
  const char* chosen = nullptr;
  for (const char* part : {"--license", "--modelfile", "--parameters", "--system", "--template"}) {
    if (!args.has(part)) continue;
    if (chosen) {
      return Error{Errc::invalid_argument,
                   "only one of '--license', '--modelfile', '--parameters', '--system', or "
                   "'--template' can be specified"};
    }
    chosen = part;
  }
  ENGINE_TRY(store, ModelStore::open_default());
  std::string name = args.words[0];
  const auto located = locate_model(store, name);
  const bool is_file = located && !located->in_store;
  auto client = is_file ? make_local_client(located->path, &name) : connect_or_local_client();
  if (!client) return client.error();
  if (!located && (*client)->in_process()) return located.error();
  ENGINE_TRY(shown,
             (*client)->post("/api/show", {{"model", name}, {"verbose", args.has("--verbose")}}));
  if (!chosen) {
    fmt::print("{}", model_info_text(shown, args.has("--verbose")));
    return ok;
  }
  const std::string text = text_of(shown, chosen + 2);
  const bool bare =
      std::string_view(chosen) == "--system" || std::string_view(chosen) == "--template";
  fmt::print("{}{}", text, bare || text.empty() || text.back() == '\n' ? "" : "\n");
  return ok;
}

Status ps(const Args& args) {
  ENGINE_TRY(client, connect_client());
  ENGINE_TRY(answer, client->get("/api/ps"));
  keep_prefix(answer, args, false);
  if (args.has("--json")) {
    fmt::print("{}\n", dump_json(answer, 2));
    return ok;
  }
  Table table({"NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL"});
  const int64_t now = std::time(nullptr);
  const auto number = [](const Json& m, const char* key) {
    const auto it = m.find(key);
    return it != m.end() && it->is_number() ? it->get<int64_t>() : int64_t{0};
  };
  const auto models = answer.find("models");
  if (models == answer.end() || !models->is_array())
    return Error{Errc::corrupt, "the server sent no list of models"};
  for (const Json& m : *models) {
    const std::string name = text_of(m, "name");
    const int64_t until = parse_time(text_of(m, "expires_at"));
    table.row({name, text_of(m, "digest").substr(0, 12), bytes_text(number(m, "size")),
               processor_text(number(m, "size"), number(m, "size_vram")),
               fmt::format("{}", number(m, "context_length")),
               until > 0 && until < now ? "Stopping..." : ago_text(until, now, "Never")});
  }
  fmt::print("{}", table.text());
  return ok;
}

// The verbs that follow would ask a server that knows nothing of the model.
void note_other_store(const std::string& name, const std::string& file) {
  const auto client = connect_client();
  if (!client) return;
  const auto shown = (*client)->post("/api/show", {{"model", name}});
  if (shown || shown.error().code != Errc::not_found) return;
  fmt::print(stderr,
             "note: the server that runs here has another store; `engine create {}` with a "
             "Modelfile of the line FROM {} puts the model there\n",
             name, file);
}

Status import(const Args& args) {
  ENGINE_TRY(store, ModelStore::open_default());
  ENGINE_TRY(name, parse_user_name(args.words[1]));
  CreateSpec spec;
  spec.gguf_path = args.words[0];
  spec.params = args.text("--params");
  spec.system = args.text("--system");
  for (const std::string& path : args.all("--license")) {
    ENGINE_TRY(text, read_file(path, size_t{16} << 20));
    spec.licenses.push_back(text);
  }
  if (const std::string path = args.text("--template"); !path.empty()) {
    ENGINE_TRY(text, read_file(path, size_t{16} << 20));
    spec.template_text = text;
  }
  ENGINE_TRY(record, store.create(name, spec));
  fmt::print("added '{}' ({}) to {}\n", record.name.short_form(), bytes_text(record.size),
             store.root());
  note_other_store(args.words[1], spec.gguf_path);
  return ok;
}

constexpr Flag kListFlags[] = {{"--json", "", "print JSON"},
                               {"-q,--quiet", "", "print names only"}};
constexpr Flag kPsFlags[] = {{"--json", "", "print JSON"}};
constexpr Flag kShowFlags[] = {{"--license", "", "show the license"},
                               {"--modelfile", "", "show the Modelfile"},
                               {"--parameters", "", "show the parameters"},
                               {"--template", "", "show the template"},
                               {"--system", "", "show the system message"},
                               {"-v,--verbose", "", "show metadata and tensors too"}};
constexpr Flag kImportFlags[] = {
    {"--params", "JSON", "default parameters, like {\"temperature\":0.2}"},
    {"--system", "TEXT", "default system message"},
    {"--template", "FILE", "Go template of the prompt"},
    {"--license", "FILE", "license text; may be given several times"}};
constexpr Env kModelsEnvironment[] = {Env::OLLAMA_HOST, Env::OLLAMA_MODELS};

}  // namespace

extern const Verb verb_list, verb_show, verb_ps, verb_import;
const Verb verb_list = {"list", "ls", "[PREFIX]", "List the models of this machine",
                        0,      -1,   kListFlags, kModelsEnvironment,
                        list};
const Verb verb_show = {
    "show", "", "MODEL", "Show what a model is", 1, 1, kShowFlags, kModelsEnvironment, show};
const Verb verb_ps = {"ps", "", "[PREFIX]", "List the loaded models of the server",
                      0,    -1, kPsFlags,   kModelsEnvironment,
                      ps};
const Verb verb_import = {"import", "", "FILE NAME",  "Put a GGUF file into the model store",
                          2,        2,  kImportFlags, kModelsEnvironment,
                          import};

}  // namespace engine::cli
