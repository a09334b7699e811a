#!/usr/bin/env python3
"""Encrypted values of data bag items, made without Toque: `encrypted.py > encrypted.json`.

Wants the package `cryptography`. The secrets are invented. Initialization vectors are made of the case's number, so that the file
comes out the same each time.
"""

import base64
import hashlib
import hmac
import json

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SECRETS = [b"an invented secret", "ein erfundenes Geheimnis: \u00fc\u00df".encode(), bytes(range(128, 160)), b"k" * 700]
VALUES = [
    "", "plain", "sixteen bytes ..", "na\u00efve \u65e5\u672c\u8a9e \U0001f600", "tab\t, quote \", \\, NUL \0, line\nbreak",
    0, -1, 9223372036854775807, 18446744073709551615, 1.5, -2.5e-7, 0.1, True, False, None, [], {}, [1, "two", None, [3.5]],
    {"user": "app", "nested": {"list": [{"a": 1}, {"b": [True]}]}, "": "empty key"}, "long " * 200,
    {"json_wrapper": 1}, "{\"json_wrapper\": 1}", {"encrypted_data": "not really", "version": 9},
]


def encode64(data):
    """As Ruby does: a line break after 60 characters, and at the end."""
    text = base64.b64encode(data).decode()
    return "".join(text[at:at + 60] + "\n" for at in range(0, len(text), 60))


def cbc(key, iv, plain):
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()


def bytes_to_key(secret):
    """EVP_BytesToKey: MD5, 2048 rounds, no salt; a key of 32 bytes and an initialization vector of 16."""
    made, block = b"", b""
    while len(made) < 48:
        block += secret
        for _ in range(2048):
            block = hashlib.md5(block).digest()
        made += block
    return made[:32], made[32:48]


def encrypt(version, secret, value, number):
    if version == 0:
        # JSON is YAML.
        return encode64(cbc(*bytes_to_key(secret), ("--- " + json.dumps(value) + "\n").encode()))
    seed = hashlib.sha256(f"{number}".encode()).digest()
    key = hashlib.sha256(secret).digest()
    plain = json.dumps({"json_wrapper": value}, ensure_ascii=number % 2 == 0).encode()
    if version == 3:
        sealed = AESGCM(key).encrypt(seed[:12], plain, b"")
        return {
            "encrypted_data": encode64(sealed[:-16]), "iv": encode64(seed[:12]), "auth_tag": encode64(sealed[-16:]),
            "version": 3, "cipher": "aes-256-gcm",
        }
    data = encode64(cbc(key, seed[:16], plain))
    made = {"encrypted_data": data, "iv": encode64(seed[:16]), "version": version, "cipher": "aes-256-cbc"}
    if version == 2:
        made["hmac"] = encode64(hmac.new(secret, data.encode(), hashlib.sha256).digest())
    return made


cases = []
for version in range(4):
    for value in VALUES:
        secret = SECRETS[len(cases) % len(SECRETS)]
        cases.append({
            "version": version, "secret_base64": base64.b64encode(secret).decode(), "value": value,
            "encrypted": encrypt(version, secret, value, len(cases)),
        })
print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")
