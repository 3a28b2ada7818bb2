// File to vocabulary to tokenizer.
#include "engine/tools/tokenizer_file.h"

#include "engine/model/vocab.h"
#include "gguf/reader.h"

namespace engine {

Result<std::unique_ptr<Tokenizer>> load_tokenizer(const std::vector<std::string>& files) {
  ENGINE_TRY(file, gguf::File::open(files));
  ENGINE_TRY(data, read_vocab(file));
  return make_tokenizer(data);
}

}  // namespace engine
