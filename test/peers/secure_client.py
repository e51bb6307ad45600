"""An HTTPS client of Python's http.client: one connection, a round of requests for each line on stdin."""

import hashlib
import http.client
import json
import ssl
import sys

port, certificate, version = sys.argv[1:]
context = ssl.create_default_context(cafile=certificate)
context.minimum_version = context.maximum_version = ssl.TLSVersion[version.replace(".", "_")]
connection = http.client.HTTPSConnection("127.0.0.1", int(port), context=context)
body = bytes(700_000)
# It would open another connection silently.
connection.auto_open = 0
connection.connect()


def ask(method, path, sent=None):
    connection.request(method, path, sent, {} if sent is None else {"Content-Type": "application/octet-stream"})
    response = connection.getresponse()
    got = response.read()
    facts = {name: response.headers["x-" + name] for name in ("pid", "port", "tls")}
    return response, got, facts


for line in sys.stdin:
    answers = []
    response, got, facts = ask("GET", "/")
    answers.append({**facts, "whole": got == b"hello\n"})
    response, got, facts = ask("POST", "/upload", body)
    answers.append({**facts, "whole": got.decode() == hashlib.sha256(body).hexdigest()})
    response, got, facts = ask("GET", "/large")
    answers.append({**facts, "whole": response.headers["x-sha256"] == hashlib.sha256(got).hexdigest()})
    print(json.dumps(answers), flush=True)
