"""A vendor's canteen terminal as a process: 120 meals in pages of 50, and every way to misbehave, by path."""

import base64
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

WANTED = "Basic " + base64.b64encode(b"admin:a password").decode()
MEALS = [
    {"id": n, "mealTime": 1_750_000_000 + n, "mealType": n % 3 + 1, "amount": "8.50", "card": f"04A2{n:04}"}
    for n in range(1, 121)
]


class Terminal(BaseHTTPRequestHandler):
    """Answers as its path says."""

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests look at the driver."""

    def do_GET(self) -> None:  # noqa: C901 - one case a misbehaviour
        """Meals after a number, or trouble."""
        parts = urlsplit(self.path)
        match parts.path:
            case "/meals" | "/safe":
                if parts.path == "/safe" and self.headers["Authorization"] != WANTED:
                    self.say(401, b"{}")
                    return
                after = int(parse_qs(parts.query).get("after", ["0"])[0])
                rows = [meal for meal in MEALS if meal["id"] > after][:50]  # type: ignore[operator]
                self.say(200, json.dumps({"data": {"rows": rows}}).encode())
            case "/endless-number":
                self.say(200, json.dumps({"data": {"rows": [MEALS[0] | {"id": "9" * 5000}]}}).encode())
            case "/odd-digest":
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Digest realm="a", nonce="b", algorithm=FOO')
                self.send_header("Content-Length", "0")
                self.end_headers()
            case "/moved":
                self.send_response(302)
                self.send_header("Location", "/meals")
                self.end_headers()
            case "/error":
                self.say(500, b"Internal Server Error")
            case "/garbage":
                self.say(200, b'{"data": {"rows": [{"id": 1, "meal')
            case "/half":
                self.send_response(200)
                self.send_header("Content-Length", "5000")
                self.end_headers()
                self.wfile.write(b'{"data"')
            case "/drip":
                self.send_response(200)
                self.end_headers()
                for _ in range(300):
                    self.wfile.write(b" ")
                    time.sleep(0.1)
            case "/silent":
                time.sleep(30)
            case "/endless":
                self.send_response(200)
                self.end_headers()
                for _ in range(10_000):
                    self.wfile.write(b" " * 10_000)

    def say(self, code: int, body: bytes) -> None:
        """A whole answer."""
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Terminal).serve_forever()
