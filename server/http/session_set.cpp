#include "server/http/session_state.h"

namespace engine {
namespace {

std::vector<std::shared_ptr<Connection>> open_sessions(SessionSet::State& state) {
  std::lock_guard lock(state.mutex);
  std::vector<std::shared_ptr<Connection>> out;
  for (const auto& [id, weak] : state.sessions)
    if (auto s = weak.lock()) out.push_back(std::move(s));
  return out;
}

}  // namespace

SessionSet::SessionSet(Runtime& runtime, const HttpLimits& limits, SessionHooks hooks)
    : runtime_(runtime), state_(std::make_shared<State>(limits, std::move(hooks))) {}

void SessionSet::start(int socket, bool v6) {
  std::shared_ptr<Connection> session;
  {
    std::lock_guard lock(state_->mutex);
    const uint64_t id = state_->next_id++;
    session = make_session(runtime_, state_, id);
    state_->sessions.emplace(id, session);
  }
  session->start(socket, v6);
}

void SessionSet::drain() {
  state_->draining = true;
  for (const auto& s : open_sessions(*state_)) s->drain();
}

void SessionSet::close_all() {
  state_->draining = true;
  for (const auto& s : open_sessions(*state_)) s->close_now();
}

size_t SessionSet::size() const {
  std::lock_guard lock(state_->mutex);
  return state_->sessions.size();
}

}  // namespace engine
