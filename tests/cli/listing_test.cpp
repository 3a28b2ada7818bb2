// What `show` prints of a model.
#include "server/cli/listing.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace engine {
namespace {

TEST(Listing, SectionsInTheirOrder) {
  const Json shown = {
      {"remote_model", "big"},
      {"remote_host", "https://example.com"},
      {"requires", "0.14.0"},
      {"system", "Be short.\n\nBe kind.\nBe quick."},
      {"license", "MIT"},
      {"parameters", "stop    \"a\"\nseed    1"},
      {"details", {{"quantization_level", "Q4_K_M"}}},
      {"model_info",
       {{"general.architecture", "qwen2"},
        {"general.parameter_count", 1777088000},
        {"qwen2.context_length", 131072},
        {"qwen2.embedding_length", 1536},
        {"qwen2.epsilon", 1e-06},
        {"list", {1, 2, 3, 4, 5, 6, 7}}}},
      {"projector_info",
       {{"general.architecture", "clip"},
        {"general.parameter_count", 300000000},
        {"clip.vision.embedding_length", 1024},
        {"clip.vision.projection_dim", 768}}},
      {"capabilities", {"completion", "vision"}},
      {"tensors", Json::array({{{"name", "a"}, {"type", "F32"}, {"shape", {42, 3117}}}})}};
  EXPECT_EQ(cli::model_info_text(shown, false),
            "  Model\n"
            "    Remote model        big                    \n"
            "    Remote URL          https://example.com    \n"
            "    architecture        qwen2                  \n"
            "    parameters          1.8B                   \n"
            "    context length      131072                 \n"
            "    embedding length    1536                   \n"
            "    quantization        Q4_K_M                 \n"
            "    requires            0.14.0                 \n"
            "\n"
            "  Capabilities\n"
            "    completion    \n"
            "    vision        \n"
            "\n"
            "  Projector\n"
            "    architecture        clip    \n"
            "    parameters          300M    \n"
            "    embedding length    1024    \n"
            "    dimensions          768     \n"
            "\n"
            "  Parameters\n"
            "    stop    \"a\"    \n"
            "    seed    1      \n"
            "\n"
            "  System\n"
            "    Be short.    \n"
            "    Be kind.     \n"
            "    ...          \n"
            "\n"
            "  License\n"
            "    MIT    \n"
            "\n");
  const std::string verbose = cli::model_info_text(shown, true);
  EXPECT_NE(verbose.find("    qwen2.epsilon              1e-06"), std::string::npos) << verbose;
  EXPECT_NE(verbose.find("...+2 more]"), std::string::npos) << verbose;
  EXPECT_NE(verbose.find("  Tensors\n    a    F32    [42 3117]    \n"), std::string::npos)
      << verbose;
}

TEST(Listing, NothingKnownIsNoTrouble) {
  EXPECT_EQ(cli::model_info_text(Json::object(), true), "  Model\n    architecture        \n\n");
  EXPECT_NE(cli::model_info_text(Json::array(), true), "");
}

}  // namespace
}  // namespace engine
