# SPDX-License-Identifier: Apache-2.0
"""A language model that does as it is told, on a port of the loopback interface, behind the interfaces that agents speak to: Anthropic's
messages, OpenAI's responses and chat completions, Gemini's contents. Its first answer runs a command with the agent's tool for
commands; what comes after the result of a tool is a text, and so is the answer to a request without such a tool."""
import http.server
import json
import threading

SHELLS = ("Bash", "bash", "exec_command", "shell_command", "shell", "run_shell_command", "run_commands")


def arguments_of(tool, command):
    if tool == "run_commands":
        return {"commands": [command]}
    if tool == "shell":
        return {"command": ["bash", "-c", command]}
    given = {"cmd" if tool == "exec_command" else "command": command, "description": "tidy up"}
    return {**given, "is_background": False} if tool == "run_shell_command" else given


def stream(*events):
    """Events for a client that reads them as they come; each is what its data says, with its type as the name."""
    text = ""
    for event in events:
        name = f"event: {event['type']}\n" if isinstance(event, dict) and "type" in event else ""
        text += f"{name}data: {event if isinstance(event, str) else json.dumps(event)}\n\n"
    return text, "text/event-stream"


def whole(answer):
    return json.dumps(answer), "application/json"


def messages(body, tool, command):
    base = {"id": "msg_1", "type": "message", "role": "assistant", "model": body.get("model"), "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1}}
    if not body.get("stream"):
        return whole({**base, "content": [{"type": "text", "text": "done"}], "stop_reason": "end_turn"})
    block = {"type": "tool_use", "id": "toolu_1", "name": tool, "input": {}} if tool else {"type": "text", "text": ""}
    delta = ({"type": "input_json_delta", "partial_json": json.dumps(arguments_of(tool, command))} if tool
             else {"type": "text_delta", "text": "done"})
    end = {"stop_reason": "tool_use" if tool else "end_turn", "stop_sequence": None}
    return stream({"type": "message_start", "message": {**base, "content": [], "stop_reason": None}},
                  {"type": "content_block_start", "index": 0, "content_block": block},
                  {"type": "content_block_delta", "index": 0, "delta": delta},
                  {"type": "content_block_stop", "index": 0},
                  {"type": "message_delta", "delta": end, "usage": {"output_tokens": 1}},
                  {"type": "message_stop"})


def responses(body, tool, command):
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "done", "annotations": []}]}
    if tool:
        item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": tool,
                "arguments": json.dumps(arguments_of(tool, command))}
    response = {"id": "resp_1", "object": "response", "created_at": 1, "model": body.get("model"), "status": "in_progress",
                "output": []}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2, "input_tokens_details": {"cached_tokens": 0},
             "output_tokens_details": {"reasoning_tokens": 0}}
    return stream({"type": "response.created", "response": response},
                  {"type": "response.output_item.done", "output_index": 0, "item": item},
                  {"type": "response.completed",
                   "response": {**response, "status": "completed", "output": [item], "usage": usage}})


def completions(body, tool, command):
    delta = {"role": "assistant", "content": "done"}
    if tool:
        call = {"name": tool, "arguments": json.dumps(arguments_of(tool, command))}
        delta = {"role": "assistant", "tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": call}]}
    end = "tool_calls" if tool else "stop"
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": body.get("model")}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    if not body.get("stream"):
        return whole({**base, "object": "chat.completion", "usage": usage,
                      "choices": [{"index": 0, "message": delta, "finish_reason": end}]})
    return stream({**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
                  {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": end}]},
                  {**base, "choices": [], "usage": usage}, "[DONE]")


def contents(body, tool, command, is_stream):
    part = {"functionCall": {"name": tool, "args": arguments_of(tool, command)}} if tool else {"text": "done"}
    answer = {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
              "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}, "modelVersion": "m"}
    return stream(answer) if is_stream else whole(answer)


def tool_for(body):
    """The tool to run the command with; None if there is none, or the command was run."""
    text = json.dumps(body.get("messages") or body.get("input") or body.get("contents") or [])
    if any(word in text for word in ('"tool_result"', '"function_call_output"', '"functionResponse"', '"role": "tool"')):
        return None
    tools = json.dumps(body.get("tools", []))
    return next((name for name in SHELLS if f'"name": "{name}"' in tools), None)


def answer_to(path, body, command):
    """The text of the answer and its type; None if there is none at such a path."""
    tool = tool_for(body)
    if "count_tokens" in path:
        return whole({"input_tokens": 1})
    if "countTokens" in path:
        return whole({"totalTokens": 1})
    if "/messages" in path:
        return messages(body, tool, command)
    if path.endswith("/responses"):
        return responses(body, tool, command)
    if "/chat/completions" in path:
        return completions(body, tool, command)
    return contents(body, tool, command, "stream" in path) if "enerateContent" in path else None


class Model:
    """Serves until the with block ends."""

    def __init__(self, command):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def body(self):
                size = int(self.headers.get("Content-Length") or 0)
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(size)
                whole_body = b""
                while size := int(self.rfile.readline().strip() or b"0", 16):
                    whole_body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return whole_body

            def answer(self):
                try:
                    answer = answer_to(self.path.split("?")[0], json.loads(self.body() or b"{}"), command)
                except ValueError:
                    answer = None
                text, kind = answer or ("{}", "application/json")
                self.send_response(200 if answer else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_HEAD = do_POST = answer

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                """A client that goes away is no failure."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
