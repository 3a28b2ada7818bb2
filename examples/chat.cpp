// A conversation: each line of the standard input is a message, its answer is printed as it comes.
//
//   c++ -std=c++17 examples/chat.cpp $(pkg-config --cflags --libs libengine) -o chat
//   ./chat MODEL.gguf [TOKENS]
#include <engine.h>

#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

void check(engine_status status) {
  if (status != ENGINE_OK) throw std::runtime_error(engine_last_error());
}

struct Message {
  std::string role, content;
};

// The handle as an object, callbacks as functions of C++.
class Model {
 public:
  explicit Model(const char* path) {
    engine_model* model = nullptr;
    check(engine_model_open(path, nullptr, &model));
    model_.reset(model);
  }

  // Returns the whole answer. on_text: gets it piece by piece; false: enough.
  std::string chat(const std::vector<Message>& messages, int tokens,
                   const std::function<bool(std::string_view)>& on_text) const {
    engine_generate_options options;
    check(engine_generate_options_init(&options, sizeof options));
    options.temperature = 0;
    options.num_predict = tokens;
    std::vector<engine_message> list;
    for (const Message& m : messages) list.push_back({m.role.c_str(), m.content.c_str()});
    Answer answer{{}, on_text};
    check(engine_chat(model_.get(), list.data(), list.size(), &options, &Answer::take, &answer,
                      nullptr));
    return answer.text;
  }

 private:
  struct Answer {
    std::string text;
    const std::function<bool(std::string_view)>& on_text;

    // What on_text throws ends the answer: the library makes an error of it.
    static int take(const char* text, size_t n_bytes, void* user) {
      Answer& self = *static_cast<Answer*>(user);
      self.text.append(text, n_bytes);
      return self.on_text({text, n_bytes}) ? 0 : 1;
    }
  };
  struct Free {
    void operator()(engine_model* model) const { engine_model_free(model); }
  };
  std::unique_ptr<engine_model, Free> model_;
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::cerr << "usage: " << argv[0] << " MODEL.gguf [TOKENS]\n";
    return 2;
  }
  const Model model(argv[1]);
  const int tokens = argc > 2 ? std::atoi(argv[2]) : 256;
  std::vector<Message> messages;
  for (std::string line; std::getline(std::cin, line);) {
    messages.push_back({"user", line});
    const std::string answer = model.chat(messages, tokens, [](std::string_view piece) {
      return static_cast<bool>(std::cout << piece << std::flush);
    });
    std::cout << std::endl;
    messages.push_back({"assistant", answer});
  }
  return 0;
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << "\n";
  return 1;
}
