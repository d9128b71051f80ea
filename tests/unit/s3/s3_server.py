#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/unit/s3/s3_server.py [--tls CERTIFICATE KEY]: a strict server of object storage, and one that misbehaves when told to.

It speaks as much of Amazon S3's protocol as firn uses, and of the services that give credentials; on the loopback interface, in memory. It
checks signatures of version 4 with all signed headers, payloads against their hash, dates, queries; puts are atomic. It prints its port, and then
reads commands from standard input, a line each; after each it prints a line, "ok" or what was asked for. At the end of its input it ends.

    key ACCESS SECRET [TOKEN]   these keys count from now on (more may be added); "nokeys" forgets all
    clock SECONDS               its clock is so far ahead
    region NAME                 where the bucket is
    bucket NAME [noput]         the only bucket that there is; noput: no permissions, see deny
    deny PERMISSION...          these are missing: s3:PutObject, s3:GetObject, s3:ListBucket, s3:DeleteObject; lock: nothing can be deleted
    fault COUNT METHOD KIND [ARGUMENT]
                                the next COUNT requests of a method (or any) go wrong: see Server.misbehave
    store KEY SIZE              an object as from elsewhere, of the byte 'x'; in KEY, %XX are bytes
    reply PATH TEXT...          what a GET or POST of the path answers, unsigned; %XX are bytes (services that give credentials)
    count                       requests that were begun, by method: "PUT=3 GET=1 ..."; and begins to count anew
    objects                     how many there are
    proxy                       how many requests named a whole URL
"""
import base64
import email.utils
import hashlib
import hmac
import re
import socket
import socketserver
import ssl
import sys
import threading
import time
import urllib.parse
import xml.sax.saxutils

LIMIT = 600  # seconds; it never lives longer
PORTAL = b"<!DOCTYPE html><html><body>Welcome to Hotel Wi-Fi. Please sign in.</body></html>"


class Refuse(Exception):
    """An answer that is an error of S3."""

    def __init__(self, status, code, extra="", headers=()):
        super().__init__(code)
        self.status, self.code, self.extra, self.headers = status, code, extra, dict(headers)


class Break(Exception):
    """The connection ends without an answer."""


class World:
    def __init__(self):
        self.lock = threading.Lock()
        self.keys = {"ak": ("secret/with+signs", None)}
        self.clock = 0
        self.region = "us-east-1"
        self.bucket = "bucket"
        self.denied = set()
        self.faults = []
        self.objects = {}
        self.replies = {}
        self.counts = {}
        self.proxied = 0
        self.held = threading.Event()

    def now(self):
        return time.time() + self.clock

    def take_fault(self, method):
        with self.lock:
            for fault in self.faults:
                if fault[0] > 0 and fault[1] in ("any", method):
                    fault[0] -= 1
                    return fault[2], fault[3]
        return None, None


WORLD = World()


def quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-_.~")


def check_signature(method, path, query, headers, payload_hash):
    given = headers.get("authorization", "")
    found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/,]+)/(\d{8})/([^/]+)/s3/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})",
                         given)
    if not found:
        raise Refuse(403, "AccessDenied" if not given else "AuthorizationHeaderMalformed")
    access, day, region, names, signature = found.groups()
    date = headers.get("x-amz-date", "")
    if not re.fullmatch(r"\d{8}T\d{6}Z", date) or date[:8] != day:
        raise Refuse(403, "AccessDenied")
    if access not in WORLD.keys:
        raise Refuse(403, "InvalidAccessKeyId")
    secret, token = WORLD.keys[access]
    if headers.get("x-amz-security-token") != token:
        raise Refuse(400 if token else 403, "ExpiredToken" if token else "InvalidToken")
    names = names.split(";")
    must = {"host", "x-amz-date", "x-amz-content-sha256"} | {name for name in headers if name.startswith("x-amz-")}
    must |= {"if-none-match", "range"} & set(headers)
    if names != sorted(names) or not must <= set(names) or not set(names) <= set(headers):
        raise Refuse(403, "AccessDenied", "<Message>Headers are not signed</Message>")
    pairs = [part.split("=", 1) for part in query.split("&")] if query else []
    if any(len(pair) != 2 for pair in pairs) or [quote(urllib.parse.unquote(name)) for name, _ in pairs] != [name for name, _ in pairs]:
        raise Refuse(400, "InvalidURI")
    canonical_query = "&".join(sorted(f"{name}={quote(urllib.parse.unquote(value))}" for name, value in pairs))
    canonical = "\n".join([method, quote(urllib.parse.unquote(path), safe="/"), canonical_query] +
                          [f"{name}:{' '.join(headers[name].split())}" for name in names] + ["", ";".join(names), payload_hash])
    scope = f"{day}/{region}/s3/aws4_request"
    key = ("AWS4" + secret).encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    if not hmac.compare_digest(hmac.new(key, text.encode(), "sha256").hexdigest(), signature):
        raise Refuse(403, "SignatureDoesNotMatch", f"<StringToSign>{text}</StringToSign>")
    asked = time.mktime(time.strptime(date, "%Y%m%dT%H%M%SZ")) - time.timezone
    if abs(asked - WORLD.now()) > 900:
        raise Refuse(403, "RequestTimeTooSkewed")
    if region != WORLD.region:
        raise Refuse(400, "AuthorizationHeaderMalformed", f"<Region>{WORLD.region}</Region>", {"x-amz-bucket-region": WORLD.region})


class Server(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    rbufsize = 1 << 16

    # ---- HTTP ----

    def handle(self):
        self.requests = 0
        self.connection.settimeout(60)
        try:
            while self.one_request():
                self.requests += 1
        except (Break, OSError, ValueError):
            pass

    def one_request(self):
        line = self.rfile.readline(65536).decode("latin-1").rstrip("\r\n")
        if not line:
            return False
        method, target, version = line.split(" ")
        assert version == "HTTP/1.1", version
        headers = {}
        while True:
            line = self.rfile.readline(65536).decode("latin-1").rstrip("\r\n")
            if not line:
                break
            name, _, value = line.partition(":")
            assert name.lower() not in headers, name
            headers[name.lower()] = value.strip()
        with WORLD.lock:
            WORLD.counts[method] = WORLD.counts.get(method, 0) + 1
            if target.startswith("http://"):
                WORLD.proxied += 1
                target = "/" + target.split("/", 3)[3]
        path, _, query = target.partition("?")
        self.method, self.path, self.query, self.headers = method, path, query, headers
        kind, argument = WORLD.take_fault(method)
        if kind == "reset" or (kind == "reset-kept" and self.requests > 0):
            self.abort()
        if kind == "close-half":  # after a part of the body
            self.rfile.read(min(int(argument), int(headers.get("content-length", 0))))
            self.abort()
        assert "expect" not in headers and "transfer-encoding" not in headers
        body = self.rfile.read(int(headers.get("content-length", 0)))
        self.act(kind, argument, body)
        if kind == "close":  # a connection that is idle, without a word
            return False
        return True

    def abort(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        raise Break

    def send(self, status, body=b"", headers=(), is_s3=True, length=None):
        lines = {"Date": email.utils.formatdate(WORLD.now(), usegmt=True), "Content-Length": str(len(body) if length is None else length)}
        if is_s3:
            lines["x-amz-request-id"] = "0000"
            lines["Server"] = "strict"
        lines.update(headers)
        head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None) + "\r\n"
        if self.method == "HEAD" or status in (204, 304):
            body = b""
        self.answer = head.encode("latin-1") + body
        return self.answer

    # ---- what goes wrong ----

    def act(self, kind, argument, body):
        """status CODE[:NAME]: an error. lose: done, without an answer. hold: the same, but the connection stays. truncate N: N bytes of the answer's body. hang N: the same, and then
        nothing. cut CODE[:NAME]: an error whose document ends in the middle, and the connection breaks. drip SECONDS N [body]: the answer, or its body,
        comes N bytes at a time with a pause after each. portal: a web page. redirect: 302 to one. moved: 301, as of a bucket in another region. xml TEXT: this in place of the body.
        noids: nothing tells that it is S3. html: the same, and the type is that of a web page. short: another range than was asked for. whole: no ranges. chunked: no length."""
        fault = kind
        if kind in ("status", "cut"):
            code, _, name = argument.partition(":")
            self.refuse(Refuse(int(code), name))
        elif kind == "portal":
            self.send(200, PORTAL, {"Content-Type": "text/html; charset=utf-8"}, is_s3=False)
        elif kind == "redirect":
            self.send(302, b"", {"Location": "http://127.0.0.1:9/login?secret=1"}, is_s3=False)
        elif kind == "moved":
            self.refuse(Refuse(301, "PermanentRedirect", "", {"x-amz-bucket-region": argument}))
        else:
            if fault == "short":
                first, last = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["range"]).groups()
                self.headers["range"] = f"bytes={first}-{int(last) - 1}"
                self.headers["unchecked"] = "1"
            if fault == "whole":
                self.headers.pop("range", None)
                self.headers["unchecked"] = "1"
            try:
                self.respond(body)
            except Refuse as refusal:
                self.refuse(refusal)
        head, _, rest = self.answer.partition(b"\r\n\r\n")
        if fault == "lose":
            self.abort()
        elif fault == "cut":
            self.wfile.write(head + b"\r\n\r\n" + rest[:len(rest) // 3])
            self.wfile.flush()
            time.sleep(0.2)  # it is read before the end is seen
            self.abort()
        elif fault == "drip":
            pause, size, *what = argument.split()
            whole = rest if what else self.answer
            self.wfile.write(self.answer[:len(self.answer) - len(whole)])
            for at in range(0, len(whole), int(size)):
                self.wfile.write(whole[at:at + int(size)])
                self.wfile.flush()
                time.sleep(float(pause))
            return
        elif fault == "hold":
            WORLD.held.wait(60)
            raise Break
        elif fault == "xml":
            text = urllib.parse.unquote_to_bytes(argument)
            head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(text), head)
            self.answer = head + b"\r\n\r\n" + text
        elif fault in ("noids", "html"):
            head = b"\r\n".join(line for line in head.split(b"\r\n") if not re.match(rb"(x-amz-|ETag|Content-Type)", line, re.I))
            head += b"\r\nContent-Type: text/html" if fault == "html" else b""
            self.answer = head + b"\r\n\r\n" + rest
        elif fault == "chunked":
            head = re.sub(rb"Content-Length: \d+", b"Transfer-Encoding: chunked", head)
            self.answer = head + b"\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(rest), rest)
        elif fault in ("truncate", "hang"):
            self.wfile.write(head + b"\r\n\r\n" + rest[:int(argument)])
            self.wfile.flush()
            if fault == "hang":
                WORLD.held.wait(60)
            raise Break
        self.wfile.write(self.answer)
        self.wfile.flush()

    def refuse(self, refusal):
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{refusal.code}</Code>{refusal.extra}<RequestId>0000</RequestId></Error>'
        self.send(refusal.status, text.encode() if refusal.code else b"", {"Content-Type": "application/xml", **refusal.headers})

    # ---- S3 ----

    def need(self, permission):
        if permission in WORLD.denied:
            raise Refuse(403, "AccessDenied")

    def respond(self, body):
        if self.path in WORLD.replies:
            status, wanted, text = WORLD.replies[self.path]
            if wanted and wanted.encode() not in (self.headers.get("authorization", "") + self.headers.get("x-aws-ec2-metadata-token", "") +
                                                  self.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")).encode() + body:
                return self.send(401, b"", is_s3=False)
            return self.send(status, text, is_s3=False)
        headers = {name: value for name, value in self.headers.items() if name != "unchecked"}
        payload_hash = headers.get("x-amz-content-sha256", "")
        if "unchecked" not in self.headers:
            check_signature(self.method, self.path, self.query, headers, payload_hash)
        if payload_hash != "UNSIGNED-PAYLOAD" and payload_hash != hashlib.sha256(body).hexdigest():
            raise Refuse(400, "XAmzContentSHA256Mismatch")
        if self.method == "PUT" and headers.get("x-amz-checksum-sha256") != base64.b64encode(hashlib.sha256(body).digest()).decode():
            raise Refuse(400, "BadDigest")
        _, bucket, *key = urllib.parse.unquote(self.path).split("/", 2)
        if bucket != WORLD.bucket:
            raise Refuse(404, "NoSuchBucket")
        if not key or not key[0]:
            assert self.method == "GET", self.method
            return self.list()
        return getattr(self, "do_" + self.method.lower())(key[0], body)

    def do_put(self, key, body):
        self.need("s3:PutObject")
        if self.headers.get("if-none-match") != "*":
            raise Refuse(400, "InvalidArgument")
        with WORLD.lock:
            if key in WORLD.objects:
                raise Refuse(412, "PreconditionFailed")
            WORLD.objects[key] = (body, WORLD.now())
        return self.send(200, b"", {"ETag": '"%s"' % hashlib.md5(body).hexdigest()})

    def find(self, key):
        with WORLD.lock:
            found = WORLD.objects.get(key)
        if found is None:
            raise Refuse(404, "NoSuchKey")
        return found[0], {"ETag": '"%s"' % hashlib.md5(found[0]).hexdigest(), "Last-Modified": email.utils.formatdate(found[1], usegmt=True)}

    def do_get(self, key, body):
        self.need("s3:GetObject")
        data, headers = self.find(key)
        if "range" not in self.headers:
            return self.send(200, data, headers)
        first, last = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["range"]).groups()
        first, last = int(first), min(int(last or len(data) - 1), len(data) - 1)
        if first >= len(data):
            raise Refuse(416, "InvalidRange")
        headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        return self.send(206, data[first:last + 1], headers)

    def do_head(self, key, body):
        self.need("s3:GetObject")
        data, headers = self.find(key)
        return self.send(200, data, headers)

    def do_delete(self, key, body):
        self.need("s3:DeleteObject")
        if "lock" in WORLD.denied:
            raise Refuse(403, "AccessDenied", "<Message>Access Denied because object protected by object lock.</Message>")
        with WORLD.lock:
            WORLD.objects.pop(key, None)
        return self.send(204)

    def list(self):
        self.need("s3:ListBucket")
        query = dict(urllib.parse.parse_qsl(self.query, keep_blank_values=True, strict_parsing=True, encoding="utf-8", errors="surrogateescape"))
        assert query.pop("list-type") == "2" and set(query) <= {"prefix", "start-after", "max-keys", "encoding-type"}, query
        count = int(query.get("max-keys", 1000))
        with WORLD.lock:
            keys = sorted((key for key in WORLD.objects if key.startswith(query.get("prefix", "")) and key > query.get("start-after", "")),
                          key=lambda key: key.encode("utf-8", "surrogateescape"))
            found = [(key, len(WORLD.objects[key][0]), WORLD.objects[key][1]) for key in keys[:count]]
        is_encoded = query.get("encoding-type") == "url"

        def spell(key):
            return urllib.parse.quote_plus(key.encode("utf-8", "surrogateescape"), safe="-_.*/") if is_encoded else xml.sax.saxutils.escape(key)
        rows = "".join(f"<Contents><Key>{spell(key)}</Key><LastModified>{time.strftime('%Y-%m-%dT%H:%M:%S.000Z', time.gmtime(made))}</LastModified>"
                       f"<ETag>&#34;x&#34;</ETag><Size>{size}</Size><Owner><ID>1</ID></Owner><StorageClass>STANDARD</StorageClass></Contents>"
                       for key, size, made in found)
        text = ('<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"<Name>{WORLD.bucket}</Name><IsTruncated>{'true' if len(keys) > count else 'false'}</IsTruncated>{rows}"
                f"{'<EncodingType>url</EncodingType>' if is_encoded else ''}<KeyCount>{len(found)}</KeyCount></ListBucketResult>")
        return self.send(200, text.encode(), {"Content-Type": "application/xml"})


class Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64
    context = None

    def get_request(self):
        connection, address = super().get_request()
        if self.context:
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request, client_address):
        import traceback
        traceback.print_exc()


def command(words):
    world = WORLD
    name, rest = words[0], words[1:]
    with world.lock:
        if name == "key":
            world.keys[rest[0]] = (rest[1], rest[2] if len(rest) > 2 else None)
        elif name == "nokeys":
            world.keys = {}
        elif name == "clock":
            world.clock = float(rest[0])
        elif name == "region":
            world.region = rest[0]
        elif name == "bucket":
            world.bucket = rest[0]
        elif name == "deny":
            world.denied = set(rest)
        elif name == "fault":
            world.faults.append([int(rest[0]), rest[1], rest[2], " ".join(rest[3:])])
        elif name == "well":
            world.faults = []
            world.held.set()
            world.held = threading.Event()
        elif name == "store":
            key = urllib.parse.unquote(rest[0], encoding="utf-8", errors="surrogateescape")
            world.objects[key] = (b"x" * int(rest[1]), world.now() - (float(rest[2]) if len(rest) > 2 else 0))
        elif name == "empty":
            world.objects = {}
        elif name == "reply":
            world.replies[rest[0]] = (int(rest[1]), urllib.parse.unquote(rest[2]) if rest[2] != "-" else "",
                                      urllib.parse.unquote_to_bytes(" ".join(rest[3:])))
        elif name == "count":
            text = " ".join(f"{method}={count}" for method, count in sorted(world.counts.items()))
            world.counts = {}
            return text or "none"
        elif name == "objects":
            return str(len(world.objects))
        elif name == "proxy":
            count, world.proxied = world.proxied, 0
            return str(count)
        else:
            return "unknown"
    return "ok"


def main():
    server = Listener(("127.0.0.1", 0), Server)
    if sys.argv[1:2] == ["--tls"]:
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.context.load_cert_chain(sys.argv[2], sys.argv[3])
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    timer = threading.Timer(LIMIT, server.shutdown)
    timer.daemon = True
    timer.start()
    print(server.server_address[1], flush=True)
    for line in sys.stdin:
        print(command(line.split()), flush=True)


if __name__ == "__main__":
    main()
