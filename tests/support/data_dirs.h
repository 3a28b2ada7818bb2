// Where data that is not in the repository lies: golden references and real models.
#pragma once

#include <cstdlib>
#include <string>

namespace engine::testing {

inline std::string folder_of(const char* variable, const char* fallback) {
  const char* set = std::getenv(variable);
  return set != nullptr && *set != '\0' ? set : fallback;
}

inline std::string shared_dir() {
  return folder_of("ENGINE_SHARED_DIR", ENGINE_SOURCE_DIR "/../shared");
}

// ENGINE_TEST_MODELS: smollm2-135m.gguf, gemma3-270m.gguf, minilm/ as scripts/fetch_model.py leaves them.
inline std::string models_dir() {
  return folder_of("ENGINE_TEST_MODELS", ENGINE_SOURCE_DIR "/build/models");
}

}  // namespace engine::testing
