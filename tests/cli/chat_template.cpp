// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "program.h"

using namespace tern::test;

namespace {

constexpr const char* kHello = R"([{"role":"user","content":"Hi \u00e9"}])";

}  // namespace

TEST_CASE("chat-template renders the messages of standard input without a line end of its own") {
  const TemporaryFolder folder;
  folder.write("chat_template.jinja",
               "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if "
               "add_generation_prompt %}<a>{% endif %}{{ x }}");
  const std::string path = folder / "";
  CHECK(run_tern({"chat-template", path}, {.input = kHello}).out == "<user>Hi é");
  CHECK(run_tern({"chat-template", path, "--generation-prompt", "--set", "x=[1, \"b\"]"},
                 {.input = kHello})
            .out == "<user>Hi é<a>[1, 'b']");
  CHECK(run_tern({"chat-template", path},
                 {.input = std::string("{\"messages\":") + kHello + ",\"kwargs\":{\"x\":1.0}}"})
            .out == "<user>Hi é1.0");
  CHECK(run_tern({"chat-template", path, "--set", "x=2"},
                 {.input = std::string("{\"messages\":") + kHello + ",\"kwargs\":{\"x\":1.0}}"})
            .out == "<user>Hi é2");
  CHECK(run_tern({"chat-template", path, folder.write("messages.json", kHello)}).out ==
        "<user>Hi é");
}

TEST_CASE("chat-template --json gives the spans of generation, --show the template") {
  const TemporaryFolder folder;
  folder.write("chat_template.jinja", "é{% generation %}ab{% endgeneration %}");
  const std::string path = folder / "";
  CHECK(run_tern({"chat-template", path, "--json"}, {.input = kHello}).out ==
        "{\"text\":\"éab\",\"assistant\":[[1,3]]}\n");
  CHECK(run_tern({"chat-template", path, "--show"}).out ==
        "é{% generation %}ab{% endgeneration %}");
}

TEST_CASE("chat-template tells a template's refusal from a bad template and a missing one") {
  const TemporaryFolder folder;
  const std::string path = folder / "";
  folder.write("tokenizer_config.json", "{}");
  const Outcome none = run_tern({"chat-template", path}, {.input = kHello});
  CHECK(none.exit_code == 3);
  folder.write("chat_template.jinja", "{{ raise_exception('no') }}");
  const Outcome refused = run_tern({"chat-template", path}, {.input = kHello});
  CHECK(refused.exit_code == 2);
  CHECK(refused.out.empty());
  folder.write("chat_template.jinja", "\n{{ 1 + }}");
  const Outcome bad = run_tern({"chat-template", path}, {.input = kHello});
  CHECK(bad.exit_code == 4);
  CHECK(bad.err.find("line 2") != std::string::npos);
}

TEST_CASE(
    "chat-template --tokenize writes a line of ids for each conversation, --mask with a mask") {
  const std::string path = TERN_TEST_DATA "/tokenizers/chat";
  const std::string talk =
      R"([{"role":"user","content":"H"},{"role":"assistant","content":"the"}])";
  const Outcome one = run_tern({"chat-template", path, "--tokenize", "--mask"}, {.input = talk});
  CHECK(one.exit_code == 0);
  CHECK(one.out ==
        "{\"input_ids\":[276,268,198,39,277,198,276,270,272,259,83,198,263,277,198],"
        "\"assistant_masks\":[0,0,0,0,0,0,0,0,0,0,0,0,1,1,0]}\n");
  const Outcome two = run_tern({"chat-template", path, "--tokenize", "--max-length", "3"},
                               {.input = "[" + talk + "," + kHello + "]"});
  CHECK(two.out == "[276,268,198]\n[276,268,198]\n");
  CHECK(run_tern({"chat-template", path, "--mask"}, {.input = kHello}).exit_code == 2);
}
