// Models out of models and files: what is inherited, what is replaced, what is refused, and that
// nothing is left behind by what fails.
#include <fstream>

#include "tests/store/create_fixture.h"

namespace engine {
namespace {

TEST_F(CreateTest, FromAFile) {
  const ModelRecord r = base();
  EXPECT_EQ(types(r), (std::vector<std::string>{"model", "template", "system", "license", "params",
                                                "messages", "meta"}));
  EXPECT_EQ(r.config.family, "llama");
  EXPECT_EQ(r.config.families, std::vector<std::string>{"llama"});
  EXPECT_EQ(r.config.file_type, "F16");
  EXPECT_EQ(r.config.format, "gguf");
  EXPECT_EQ(r.parent, "tiny1.gguf");
  // bytes as other programs would write them
  EXPECT_EQ(r.params, "{\"stop\":[\"\\u003ca\\u003e\",\"b\"],\"temperature\":0.5}\n");
  EXPECT_EQ(r.messages, "[{\"role\":\"user\",\"content\":\"hi\"}]\n");
  EXPECT_EQ(r.meta,
            "{\"name\":\"base:latest\",\"description\":\"first\",\"training\":{\"lora_r\":\"8\","
            "\"max_steps\":\"3\"}}\n");
  EXPECT_EQ(r.template_text, "{{ .Prompt }}!");
  ASSERT_GE(statuses_.size(), 4u);
  EXPECT_EQ(statuses_[0], "parsing GGUF");
  EXPECT_EQ(statuses_[1], "using existing layer " + r.manifest.layers[0].digest);
  EXPECT_EQ(statuses_[2], "creating new layer " + r.manifest.layers[1].digest);
  EXPECT_EQ(statuses_[statuses_.size() - 2], "writing manifest");
  EXPECT_EQ(statuses_.back(), "success");
}

TEST_F(CreateTest, FromAModel) {
  const ModelRecord b = base();
  CreateRequest r = request("child");
  r.from = "Base";
  const ModelRecord plain = create(r);
  EXPECT_EQ(types(plain), types(b));
  EXPECT_EQ(plain.parent, "base:latest");
  EXPECT_EQ(plain.meta, b.meta);

  r.system = "be brief";
  r.template_text = "{{ .Prompt }}?";
  r.licenses = {"MIT", "Apache"};
  r.parameters = *parse_json(R"({"temperature":1,"num_ctx":64,"stop":["c"]})");
  r.messages = *parse_json(R"([{"role":"assistant","content":"<ho>"}])");
  r.meta.description = "second";
  r.meta.training = {{"max_steps", "9"}};
  const ModelRecord c = create(r);
  EXPECT_EQ(c.system, "be brief");
  EXPECT_EQ(c.template_text, "{{ .Prompt }}?");
  EXPECT_EQ(c.licenses, (std::vector<std::string>{"MIT", "Apache"}));
  EXPECT_EQ(c.params, "{\"num_ctx\":64,\"stop\":[\"c\"],\"temperature\":1}\n");
  EXPECT_EQ(c.messages, "[{\"role\":\"assistant\",\"content\":\"\\u003cho\\u003e\"}]\n");
  EXPECT_EQ(c.meta,
            "{\"name\":\"base:latest\",\"description\":\"second\",\"training\":{\"lora_r\":\"8\","
            "\"max_steps\":\"9\"}}\n");
  EXPECT_EQ(c.model_path, b.model_path);
  EXPECT_EQ(c.config.parameter_size, b.config.parameter_size);
  // what the new version does not name is gone, what the base has is not
  EXPECT_TRUE(store_->find(*parse_model_name("base")));
}

TEST_F(CreateTest, AnOldVersionIsReplacedAndItsBlobsGo) {
  base();
  CreateRequest r = request("child");
  r.from = "base";
  r.system = "one";
  const std::string old = create(r).manifest.find(media::kSystem)->digest;
  r.system = "two";
  create(r);
  EXPECT_EQ(store_->find(r.name)->system, "two");
  EXPECT_TRUE(store_->find(*parse_model_name("base")));
  EXPECT_TRUE(leftovers().empty());
  (void)old;
}

TEST_F(CreateTest, ConfigIsInheritedUnlessGiven) {
  CreateRequest r = request("a");
  r.files = {blob(tiny())};
  r.renderer = "r1", r.parser = "p1", r.requires_version = "0.14.0";
  create(r);
  CreateRequest child = request("b");
  child.from = "a";
  child.parser = "p2";
  const ModelRecord b = create(child);
  EXPECT_EQ(b.config.renderer, "r1");
  EXPECT_EQ(b.config.parser, "p2");
  EXPECT_EQ(b.config.requires_version, "0.14.0");
}

TEST_F(CreateTest, LayersByTheTypeOfTheFile) {
  CreateRequest r = request("a");
  r.files = {
      blob(tiny()),
      blob(gguf("p1.gguf", {{"general.architecture", "clip"}, {"general.type", "mmproj"}})),
      blob(gguf("p2.gguf", {{"general.architecture", "other"}}, {"other.vision.block_count"})),
      blob(gguf("lora.gguf", {{"general.architecture", "llama"}, {"general.type", "adapter"}}))};
  const ModelRecord record = create(r);
  EXPECT_EQ(types(record),
            (std::vector<std::string>{"model", "projector", "projector", "adapter"}));
  EXPECT_EQ(record.projector_paths.size(), 2u);
  EXPECT_EQ(record.adapter_paths.size(), 1u);
}

TEST_F(CreateTest, FilesReplaceTheWeightsOfABase) {
  base();
  CreateRequest r = request("child");
  r.from = "base";
  r.files = {blob(tiny(2, DType::q8_0), "sha256-blob-without-extension")};
  const ModelRecord record = create(r);
  EXPECT_EQ(types(record).front(), "template");
  EXPECT_EQ(record.config.file_type, "Q8_0");
  EXPECT_EQ(record.system, "be kind");
}

TEST_F(CreateTest, AdaptersAndDrafts) {
  base();
  const std::string lora =
      gguf("lora.gguf", {{"general.architecture", "llama"}, {"general.type", "adapter"}});
  CreateRequest r = request("child");
  r.from = "base";
  r.adapters = {blob(lora)};
  r.drafts = {blob(tiny(3))};
  const ModelRecord record = create(r);
  EXPECT_EQ(record.adapter_paths.size(), 1u);
  EXPECT_EQ(record.draft_path, store_->blobs().path(r.drafts[0].digest));
  EXPECT_EQ(record.config.draft, R"({"model_format":"gguf","architecture":"llama"})");
  EXPECT_EQ(types(record)[7], "adapter");

  CreateRequest two = request("two");
  two.from = "base";
  two.adapters = {blob(lora), blob(gguf("lora2.gguf", {{"general.architecture", "llama"},
                                                       {"general.type", "adapter"},
                                                       {"general.name", "other"}}))};
  EXPECT_EQ(fail(two).message, "only one adapter is currently supported");
  two.adapters = {blob(tiny())};
  EXPECT_EQ(fail(two).message, "tiny1.gguf is no adapter: general.type must be adapter");
  two.adapters.clear();
  two.drafts = {blob(lora)};
  EXPECT_EQ(fail(two).message, "lora.gguf is no model and cannot be a draft");
}

TEST_F(CreateTest, WhatIsRefused) {
  base();
  CreateRequest r = request("x");
  EXPECT_EQ(fail(r).message, "neither 'from' or 'files' was specified");
  r.files = {{"m.gguf", "sha256:" + std::string(64, '0')}};
  EXPECT_EQ(fail(r).message, "blob \"sha256:" + std::string(64, '0') + "\" not found");
  r.files = {text_blob("m.gguf", "no model")};
  EXPECT_EQ(fail(r).message, "supplied file was not in GGUF format");
  r.files = {text_blob("m.bin", "no model")};
  EXPECT_EQ(fail(r).message, "unknown type");
  r.files = {text_blob("m.gguf", "GGUF\3\0\0\0")};
  EXPECT_EQ(fail(r).code, Errc::invalid_argument);
  r.files = {
      blob(gguf("l.gguf", {{"general.architecture", "llama"}, {"general.type", "adapter"}}))};
  EXPECT_EQ(fail(r).message, "no base model was found");
  r.files = {blob(gguf("p.gguf", {{"general.architecture", "clip"}, {"general.type", "mmproj"}}))};
  EXPECT_EQ(fail(r).message, "no files provided to convert");
  r.files = {text_blob("model.safetensors", "x")};
  EXPECT_EQ(fail(r).code, Errc::unsupported);
  r.files.clear();
  r.from = "base";
  r.template_text = "{{ .Prompt";
  EXPECT_TRUE(fail(r).message.starts_with("template error: "));
  r.template_text.clear();
  r.parameters = *parse_json(R"({"top_k":"many"})");
  EXPECT_EQ(fail(r).message, "option \"top_k\" must be of type integer");
  r.parameters = Json();
  r.quantize = "q9";
  EXPECT_EQ(fail(r).message,
            "unsupported quantization type q9 - supported types are F32, F16, Q4_K_S, Q4_K_M, "
            "Q8_0");
  r.quantize.clear();
  r.draft_quantize = "q8_0";
  EXPECT_EQ(fail(r).message, "--draft-quantize requires a DRAFT model");
  r.draft_quantize.clear();
  r.from = "a@b";
  EXPECT_EQ(fail(r).message, "invalid model name");
  r.from = "nothing";
  EXPECT_EQ(fail(r).code, Errc::not_found);
  EXPECT_TRUE(leftovers().empty());
}

TEST_F(CreateTest, AMissingBaseIsPulled) {
  CreateRequest r = request("child");
  r.from = "far";
  std::vector<std::string> asked;
  tools_.pull = [&](const ModelName& name, const CreateEvents& events) -> Status {
    asked.push_back(name.short_form());
    events.status({"pulling manifest"});
    if (name.model != "far") return Error{Errc::not_found, "file does not exist"};
    base("far");
    return ok;
  };
  EXPECT_EQ(create(r).parent, "far:latest");
  EXPECT_EQ(asked, std::vector<std::string>{"far:latest"});
  asked.clear();
  EXPECT_EQ(create(r).parent, "far:latest");
  EXPECT_TRUE(asked.empty());  // it is here now
  r = request("other");
  r.from = "farther";
  EXPECT_EQ(fail(r).message, "file does not exist");
}

TEST_F(CreateTest, AliasesAreAskedLast) {
  std::vector<std::string> asked, said;
  Errc answer = Errc::not_found;
  tools_.pull = [&](const ModelName& name, const CreateEvents&) -> Status {
    asked.push_back(name.short_form());
    if (name.model == "deepseek") return Error{answer, "no"};
    said = statuses_;  // base() begins anew
    base("deepseek-r1:1.5b");
    return ok;
  };
  CreateRequest r = request("mine");
  r.from = "deepseek:1.5b";
  answer = Errc::io;  // an unreachable registry knows nothing about names
  EXPECT_EQ(fail(r).message, "no");
  EXPECT_EQ(asked, std::vector<std::string>{"deepseek:1.5b"});
  answer = Errc::not_found;
  asked.clear();
  const ModelRecord record = create(r);
  EXPECT_EQ(record.parent, "deepseek-r1:1.5b");
  EXPECT_EQ(asked, (std::vector<std::string>{"deepseek:1.5b", "deepseek-r1:1.5b"}));
  ASSERT_FALSE(said.empty());
  EXPECT_EQ(said.back(), "note: deepseek:1.5b is not in the registry, using deepseek-r1:1.5b");
  // a model of that name comes first
  base("deepseek:1.5b");
  EXPECT_EQ(create(r).parent, "deepseek:1.5b");
  EXPECT_FALSE(find_alias(*parse_model_name("u/deepseek:1.5b")));
  EXPECT_FALSE(find_alias(*parse_model_name("example.com/library/deepseek")));
}

TEST_F(CreateTest, Quantizing) {
  CreateRequest r = request("q");
  r.files = {blob(tiny(1))};
  r.quantize = "q8_0";
  EXPECT_EQ(fail(r).code, Errc::unsupported);  // nobody can do it
  const std::string made = tiny(2, DType::q8_0);
  std::string type;
  tools_.quantize = [&](const std::string& in, const std::string& out, const std::string& t,
                        const CreateTools::Progress& progress) -> Status {
    type = t;
    EXPECT_TRUE(fs::exists(in));
    EXPECT_FALSE(fs::exists(out));
    EXPECT_TRUE(progress(5, 10));
    fs::copy_file(made, out);
    return ok;
  };
  const ModelRecord record = create(r);
  EXPECT_EQ(type, "Q8_0");
  EXPECT_EQ(record.config.file_type, "Q8_0");
  EXPECT_EQ(fs::file_size(record.model_path), fs::file_size(made));
  EXPECT_EQ(statuses_[1], "quantizing F16 model to Q8_0");
  EXPECT_NE(std::find(statuses_.begin(), statuses_.end(), "verifying conversion"), statuses_.end());
  EXPECT_TRUE(leftovers().empty());

  type.clear();
  r.files.clear();
  r.from = "q";
  create(r);  // has the type already
  EXPECT_EQ(type, "");
  r = request("other");
  r.from = "q";
  r.quantize = "q4_k";
  EXPECT_EQ(fail(r).message, "quantization is only supported for F16, BF16 and F32 models");
  EXPECT_EQ(*find_quantization("q4_k"), "Q4_K_M");
  EXPECT_EQ(*find_quantization("q6_K"), "Q6_K");
}

TEST_F(CreateTest, CancelledWorkLeavesNothing) {
  CreateRequest r = request("q");
  r.files = {blob(tiny(1))};
  r.quantize = "q8_0";
  std::stop_source stop;
  events_.cancel = stop.get_token();
  tools_.quantize = [&](const std::string&, const std::string& out, const std::string&,
                        const CreateTools::Progress& progress) -> Status {
    std::ofstream(out) << "half a file";
    stop.request_stop();
    if (!progress(1, 2)) return Error{Errc::cancelled, "cancelled"};
    return ok;
  };
  EXPECT_EQ(fail(r).code, Errc::cancelled);
  EXPECT_TRUE(leftovers().empty());
}

TEST_F(CreateTest, SafetensorsAreConverted) {
  const std::string made = tiny(2);
  std::vector<std::string> seen;
  tools_.convert_model = [&](const std::string& folder, const std::string& out,
                             const CreateTools::Progress&) -> Status {
    EXPECT_TRUE(folder.starts_with(folder_ + "/models/ollama-safetensors"));
    for (const auto& e : fs::recursive_directory_iterator(folder))
      if (e.is_regular_file()) seen.push_back(e.path().lexically_relative(folder).string());
    fs::copy_file(made, out);
    return ok;
  };
  CreateRequest r = request("st");
  r.files = {text_blob("model.safetensors", "weights"), text_blob("config.json", "{}"),
             text_blob("sub/x.json", "[]")};
  const ModelRecord record = create(r);
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, (std::vector<std::string>{"config.json", "model.safetensors", "sub/x.json"}));
  EXPECT_EQ(record.config.family, "llama");
  EXPECT_EQ(statuses_[0], "converting model");
  EXPECT_TRUE(leftovers().empty());

  const std::string lora =
      gguf("lora.gguf", {{"general.architecture", "llama"}, {"general.type", "adapter"}});
  tools_.convert_adapter = [&](const std::string&, const std::string& base_path,
                               const std::string& out, const CreateTools::Progress&) -> Status {
    EXPECT_EQ(base_path, record.model_path);
    fs::copy_file(lora, out);
    return ok;
  };
  r = request("tuned");
  r.from = "st";
  r.adapters = {text_blob("adapter_model.safetensors", "x"),
                text_blob("adapter_config.json", "{}")};
  EXPECT_EQ(create(r).adapter_paths.size(), 1u);
  EXPECT_EQ(statuses_[0], "converting adapter");
}

}  // namespace
}  // namespace engine
