"""A shop that takes orders: `GET /` tells of them, `POST /` takes one. The environment says where its database is."""

import os
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2

VERSION = "v1"


def query(statement, *values):
    with psycopg2.connect(connect_timeout=5) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone() if cursor.description else None


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            query("SELECT 1")
            return self.answer(200, "well\n")
        (count,) = query("SELECT count(*) FROM orders")
        self.answer(200, f"shop {VERSION} on {socket.gethostname()}: {count} orders\n")

    def do_POST(self):
        item = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        query("INSERT INTO orders (item) VALUES (%s)", item)
        self.answer(201, f"{socket.gethostname()} took an order: {item}\n")

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


if sys.argv[1:] == ["migrate"]:
    with open(os.path.join(os.path.dirname(__file__), "schema.sql")) as schema:
        query(schema.read())
else:
    ThreadingHTTPServer(("", int(os.environ["PORT"])), Shop).serve_forever()
