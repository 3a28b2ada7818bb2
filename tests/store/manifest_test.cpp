// Manifests and configs: the bytes we write, and what we refuse to read.
#include "engine/store/manifest.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

std::string digest(char c) {
  return "sha256:" + std::string(64, c);
}

TEST(Manifest, WritesTheKnownBytes) {
  Manifest m;
  m.config = {std::string(media::kConfig), digest('c'), 561, "", ""};
  m.layers.push_back({std::string(media::kModel), digest('a'), 2019377376, "llama3.2:latest", ""});
  m.layers.push_back({std::string(media::kTemplate), digest('b'), 7, "", ""});
  EXPECT_EQ(write_manifest(m),
            "{\"schemaVersion\":2,\"mediaType\":\"application/"
            "vnd.docker.distribution.manifest.v2+json\",\"config\":{\"mediaType\":"
            "\"application/vnd.docker.container.image.v1+json\",\"digest\":\"" +
                digest('c') +
                "\",\"size\":561},\"layers\":[{\"mediaType\":"
                "\"application/vnd.ollama.image.model\",\"digest\":\"" +
                digest('a') +
                "\",\"size\":2019377376,\"from\":\"llama3.2:latest\"},"
                "{\"mediaType\":\"application/vnd.ollama.image.template\",\"digest\":\"" +
                digest('b') + "\",\"size\":7}]}\n");
}

TEST(Manifest, ReadsBackWhatItWrote) {
  Manifest m;
  m.config = {std::string(media::kConfig), digest('c'), 1, "", ""};
  m.layers.push_back({"application/x-unknown", digest('a'), 2, "from", "name"});
  const auto back = parse_manifest(write_manifest(m));
  ASSERT_TRUE(back);
  ASSERT_EQ(back->layers.size(), 1u);
  EXPECT_EQ(back->layers[0].media_type, "application/x-unknown");
  EXPECT_EQ(back->layers[0].from, "from");
  EXPECT_EQ(back->layers[0].name, "name");
  EXPECT_EQ(back->total_size(), 3);
}

TEST(Manifest, DigestsWithADashAreNormalised) {
  const auto m = parse_manifest("{\"layers\":[{\"mediaType\":\"t\",\"digest\":\"sha256-" +
                                std::string(64, 'a') + "\",\"size\":1}]}");
  ASSERT_TRUE(m);
  EXPECT_EQ(m->layers[0].digest, digest('a'));
}

TEST(Manifest, DigitsOfDigestsAreSmall) {
  const auto m = parse_manifest("{\"layers\":[{\"mediaType\":\"t\",\"digest\":\"sha256:" +
                                std::string(64, 'A') + "\",\"size\":1}]}");
  ASSERT_TRUE(m);
  EXPECT_EQ(m->layers[0].digest, digest('a'));
}

TEST(Manifest, RefusesWhatIsBroken) {
  const std::string layer_a =
      "{\"layers\":[{\"mediaType\":\"t\",\"digest\":\"" + digest('a') + "\",\"size\":";
  for (const std::string& text :
       {std::string(""), std::string("[]"), std::string("3"), std::string("{\"layers\":3}"),
        std::string("{\"layers\":[3]}"),
        std::string("{\"layers\":[{\"digest\":\"../../etc/passwd\"}]}"),
        std::string("{\"layers\":[{\"mediaType\":\"t\",\"digest\":\"sha256:zz\",\"size\":1}]}"),
        layer_a + "-1}]}", layer_a + "1.5}]}", layer_a + "\"1\"}]}", std::string(5 << 20, ' ')}) {
    const auto m = parse_manifest(text);
    EXPECT_FALSE(m) << text.substr(0, 100);
  }
}

TEST(Manifest, HugeSizesDoNotOverflow) {
  std::string text = "{\"layers\":[";
  for (int i = 0; i < 4; ++i)
    text += (i ? "," : "") + std::string("{\"digest\":\"") + digest('a') +
            "\",\"size\":9223372036854775807}";
  const auto m = parse_manifest(text + "]}");
  ASSERT_TRUE(m);
  EXPECT_GE(m->total_size(), 0);
}

TEST(Config, RoundTripAndKeyOrder) {
  ModelConfig c;
  c.family = "llama";
  c.families = {"llama"};
  c.parameter_size = "134.52M";
  c.file_type = "Q4_1";
  const std::string text = write_config(c);
  EXPECT_EQ(text,
            "{\"model_format\":\"gguf\",\"model_family\":\"llama\",\"model_families\":[\"llama\"],"
            "\"model_type\":\"134.52M\","
            "\"file_type\":\"Q4_1\",\"architecture\":\"amd64\",\"os\":\"linux\"}\n");
  const auto back = parse_config(text);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->families, c.families);
  EXPECT_EQ(back->parameter_size, "134.52M");
}

TEST(Config, KeysThatMustSurviveADerivation) {
  const std::string text =
      "{\"model_format\":\"safetensors\",\"model_family\":\"f\",\"model_families\":null,"
      "\"model_type\":\"1B\",\"file_type\":\"F16\",\"renderer\":\"r\",\"parser\":\"p\","
      "\"requires\":\"0.9.1\",\"remote_host\":\"h\",\"remote_model\":\"m\",\"capabilities\":["
      "\"tools\"],\"context_length\":4096,\"embedding_length\":512,\"base_name\":\"b\","
      "\"draft\":{\"model_format\":\"gguf\",\"config\":{\"x\":[1,2]}},\"architecture\":\"amd64\","
      "\"os\":\"linux\"}\n";
  const auto config = parse_config(text);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->context_length, 4096);
  EXPECT_EQ(config->base_name, "b");
  EXPECT_EQ(write_config(*config), text);
  EXPECT_EQ(parse_config("{\"context_length\":-1,\"draft\":[]}")->context_length, 0);
}

TEST(Config, EmptyFormatMeansGguf) {
  EXPECT_EQ(parse_config("{\"model_format\":\"\",\"model_families\":null}")->format, "gguf");
  EXPECT_FALSE(parse_config("[1]"));
}

}  // namespace
}  // namespace engine
