"""The scripted model server, asked as the CLIs ask it but without them."""

import json
import select
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, IncompleteRead

import pytest
from tests.fakes.clients import CLAUDE, CLIENTS, CODEX, GEMINI, Body, Client
from tests.fakes.model_server.json_shape import at
from tests.fakes.model_server.roles import role_of_prompt
from tests.fakes.model_server.script_file import read_script
from tests.fakes.model_server.server import ModelServer
from tests.fakes.model_server.turns import Answer, Cut, Fail, Hang, Say, Shell, Think, Turn, Write

from wfd.adapters.assets import shipped

MOMENT_S = 0.2


@pytest.fixture(params=CLIENTS, ids=lambda client: client.api)
def client(request: pytest.FixtureRequest) -> Client:
    chosen = request.param
    assert isinstance(chosen, Client)
    return chosen


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer({}) as made:
        yield made


# --- turns --------------------------------------------------------------------


def test_a_turn_says_its_text_in_pieces_with_the_tokens_it_cost(
    server: ModelServer, client: Client
) -> None:
    turn = Turn(Think("Hm."), Say("All is well — “done”."), tokens_in=77, tokens_out=5)
    server.plays({"implement": [turn]})

    events = ask(server, client, "Implement it.").events

    assert client.said(events) == "All is well — “done”."
    assert len([event for event in events if client.said([event])]) > 1
    assert client.tokens(events) == (77, 5)


def test_tools_are_called_as_the_client_offered_them(server: ModelServer, client: Client) -> None:
    server.plays({"implement": [Turn(Shell("make"), Write("a/b.txt", "one\ntwo\n"))]})

    calls = client.calls(ask(server, client, "Implement it.").events)

    assert calls == [client.shell, client.write]


def test_the_steps_of_a_role_follow_each_other_and_the_last_repeats(
    server: ModelServer, client: Client
) -> None:
    server.plays(
        {
            "implement": [Turn(Say("one")), Turn(Say("two"))],
            "pm": [Turn(Say("pm"))],
        }
    )
    prompts = ["Implement it.", "Decide what happens next.", *["Implement it."] * 2, "Try the work"]

    said = [client.said(ask(server, client, prompt).events) for prompt in prompts]

    assert said == ["one", "pm", "two", "two", "Nothing is scripted for uat."]
    assert [seen.role for seen in server.requests] == ["implement", "pm", *["implement"] * 2, "uat"]


def test_a_new_script_begins_at_its_beginning(server: ModelServer, client: Client) -> None:
    for first in ("one", "three"):
        server.plays({"implement": [Turn(Say(first)), Turn(Say("next"))]})
        assert client.said(ask(server, client, "Implement it.").events) == first


def test_a_structured_answer_is_json_text(server: ModelServer, client: Client) -> None:
    server.plays({"pm": [Turn(Answer({"decision": "complete"}))]})

    said = client.said(ask(server, client, "Decide what happens next.").events)

    assert json.loads(said) == {"decision": "complete"}


def test_claude_is_answered_through_its_tool_for_that(server: ModelServer) -> None:
    server.plays({"pm": [Turn(Answer({"decision": "complete"}))]})
    body = CLAUDE.body(["Decide what happens next."], "") | {
        "tools": [{"name": "StructuredOutput"}]
    }

    calls = CLAUDE.calls(send(server, CLAUDE, body).events)

    assert calls == [("StructuredOutput", {"decision": "complete"})]


def test_codex_writes_by_its_shell_what_no_patch_can_write(server: ModelServer) -> None:
    server.plays({"implement": [Turn(Write("it's.txt", "no newline"))]})

    ((tool, arguments),) = CODEX.calls(ask(server, CODEX, "Implement it.").events)

    assert tool == "exec_command"
    assert at(arguments, "cmd") == """mkdir -p . && printf %s 'no newline' > 'it'"'"'s.txt'"""


def test_a_client_that_wants_no_stream_gets_one_value(server: ModelServer) -> None:
    server.plays({"*": [Turn(Say("Well."))]})
    claude = send(server, CLAUDE, CLAUDE.body(["Implement it."], "") | {"stream": False}).json
    codex = send(server, CODEX, CODEX.body(["Implement it."], "") | {"stream": False}).json
    path = "/v1beta/models/m:generateContent"
    gemini = send(server, GEMINI, GEMINI.body(["Implement it."], ""), path).json

    assert at(claude, "content", 0, "text") == "Well."
    assert at(codex, "output", 0, "content", 0, "text") == "Well."
    assert at(gemini, "candidates", 0, "content", "parts", 0, "text") == "Well."
    assert at(gemini, "usageMetadata", "promptTokenCount") == 1200


# --- failures -----------------------------------------------------------------


def test_a_failure_has_the_form_of_its_api_and_its_headers(
    server: ModelServer, client: Client
) -> None:
    server.plays({"implement": [Fail(429, "Slow down.", headers={"retry-after": "7"})]})

    reply = ask(server, client, "Implement it.")

    assert (reply.status, reply.headers["retry-after"]) == (429, "7")
    assert client.error(reply.json) == (client.kind, "Slow down.")


def test_a_failure_may_have_a_kind_or_a_body_of_its_own(
    server: ModelServer, client: Client
) -> None:
    body = {"error": {"resets_at": 1}}
    server.plays({"implement": [Fail(400, "No.", "my_kind"), Fail(429, "", body=body)]})

    assert client.error(ask(server, client, "Implement it.").json) == ("my_kind", "No.")
    assert ask(server, client, "Implement it.").json == body


def test_a_failure_with_status_200_comes_inside_the_stream(
    server: ModelServer, client: Client
) -> None:
    server.plays({"implement": [Fail(200, "It broke.", "my_kind")]})

    reply = ask(server, client, "Implement it.")

    assert reply.status == 200
    last = reply.events[-1]
    assert client.error(at(last, "response") or last) == ("my_kind", "It broke.")


def test_a_cut_stream_has_text_and_no_end(server: ModelServer, client: Client) -> None:
    server.plays({"implement": [Cut("Half a word")]})

    with pytest.raises(IncompleteRead) as caught:
        ask(server, client, "Implement it.")

    assert client.said(Reply(200, {}, caught.value.partial).events) == "Half a word"


def test_silence_before_the_headers_ends_with_the_server(client: Client) -> None:
    with ModelServer({"implement": [Hang(headers=False)]}) as server:
        connection = begin(server, client, "Implement it.")
        assert not select.select([connection.sock], [], [], MOMENT_S)[0]
    with closing(connection), pytest.raises(ConnectionError):
        connection.getresponse()


def test_silence_after_some_text_ends_with_the_server(client: Client) -> None:
    with ModelServer({"implement": [Hang("Let me think")]}) as server:
        connection = begin(server, client, "Implement it.")
        answer = connection.getresponse()
        heard = b""
        while client.said(Reply(200, {}, heard).events) != "Let me think":
            heard += answer.readline()
        assert not select.select([connection.sock], [], [], MOMENT_S)[0]
    with closing(connection), pytest.raises(IncompleteRead):
        answer.read()


def test_a_client_that_goes_in_the_middle_makes_no_noise(
    client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    much = Turn(Say("x" * 20_000_000))
    with ModelServer({"implement": [Hang(), Hang(headers=False), much, Turn(Say("Well."))]}) as one:
        for expected in (1, 2, 3):
            begin(one, client, "Implement it.").close()
            until(lambda expected=expected: len(one.requests) == expected)  # type: ignore[misc]
        assert client.said(ask(one, client, "Implement it.").events) == "Well."

    assert capfd.readouterr() == ("", "")


# --- what is recorded ---------------------------------------------------------


def test_a_request_is_recorded_with_all_that_was_said_before_it(
    server: ModelServer, client: Client
) -> None:
    before = time.monotonic()

    ask(server, client, "Implement it.", "Review the work now.", given="3 files")

    (seen,) = server.requests
    assert (seen.api, seen.key) == (client.api, "a-key")
    assert seen.path == client.path.partition("?")[0]
    assert (seen.is_main, seen.role, seen.prompt) == (True, "review", "Review the work now.")
    own = [text for text in seen.texts if text in ("Implement it.", "Review the work now.")]
    assert own == ["Implement it.", "Review the work now."]
    assert "3 files" in seen.texts[-1]
    assert seen.headers["content-length"].isdigit()
    assert seen.body == client.body(["Implement it.", "Review the work now."], "3 files")
    assert before <= seen.at <= time.monotonic()


def test_what_codex_puts_in_after_a_prompt_is_no_prompt(server: ModelServer) -> None:
    ask(server, CODEX, "Implement it.", "<turn_aborted>\nThe user stopped it.\n</turn_aborted>")

    (seen,) = server.requests
    assert (seen.role, seen.prompt) == ("implement", "Implement it.")


def test_what_a_cli_asks_by_itself_has_the_role_of_the_prompt_before(
    server: ModelServer, client: Client
) -> None:
    ask(server, client, "Implement it.", "You must call the tool.")

    (seen,) = server.requests
    assert (seen.role, seen.prompt) == ("implement", "You must call the tool.")


def test_requests_beside_the_conversation_take_no_step_of_the_script(
    server: ModelServer, client: Client
) -> None:
    server.plays({"implement": [Turn(Say("one"))], "other": [Fail(500, "not for these")]})
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    asked = client.body(["Implement it."], "") | {
        "tools": [],
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
        "generationConfig": {"responseJsonSchema": schema},
    }

    reply = send(server, client, asked)

    assert reply.status == 200
    expected = "Yes." if client is CODEX else '{"title": "scripted"}'
    assert client.said(reply.events) == expected
    assert [(seen.is_main, seen.role) for seen in server.requests] == [(False, None)]
    assert client.said(ask(server, client, "Implement it.").events) == "one"


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/v1/messages/count_tokens", {"input_tokens": 1200}),
        ("/v1beta/models/m:countTokens", {"totalTokens": 1200}),
        ("/v1/models", {"object": "list", "data": [], "models": []}),
        ("/api/anything", {"data": [], "has_more": False}),
    ],
)
def test_counts_and_lists_are_answered_blandly(
    server: ModelServer, path: str, answer: object
) -> None:
    asker = Client(**{**vars(CODEX), "path": path})

    assert send(server, asker, {}).json == answer
    assert [seen.is_main for seen in server.requests] == [False]


def test_web_sockets_are_refused_so_that_codex_goes_on_without(server: ModelServer) -> None:
    asker = Client(**{**vars(CODEX), "headers": {"upgrade": "websocket"}})

    assert send(server, asker, {}).status == 426


# --- roles and scripts --------------------------------------------------------


def test_every_prompt_of_wfd_begins_as_its_role_does() -> None:
    files = {file.stem: file for file in (shipped("templates") / "prompts").glob("*.md")}
    assert len(files) == 7
    for role, file in files.items():
        text = file.read_text().split("---\n", 2)[2]
        assert role_of_prompt(text) == role
    assert role_of_prompt("Hello.") == "other"


def test_the_star_serves_each_role_without_steps(server: ModelServer) -> None:
    server.plays({"*": [Turn(Say("one")), Turn(Say("two"))], "pm": [Turn(Say("pm"))]})
    prompts = ["Implement it.", "Decide what happens next.", "Hello."]

    said = [CLAUDE.said(ask(server, CLAUDE, prompt).events) for prompt in prompts]

    assert said == ["one", "pm", "two"]


def test_a_script_may_be_json() -> None:
    parts = [
        {"think": "hm"},
        {"shell": "make"},
        {"write": "a.txt", "text": "x"},
        {"answer": 1},
        "x",
    ]
    steps: list[object] = [
        {"turn": parts, "tokens_in": 7},
        {"fail": {"status": 429, "headers": {"retry-after": "1"}}},
        {"cut": "some"},
        {"hang": {"headers": False}},
        "Done.",
    ]

    assert read_script({"implement": steps}) == {
        "implement": [
            Turn(Think("hm"), Shell("make"), Write("a.txt", "x"), Answer(1), Say("x"), tokens_in=7),
            Fail(429, "scripted", headers={"retry-after": "1"}),
            Cut("some"),
            Hang(headers=False),
            Turn(Say("Done.")),
        ]
    }
    with pytest.raises(ValueError, match="no step: "):
        read_script({"implement": [{"jump": 1}]})


# --- how one asks -------------------------------------------------------------


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> object:
        return json.loads(self.raw)

    @property
    def events(self) -> list[Body]:
        lines = self.raw.decode().split("\n")
        return [json.loads(line.removeprefix("data: ")) for line in lines if line[:5] == "data:"]


def begin(server: ModelServer, client: Client, *prompts: str) -> HTTPConnection:
    """Send the request and leave the answer to the caller."""
    return _sent(server, client, client.body(list(prompts), ""), client.path)


def send(server: ModelServer, client: Client, body: Body, path: str = "") -> Reply:
    with closing(_sent(server, client, body, path or client.path)) as connection:
        answer = connection.getresponse()
        return Reply(answer.status, dict(answer.getheaders()), answer.read())


def ask(server: ModelServer, client: Client, *prompts: str, given: str = "") -> Reply:
    return send(server, client, client.body(list(prompts), given))


def _sent(server: ModelServer, client: Client, body: Body, path: str) -> HTTPConnection:
    connection = HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=20)
    connection.request("POST", path, json.dumps(body), dict(client.headers))
    return connection


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
