// A registry of the tests' own on two loopback ports, the registry and its storage host, that can
// misbehave in all the ways real ones do. Plain sockets, a thread for each connection.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/fake_storage.h"

namespace engine::testing {

// What goes wrong. `..._times` count down; -1 is for ever.
struct Faults {
  int redirect = 0;      // 302, 307: a GET of a blob leads to the storage port
  bool endless = false;  // redirects to itself
  int url_uses = 0;      // an address of the storage is good for so many requests, then 403
  std::string token;     // wanted: 401 with a challenge until it comes; "": none
  std::string realm;     // of the challenge; "": this registry
  bool basic = false;    // the challenge asks for a password
  std::string token_key = "token";
  bool head_405 = false;
  int64_t head_length_off = 0;  // HEAD says so much more
  bool no_ranges = false;
  bool wrong_range = false;  // Content-Range of other bytes
  bool wrong_bytes = false;
  int64_t stall_after = 0;  // a blob stands still after so many bytes
  int stall_times = 0;
  int64_t cut_after = 0;  // the connection ends after so many bytes of a blob
  int cut_times = 0;
  int64_t short_by = 0;  // an answer of a blob is so much shorter, orderly
  int status = 0;        // the next answers
  int status_times = 0;
  std::string status_path;  // only where the path has this in it
  std::string retry_after, status_body = "{\"error\":\"no\"}";
  int64_t bytes_per_second = 0;     // of one connection; 0: as fast as it goes
  bool upload_redirect = false;     // a PATCH leads to the storage port
  std::vector<int64_t> kept_parts;  // but not for the parts that begin here
  bool hold_kept = false;           // which get no answer
  bool early_202 = false;           // and a PATCH is answered without a look at its body
  // A PUT to the storage is answered when so many have arrived in all; and then the later parts
  // first.
  int hold_puts = 0;
  bool last_put_first = false;

  bool keeps(int64_t first) const {
    return std::find(kept_parts.begin(), kept_parts.end(), first) != kept_parts.end();
  }
};

class FakeRegistry {
 public:
  FakeRegistry();
  ~FakeRegistry();
  FakeRegistry(const FakeRegistry&) = delete;
  FakeRegistry& operator=(const FakeRegistry&) = delete;

  std::string host() const;  // "127.0.0.1:port"
  std::string storage_host() const;
  std::string add_blob(std::string bytes);  // its digest
  // path: "u/m/manifests/latest"
  void set_manifest(const std::string& path, std::string bytes);
  std::string manifest(const std::string& path) const;
  std::string blob(const std::string& digest) const;  // "" when it is not there
  // What any other path answers; and a path where a blob lies besides its usual one.
  void set_page(const std::string& path, std::string bytes);
  void set_file(const std::string& path, const std::string& digest);
  // A model u/m:latest of these blobs (the first is the model layer) and a config.
  void add_model(const std::string& name, const std::vector<std::string>& blobs);

  void set(const std::function<void(Faults&)>& change);
  int64_t blob_bytes() const { return blob_bytes_.load(); }  // sent so far, of blobs
  const FakeStorage& uploads() const { return uploads_; }
  // "GET /path [Range]" of every request, '*' in front at the storage port, "proxied " when it
  // was meant for another host.
  std::vector<std::string> requests() const;
  int count(std::string_view part) const;                            // requests that contain it
  std::vector<std::string> headers_of(std::string_view part) const;  // whole heads of them

 private:
  struct Request {
    std::string method, path, query, head, body;
    std::string header(std::string_view name) const;
    int64_t first_byte() const;
  };
  void accept_on(int listener, bool storage);
  void serve(int fd, bool storage);
  bool answer(int fd, Request& request, bool storage);
  bool answer_blob(int fd, const Request& request, bool storage, const Faults& faults);
  bool leaves_body(const Request& request, bool storage) const;
  bool answer_upload(int fd, Request& request, const Faults& faults);
  bool answer_storage(int fd, Request& request, const Faults& faults);
  bool send_body(int fd, std::string_view bytes, const Faults& faults);
  static bool reply(int fd, int status, const std::string& headers, std::string_view body = {},
                    bool head = false);

  int listeners_[2] = {-1, -1};
  uint16_t ports_[2] = {0, 0};
  std::thread acceptors_[2];
  std::atomic<bool> stop_ = false;
  std::atomic<int64_t> blob_bytes_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::thread> threads_;
  std::vector<int> sockets_;
  Faults faults_;
  std::map<std::string, std::string> blobs_, manifests_, pages_, files_;
  FakeStorage uploads_;
  std::map<std::string, int> upload_states_, url_uses_;
  int next_ = 0;
  std::vector<std::pair<std::string, std::string>> log_;  // line, whole head
};

}  // namespace engine::testing
