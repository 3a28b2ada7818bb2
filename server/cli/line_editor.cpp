#include "server/cli/line_editor.h"

#include <fmt/format.h>
#include <unistd.h>

#include "server/cli/external_editor.h"

namespace engine::cli {

LineEditor::LineEditor(const std::string& history, Look look)
    : history_(history), look_(std::move(look)) {}

EditPrompts LineEditor::prompts() const {
  return look_.prompts_for ? look_.prompts_for(buffer_.text()) : look_.prompts;
}

void LineEditor::draw() {
  const TerminalSize size = terminal_size(STDOUT_FILENO);
  const EditRows rows = lay_out(buffer_.text(), buffer_.cursor(), prompts(), size.columns);
  RawTerminal::write(screen_.draw(rows, size));
}

void LineEditor::leave() {
  EditPrompts plain = prompts();
  plain.hint.clear();
  plain.hint_in_next.clear();
  const TerminalSize size = terminal_size(STDOUT_FILENO);
  RawTerminal::write(screen_.leave(lay_out(buffer_.text(), buffer_.cursor(), plain, size.columns)));
}

LineEditor::End LineEditor::read(std::string& text) {
  std::fflush(stdout);
  buffer_.set("");
  screen_ = EditScreen();
  history_.begin_walk();
  raw_ = std::make_unique<RawTerminal>();
  keys_.typed_ahead(raw_->waiting());
  End end = raw_->good() ? End::enter : End::closed;
  if (raw_->good()) {
    do {
      // Of what was pasted or typed ahead only the end is drawn.
      if (raw_->waiting() == 0) draw();
    } while (handle(keys_.next(), end));
    leave();
  }
  raw_.reset();
  text = buffer_.text();
  return end;
}

bool LineEditor::handle(const Key& key, End& end) {
  switch (key.kind) {
    case Key::enter:
      if (look_.complete && !look_.complete(buffer_.text())) {
        buffer_.insert("\n");
        return true;
      }
      end = End::enter;
      return false;
    case Key::interrupt:
      end = End::interrupted;
      return false;
    case Key::closed:
      end = End::closed;
      return false;
    case Key::end_of_input:
      end = End::closed;
      if (buffer_.empty()) return false;
      buffer_.erase_under();
      return true;
    case Key::editor:
      edit_outside();
      return true;
    case Key::suspend:
      suspend();
      return true;
    case Key::clear_screen:
      RawTerminal::write("\x1b[H\x1b[2J");
      screen_.forget();
      return true;
    default:
      edit(key);
      return true;
  }
}

void LineEditor::edit(const Key& key) {
  std::string entry;
  switch (key.kind) {
    case Key::text:
    case Key::paste:
      buffer_.insert(key.characters);
      break;
    case Key::newline:
      buffer_.insert("\n");
      break;
    case Key::left:
      buffer_.left();
      break;
    case Key::right:
      buffer_.right();
      break;
    case Key::word_left:
      buffer_.word_left();
      break;
    case Key::word_right:
      buffer_.word_right();
      break;
    case Key::line_start:
      buffer_.line_start();
      break;
    case Key::line_end:
      buffer_.line_end();
      break;
    case Key::erase_before:
      buffer_.erase_before();
      break;
    case Key::erase_under:
      buffer_.erase_under();
      break;
    case Key::erase_word:
      buffer_.erase_word_before();
      break;
    case Key::erase_to_start:
      buffer_.erase_to_line_start();
      break;
    case Key::erase_to_end:
      buffer_.erase_to_line_end();
      break;
    case Key::up:
      if (!buffer_.up() && history_.older(buffer_.text(), entry)) buffer_.set(entry);
      break;
    case Key::down:
      if (!buffer_.down() && history_.newer(entry)) buffer_.set(entry);
      break;
    default:
      break;
  }
}

void LineEditor::edit_outside() {
  RawTerminal::write(screen_.erase());
  raw_.reset();
  auto edited = edit_externally(buffer_.text());
  raw_ = std::make_unique<RawTerminal>();
  if (edited)
    buffer_.set(std::move(*edited));
  else
    RawTerminal::write(fmt::format("error: {}\r\n", printable(edited.error().message)));
}

void LineEditor::suspend() {
  leave();
  raw_.reset();
  suspend_program();
  raw_ = std::make_unique<RawTerminal>();
}

}  // namespace engine::cli
