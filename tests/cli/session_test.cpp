// The interactive session in a pseudo terminal, against a server whose answers are known.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "tests/cli/fake_server.h"
#include "tests/cli/pseudo_terminal.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

Json shown_model(const std::string& name) {
  return {{"license", name == "bare" ? "" : "MIT\n\nfull text"},
          {"modelfile", "# Modelfile\nFROM m\n"},
          {"parameters", name == "bare" ? "" : "stop                           \"<|end|>\""},
          {"template", "{{ .Prompt }}"},
          {"system", ""},
          {"details",
           {{"family", "llama"},
            {"parameter_size", "1B"},
            {"quantization_level", "Q4_0"},
            {"parent_model", ""}}},
          {"model_info", {{"general.architecture", "llama"}, {"llama.context_length", 2048}}},
          {"capabilities", name == "thinker" ? Json::array({"completion", "thinking"})
                                             : Json::array({"completion"})},
          {"messages", name == "stored"
                           ? Json::array({{{"role", "user"}, {"content", "stored question"}},
                                          {{"role", "assistant"}, {"content", "stored answer"}}})
                           : Json::array()}};
}

// Echoes the last message, word by word.
FakeServer::Answer chat(const Json& body) {
  const std::string text = body["messages"].back()["content"].get<std::string>();
  FakeServer::Answer out;
  const auto piece = [&out](const std::string& content, const std::string& thinking, bool done) {
    Json line = {
        {"model", "m"}, {"message", {{"role", "assistant"}, {"content", content}}}, {"done", done}};
    if (!thinking.empty()) line["message"]["thinking"] = thinking;
    if (done)
      line["eval_count"] = 7, line["eval_duration"] = 1'000'000'000, line["total_duration"] = 5;
    out.lines.push_back(dump_json(line));
  };
  if (text == "fail") return {500, {R"({"error":"the model is broken"})"}};
  if (text == "slow") {
    out.pause_ms = 100;
    for (int i = 0; i < 300; ++i) piece("word ", "", false);
  }
  if (text == "brief") {
    out.pause_ms = 50;
    for (int i = 0; i < 20; ++i) piece("word ", "", false);
  }
  if (body.contains("think") && body["think"] != false) piece("", "hmm", false);
  piece("echo: ", "", false);
  piece(text, "", false);
  piece("", "", true);
  return out;
}

class SessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "engine-session-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    home_ = name;
  }
  void TearDown() override {
    std::error_code ec;
    fs::remove_all(home_, ec);
  }
  FakeServer::Answer answer(const FakeServer::Request& r) {
    if (r.path == "/api/show") {
      const std::string model = r.body["model"].get<std::string>();
      if (model == "none") return {404, {R"({"error":"model 'none' not found"})"}};
      return {200, {dump_json(shown_model(model))}};
    }
    if (r.path == "/api/generate")
      return {200, {R"({"model":"m","done":true,"done_reason":"load"})"}};
    if (r.path == "/api/chat") return chat(r.body);
    if (r.path == "/api/create") return {200, {R"({"status":"success"})"}};
    if (r.path == "/api/tags")
      return {200, {R"({"models":[{"name":"m:latest","digest":"0123456789abcdef","size":1500}]})"}};
    return {404, {R"({"error":"404 page not found"})"}};
  }
  std::unique_ptr<PseudoTerminal> open(std::vector<std::string> arguments = {"m"}, int columns = 80,
                                       int rows = 40) {
    PseudoTerminal::Options options;
    options.columns = columns;
    options.rows = rows;
    options.environment = environment_;
    options.environment["HOME"] = home_;
    options.environment["OLLAMA_HOST"] = server_.host();
    arguments.insert(arguments.begin(), "run");
    auto t = std::make_unique<PseudoTerminal>(ENGINE_PROGRAM, arguments, options);
    EXPECT_TRUE(t->wait_for(">>> ")) << t->screen();
    t->settle();
    return t;
  }
  // Types a line and waits for the next prompt.
  static void enter(PseudoTerminal& t, const std::string& line) {
    t.send(line + "\r");
    EXPECT_TRUE(t.wait_until([&t] { return at_prompt(t); })) << t.screen();
  }
  static bool at_prompt(PseudoTerminal& t) {
    if (t.echoes()) return false;
    t.settle();
    return t.terminal().line(t.terminal().row()).starts_with(">>> Send a");
  }
  static int leave(PseudoTerminal& t) {
    t.send("\x04");
    return t.wait_for_end();
  }
  Json last_chat() const {
    const auto all = server_.requests("/api/chat");
    return all.empty() ? Json() : all.back().body;
  }

  std::string home_;
  std::map<std::string, std::string> environment_;
  FakeServer server_{[this](const FakeServer::Request& r) { return answer(r); }};
};

TEST_F(SessionTest, AsksAndLeaves) {
  auto t = open();
  EXPECT_EQ(t->terminal().line(0), ">>> Send a message (/? for help)");
  EXPECT_TRUE(t->terminal().grey_at(0, 4));
  EXPECT_TRUE(t->terminal().bracketed_paste());
  enter(*t, "hello");
  EXPECT_EQ(t->terminal().line(0), ">>> hello");
  EXPECT_EQ(t->terminal().line(1), "echo: hello");
  EXPECT_EQ(t->terminal().line(2), "");
  enter(*t, "again");
  const Json messages = last_chat()["messages"];
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(messages[1]["content"], "echo: hello");
  EXPECT_EQ(leave(*t), 0);
  EXPECT_FALSE(t->terminal().bracketed_paste());
  EXPECT_TRUE(t->terminal().cursor_visible());
  EXPECT_EQ(t->terminal().unknown(), "");
}

TEST_F(SessionTest, StoredMessagesAreShown) {
  auto t = open({"stored"});
  EXPECT_EQ(t->count(">>> stored question\nstored answer\n\n"), 1) << t->screen();
}

TEST_F(SessionTest, QuotesOpenAndCloseAMessage) {
  auto t = open();
  t->send("\"\"\"first\r");
  EXPECT_TRUE(t->wait_for("... Use \"\"\" to end the message")) << t->screen();
  enter(*t, "second\"\"\"");
  EXPECT_EQ(last_chat()["messages"][0]["content"], "first\nsecond");
  enter(*t, "\"\"\"one line\"\"\"");
  EXPECT_EQ(last_chat()["messages"].back()["content"], "one line");
}

TEST_F(SessionTest, APasteOfTwentyLinesIsOneMessage) {
  auto t = open();
  std::string text;
  for (int i = 0; i < 20; ++i) text += (i ? "\r" : "") + std::string("line ") + std::to_string(i);
  t->send("\x1b[200~" + text + "\x1b[201~");
  EXPECT_TRUE(t->wait_for("... line 19")) << t->screen();
  EXPECT_EQ(server_.requests("/api/chat").size(), 0u);
  enter(*t, "");
  std::string expected = text;
  std::replace(expected.begin(), expected.end(), '\r', '\n');
  EXPECT_EQ(last_chat()["messages"][0]["content"], expected);
  EXPECT_EQ(server_.requests("/api/chat").size(), 1u);
}

TEST_F(SessionTest, CtrlJAddsALineAndBackspaceTakesItBack) {
  auto t = open();
  t->send("one\n");
  EXPECT_TRUE(t->wait_for("... Press Enter to send"));
  t->send("\x7f");
  t->settle();
  EXPECT_EQ(t->screen(), ">>> one\n");
  enter(*t, "\ntwo");
  EXPECT_EQ(last_chat()["messages"][0]["content"], "one\ntwo");
}

TEST_F(SessionTest, CtrlCInBothPlaces) {
  auto t = open();
  t->send("unfinished\x03");
  EXPECT_TRUE(t->wait_for("Use Ctrl + d or /bye to exit."));
  EXPECT_EQ(t->terminal().line(0), ">>> unfinished");
  t->settle();
  t->send("slow\r");
  EXPECT_TRUE(t->wait_for("word word"));
  EXPECT_TRUE(t->echoes());  // the terminal is in its usual mode while an answer comes
  t->send("\x03");
  EXPECT_TRUE(t->wait_until([&] { return at_prompt(*t); })) << t->screen();
  enter(*t, "next");
  const Json messages = last_chat()["messages"];
  ASSERT_EQ(messages.size(), 2u);  // the question stays, its answer is dropped
  EXPECT_EQ(messages[0]["content"], "slow");
  EXPECT_EQ(leave(*t), 0);
}

TEST_F(SessionTest, WhatIsTypedAheadIsSentLater) {
  auto t = open();
  t->send("brief\r");
  EXPECT_TRUE(t->wait_for("word"));
  t->send("typed ahead\r");
  EXPECT_TRUE(t->wait_for("echo: typed ahead")) << t->screen();
}

TEST_F(SessionTest, ErrorsLeaveTheSessionAlive) {
  auto t = open();
  enter(*t, "fail");
  EXPECT_EQ(t->count("error: the model is broken"), 1) << t->screen();
  enter(*t, "hello");
  EXPECT_EQ(last_chat()["messages"].size(), 1u);
}

TEST_F(SessionTest, SetCommands) {
  auto t = open();
  struct Case {
    const char *line, *says;
  };
  for (const Case& c :
       {Case{"/set parameter temperature 0.5", "Set parameter 'temperature' to '0.5'"},
        Case{"/set parameter stop a b", "Set parameter 'stop' to 'a, b'"},
        Case{"/set parameter dry_multiplier 0.8", "Set parameter 'dry_multiplier' to '0.8'"},
        Case{"/set parameter use_mmap false", "Set parameter 'use_mmap' to 'false'"},
        Case{"/set parameter top_k x", "Couldn't set parameter: \"invalid int value [x]\""},
        Case{"/set parameter frob 1", "Couldn't set parameter: \"unknown parameter 'frob'\""},
        Case{"/set parameter repeat_penalty 0",
             "Couldn't set parameter: \"option \"repeat_penalty\" must be"},
        Case{"/set parameter", "/set parameter seed"},
        Case{"/set system You are terse.", "Set system message."},
        Case{"/set wordwrap", "Set 'wordwrap' mode."},
        Case{"/set nowordwrap", "Set 'nowordwrap' mode."},
        Case{"/set format xml", "Invalid or missing format."},
        Case{"/set format json", "Set format to 'json' mode."},
        Case{"/set noformat", "Disabled format."},
        Case{"/set verbose", "Set 'verbose' mode."},
        Case{"/set think high", "Set 'think' mode to 'high'."},
        Case{"/set think", "warning: model \"m\" does not support thinking output"},
        Case{"/set nothink", "Set 'nothink' mode."},
        Case{"/set frob", "Unknown command '/set frob'. Type /? for help"},
        Case{"/set", "/set system <string>"}}) {
    const int before = t->count(c.says);
    enter(*t, c.line);
    EXPECT_GT(t->count(c.says), before) << c.line << "\n" << t->screen();
  }
  enter(*t, "hello");
  EXPECT_EQ(t->count("eval rate:            7.00 tokens/s"), 1) << t->screen();
  const Json chat = last_chat();
  EXPECT_EQ(chat["options"]["temperature"], 0.5);
  EXPECT_EQ(chat["options"]["stop"], Json::array({"a", "b"}));
  EXPECT_EQ(chat["messages"][0], (Json{{"role", "system"}, {"content", "You are terse."}}));
  EXPECT_EQ(chat["think"], false);
  EXPECT_FALSE(chat.contains("format"));
  enter(*t, "/clear");
  enter(*t, "new");
  EXPECT_EQ(last_chat()["messages"].size(), 2u);  // the system message is kept
}

TEST_F(SessionTest, SystemMessageOfSeveralLines) {
  auto t = open();
  t->send("/set system \"\"\"You are\r");
  EXPECT_TRUE(t->wait_for("... "));
  enter(*t, "terse.\"\"\"");
  enter(*t, "hello");
  EXPECT_EQ(last_chat()["messages"][0]["content"], "You are\nterse.");
}

TEST_F(SessionTest, ShowCommands) {
  auto t = open();
  struct Case {
    const char *line, *says;
  };
  for (const Case& c :
       {Case{"/show info", "    architecture      llama"}, Case{"/show license", "MIT"},
        Case{"/show modelfile", "# Modelfile"},
        Case{"/show system", "No system message was specified for this model."},
        Case{"/show template", "{{ .Prompt }}"},
        Case{"/show parameters", "Model defined parameters:\n  stop "},
        Case{"/show", "/show modelfile"},
        Case{"/show frob", "Unknown command '/show frob'. Type /? for help"},
        Case{"/list", "m:latest    0123456789ab    1.5 KB    Never"}, Case{"/?", "/save <model>"},
        Case{"/help set", "/set parameter ..."}, Case{"/? shortcuts", "Ctrl + j"},
        Case{"/frob", "Unknown command '/frob'. Type /? for help"}}) {
    const int before = t->count(c.says);
    enter(*t, c.line);
    EXPECT_GT(t->count(c.says), before) << c.line << "\n" << t->screen();
  }
  enter(*t, "/set parameter top_k 3");
  enter(*t, "/show parameters");
  EXPECT_EQ(t->count("User defined parameters:\n  top_k                          3"), 1)
      << t->screen();
  t->send("/bye\r");
  EXPECT_EQ(t->wait_for_end(), 0);
}

TEST_F(SessionTest, ABareModelSaysWhatItLacks) {
  auto t = open({"bare"});
  enter(*t, "/show license");
  EXPECT_EQ(t->count("No license was specified for this model."), 1);
  enter(*t, "/show parameters");
  EXPECT_EQ(t->count("  No additional parameters were specified for this model."), 1);
}

TEST_F(SessionTest, LoadChangesTheModel) {
  auto t = open();
  enter(*t, "hello");
  enter(*t, "/load");
  EXPECT_EQ(t->count("Usage:\n  /load <modelname>"), 1) << t->screen();
  enter(*t, "/load none");
  EXPECT_EQ(t->count("Loading model 'none'\nCouldn't find model 'none'"), 1) << t->screen();
  enter(*t, "still here");
  EXPECT_EQ(last_chat()["model"], "m");
  EXPECT_EQ(last_chat()["messages"].size(), 3u);
  enter(*t, "/load thinker");
  enter(*t, "new");
  EXPECT_EQ(last_chat()["model"], "thinker");
  EXPECT_EQ(last_chat()["messages"].size(), 1u);
  EXPECT_EQ(last_chat()["think"], true);
  EXPECT_EQ(t->count("Thinking...\nhmm\n...done thinking.\n\necho: new"), 1) << t->screen();
}

TEST_F(SessionTest, SaveMakesAModel) {
  auto t = open({"stored"});
  enter(*t, "/set system short");
  enter(*t, "/set parameter seed 3");
  enter(*t, "hello");
  enter(*t, "/save");
  EXPECT_EQ(t->count("Usage:\n  /save <modelname>"), 1);
  enter(*t, "/save bad name");
  EXPECT_EQ(t->count("Usage:\n  /save <modelname>"), 2);
  enter(*t, "/save b@d");
  EXPECT_EQ(t->count("error: The model name 'b@d' is invalid"), 1) << t->screen();
  enter(*t, "/save mine");
  EXPECT_EQ(t->count("Created new model 'mine'"), 1) << t->screen();
  const auto requests = server_.requests("/api/create");
  ASSERT_EQ(requests.size(), 1u);
  const Json& body = requests[0].body;
  EXPECT_EQ(body["model"], "mine");
  EXPECT_EQ(body["from"], "stored");
  EXPECT_EQ(body["system"], "short");
  EXPECT_EQ(body["parameters"], (Json{{"seed", 3}}));
  ASSERT_EQ(body["messages"].size(), 5u);  // two stored ones, system, question, answer
  EXPECT_EQ(body["messages"][4]["content"], "echo: hello");
}

TEST_F(SessionTest, HistoryIsKept) {
  {
    auto t = open();
    enter(*t, "first");
    enter(*t, "/set nohistory");
    enter(*t, "secret");
    enter(*t, "/set history");
    leave(*t);
  }
  std::ifstream file(home_ + "/.ollama/history");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(text.find("secret\n/set history"), std::string::npos);
  EXPECT_TRUE(text.starts_with("first\n/set nohistory\n")) << text;
  auto t = open();
  t->send("unfinished\x1b[A");
  t->settle();
  EXPECT_EQ(t->terminal().line(0), ">>> /set nohistory");
  t->send("\x10");
  t->settle();
  EXPECT_EQ(t->terminal().line(0), ">>> first");
  t->send("\x1b[B\x0e");
  t->settle();
  EXPECT_EQ(t->terminal().line(0), ">>> unfinished");
}

TEST_F(SessionTest, NoHistoryByTheEnvironment) {
  environment_["OLLAMA_NOHISTORY"] = "1";
  auto t = open();
  enter(*t, "first");
  leave(*t);
  EXPECT_FALSE(fs::exists(home_ + "/.ollama/history"));
}

TEST_F(SessionTest, TwentyColumnsAndWideCharacters) {
  auto t = open({"m"}, 20, 30);
  t->send("中文字中文字中文字中文字");
  t->settle();
  EXPECT_EQ(t->terminal().line(0), ">>> 中文字中文字中");
  EXPECT_EQ(t->terminal().line(1), "... 文字中文字");
  t->send("\x1b[D\x7f");  // left, backspace: the last but one goes
  t->settle();
  EXPECT_EQ(t->terminal().line(1), "... 文字中字");
  enter(*t, "");
  EXPECT_EQ(last_chat()["messages"][0]["content"], "中文字中文字中文字中字");
  enter(*t, "a few words that do not fit");
  for (int row = 0; row < 30; ++row) {
    const std::string line = t->terminal().line(row);
    EXPECT_TRUE(line.find("wor") == std::string::npos || line.find("words") != std::string::npos)
        << t->screen();
  }
  EXPECT_EQ(t->terminal().unknown(), "");
}

TEST_F(SessionTest, TheEditorOfTheUser) {
  const std::string script = home_ + "/editor";
  std::ofstream(script) << "#!/bin/sh\nprintf ' and\\nmore' >> \"$1\"\n"
                        << "case \"$1\" in */ollama-prompt-*.txt) ;; *) exit 1;; esac\n";
  fs::permissions(script, fs::perms::owner_all);
  environment_["OLLAMA_EDITOR"] = script;
  auto t = open();
  t->send("text\x07");
  EXPECT_TRUE(t->wait_for("... more")) << t->screen();
  enter(*t, "");
  EXPECT_EQ(last_chat()["messages"][0]["content"], "text and\nmore");
}

TEST_F(SessionTest, AnEditorThatFailsLosesNothing) {
  environment_["OLLAMA_EDITOR"] = "false";
  auto t = open();
  t->send("text\x07");
  EXPECT_TRUE(t->wait_for("error: the editor `false` failed")) << t->screen();
  enter(*t, "");
  EXPECT_EQ(last_chat()["messages"][0]["content"], "text");
}

TEST_F(SessionTest, ASignalPutsTheTerminalBack) {
  auto t = open();
  EXPECT_FALSE(t->echoes());
  ::kill(t->pid(), SIGTERM);
  EXPECT_EQ(t->wait_for_end(), 128 + SIGTERM);
  EXPECT_FALSE(t->terminal().bracketed_paste());
}

TEST_F(SessionTest, CtrlDDeletesUnderTheCursor) {
  auto t = open();
  t->send("abc\x01\x04");
  t->settle();
  EXPECT_EQ(t->terminal().line(0), ">>> bc");
  t->send("\x0b");
  t->settle();
  EXPECT_EQ(leave(*t), 0);
}

}  // namespace
}  // namespace engine
