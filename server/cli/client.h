// Client: the API of the engine as verbs use it, through a server that listens or inside this
// process. Both ways run the same handlers, so the output does not differ.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "engine/core/json_io.h"
#include "engine/core/result.h"
#include "engine/store/digest.h"
#include "server/cli/load_choice.h"

namespace engine::cli {

// One object of a streamed answer.
using OnObject = std::function<void(const Json&)>;

// Used by one thread, but for upload(). Calls end early with Errc::cancelled when interrupted() turns true.
class Client {
 public:
  virtual ~Client() = default;
  virtual bool in_process() const = 0;

  // body: nullptr for GET. Answers of several objects (NDJSON) are handed out one by one as they
  // come. An answer with a status of 400 or more, or an object with an "error", is an Error with
  // the server's text; not_found for 404.
  virtual Status call(std::string_view method, const std::string& path, const Json* body,
                      const OnObject& object) = 0;

  // Brings a file to the blobs of the server unless they have it: by a link or a copy where they are
  // files that this process may write, else over the connection. watch: bytes done so far. Several
  // threads may do this at once.
  virtual Status upload(const std::string& digest, const std::string& file, const Watch& watch) = 0;

  // A call with one object as the answer.
  Result<Json> get(const std::string& path);
  Result<Json> post(const std::string& path, const Json& body);
};

// The server at OLLAMA_HOST. Errc::io when none listens: "could not connect to the engine server,
// run 'engine serve' to start it". limit: for an answer to the first request; 0: 2 s to connect, and
// then any time. Errc::io also: something listens, but does not answer in time.
Result<std::unique_ptr<Client>> connect_client(std::chrono::nanoseconds limit = {});
// The server at OLLAMA_HOST, or else this process.
Result<std::unique_ptr<Client>> connect_or_local_client();
// The server at OLLAMA_HOST, or else this process, but only where that address is one of this
// machine: for what changes a store, which shall never be another one than was meant.
Result<std::unique_ptr<Client>> connect_or_own_store();
// This process; nothing is loaded before the first request that needs it. file: a GGUF file to be
// known too, "" for none; `name` gets the name it is known by.
Result<std::unique_ptr<Client>> make_local_client(const std::string& file, std::string* name,
                                                  const LoadChoice& load = {});

// Cuts a stream of bytes into lines and the lines into objects; shared by both clients.
class ObjectStream {
 public:
  explicit ObjectStream(const OnObject& object) : object_(object) {}
  void push(std::string_view bytes);
  void finish();  // the last line may lack its end
  const Status& status() const { return status_; }

 private:
  void line(std::string_view text);
  const OnObject& object_;
  std::string pending_;
  Status status_ = ok;
};

// The error of an answer with a status of 400 or more.
Error answer_error(int status, const std::string& body);

}  // namespace engine::cli
