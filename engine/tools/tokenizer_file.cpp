// File to vocabulary to tokenizer.
#include "engine/tools/tokenizer_file.h"

#include "engine/model/vocab.h"
#include "gguf/reader.h"

namespace engine {

Result<std::unique_ptr<Tokenizer>> load_tokenizer(const std::string& path) {
  ENGINE_TRY(file, gguf::File::open(path));
  ENGINE_TRY(data, read_vocab(file));
  return make_tokenizer(data);
}

}  // namespace engine
