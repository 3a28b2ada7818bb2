// The server of fixture.h with tiny encoders in its store.
#pragma once

#include <cmath>
#include <fstream>

#include "gguf/reader.h"
#include "tests/server/fixture.h"
#include "tests/support/tiny_encoder.h"

namespace engine {

using testing::TinyEncoder;

class EncoderTest : public ServerTest {
 protected:
  static constexpr size_t D = TinyEncoder::kEmbd;

  // nan: what it computes is no number.
  static void add_encoder(const std::string& name, const TinyEncoder& o, bool nan = false) {
    auto made = testing::make_tiny_encoder(o);
    ASSERT_TRUE(made);
    if (nan) {
      auto file = gguf::File::parse(made->bytes);
      ASSERT_TRUE(file);
      const auto view = file->view(*file->find("token_embd_norm.bias"));
      ASSERT_TRUE(view);
      const_cast<float*>(view->as<const float>())[0] = std::nanf("");
    }
    const std::string path = root_ + "/" + name + ".gguf";
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(made->bytes.data()), std::ssize(made->bytes));
    CreateSpec spec;
    spec.gguf_path = path;
    const auto record = ModelStore(root_).create(*parse_model_name(name), spec);
    ASSERT_TRUE(record) << record.error().message;
  }
};

}  // namespace engine
