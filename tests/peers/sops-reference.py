"""The SOPS format once more, written from its published description, to be held against ours.

    sops-reference.py open FORMAT KEYFILE FILE            prints what the file holds, as JSON
    sops-reference.py seal FORMAT RECIPIENTS REGEX FILE   prints the file encrypted

age is that of pyrage, AES that of cryptography, YAML that of PyYAML. Written for tests: it takes what
they give it, and nothing of it is shared with the program.
"""

import base64
import hashlib
import json
import os
import re
import sys
from datetime import datetime, timezone

import pyrage
import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VALUE = re.compile(r"^ENC\[AES256_GCM,data:(.*),iv:(.*),tag:(.*),type:(.*)\]$", re.S)
NARROW = hashlib.sha256(b"sops").digest()


class Loader(yaml.SafeLoader):
    """Reads times as texts; SOPS is told of none here."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, regex) for tag, regex in resolvers if not tag.endswith((":timestamp", ":merge"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Dumper(yaml.SafeDumper):
    """Quotes every text: what PyYAML takes for one may be a number to the parser that SOPS uses."""


Dumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def told(value):
    """Returns a value as it is encrypted, and its type."""
    if isinstance(value, bool):
        return str(value).encode(), "bool"
    if isinstance(value, int):
        return str(value).encode(), "int"
    if isinstance(value, float):
        return (f"{value:f}".rstrip("0").rstrip(".")).encode(), "float"
    return value.encode(), "str"


def read(text, kind):
    return {"int": int, "float": float, "bool": lambda it: it == "True"}.get(kind, str)(text)


def encrypt(key, value, path):
    clear, kind = told(value)
    if not clear:
        return ""
    nonce = os.urandom(32)
    sealed = AESGCM(key).encrypt(nonce, clear, path.encode())
    parts = [base64.b64encode(part).decode() for part in (sealed[:-16], nonce, sealed[-16:])]
    return "ENC[AES256_GCM,data:{},iv:{},tag:{},type:{}]".format(*parts, kind)


def decrypt(key, text, path):
    if text == "":
        return ""
    data, nonce, tag, kind = VALUE.match(text).groups()
    data, nonce, tag = (base64.b64decode(part) for part in (data, nonce, tag))
    return read(AESGCM(key).decrypt(nonce, data + tag, path.encode()).decode(), kind)


def is_secret(rules, path):
    if rules.get("encrypted_regex"):
        return any(re.search(rules["encrypted_regex"], name) for name in path)
    if rules.get("unencrypted_regex"):
        return not any(re.search(rules["unencrypted_regex"], name) for name in path)
    if rules.get("encrypted_suffix"):
        return any(name.endswith(rules["encrypted_suffix"]) for name in path)
    suffix = rules.get("unencrypted_suffix") or "_unencrypted"
    return not any(name.endswith(suffix) for name in path)


def walk(value, path, leaf):
    if isinstance(value, dict):
        return {name: walk(inner, path + [name], leaf) for name, inner in value.items()}
    if isinstance(value, list):
        return [walk(inner, path, leaf) for inner in value]
    return None if value is None else leaf(value, path)


def lines(text):
    """Returns the assignments of dotenv; comments hold nothing that counts."""
    pairs = (line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value.replace("\\n", "\n") for name, value in pairs}


def unflattened(flat):
    tree = {"age": []}
    for name, value in flat.items():
        entry = re.match(r"^age__list_(\d+)__map_(\w+)$", name)
        if entry:
            place, field = int(entry[1]), entry[2]
            tree["age"] += [{} for _ in range(place + 1 - len(tree["age"]))]
            tree["age"][place][field] = value
        else:
            tree[name] = value
    return tree


def load(form, text):
    if form == "yaml":
        tree = yaml.load(text, Loader)
        return tree, tree.pop("sops", None)
    pairs = lines(text)
    flat = {name[5:]: pairs.pop(name) for name in list(pairs) if name.startswith("sops_")}
    return pairs, unflattened(flat) if flat else None


def data_key(metadata, keyfile):
    secrets = [line for line in open(keyfile).read().split("\n") if line.startswith("AGE-SECRET-KEY-1")]
    identities = [pyrage.x25519.Identity.from_str(secret) for secret in secrets]
    ours = {str(identity.to_public()) for identity in identities}
    for entry in metadata["age"]:
        if entry["recipient"] in ours:
            return pyrage.decrypt(entry["enc"].encode(), identities)
    raise SystemExit("no matching key")


def opened(form, text, keyfile):
    tree, metadata = load(form, text)
    key, mac = data_key(metadata, keyfile), hashlib.sha512()
    is_narrow = metadata.get("mac_only_encrypted") in (True, "true")
    if is_narrow:
        mac.update(NARROW)

    def leaf(value, path):
        secret = is_secret(metadata, path)
        clear = decrypt(key, value, ":".join(path) + ":") if secret else value
        if secret or not is_narrow:
            mac.update(told(clear)[0])
        return clear

    clear = walk(tree, [], leaf)
    expected = decrypt(key, metadata["mac"], metadata["lastmodified"])
    if mac.hexdigest().upper() != expected:
        raise SystemExit("MAC mismatch")
    return clear


def sealed(form, text, recipients, regex):
    tree, _ = load(form, text)
    key, mac = os.urandom(32), hashlib.sha512()
    rules = {"encrypted_regex": regex} if regex else {"unencrypted_suffix": "_unencrypted"}

    def leaf(value, path):
        mac.update(told(value)[0])
        return encrypt(key, value, ":".join(path) + ":") if is_secret(rules, path) else value

    tree = walk(tree, [], leaf)
    at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    def entry(recipient):
        to = pyrage.x25519.Recipient.from_str(recipient)
        return {"recipient": recipient, "enc": pyrage.encrypt(key, [to], armored=True).decode()}

    metadata = {
        "age": [entry(recipient) for recipient in recipients],
        "lastmodified": at,
        "mac": encrypt(key, mac.hexdigest().upper(), at),
        **rules,
        "version": "3.9.2",
    }
    if form == "yaml":
        return yaml.dump({**tree, "sops": metadata}, Dumper=Dumper, sort_keys=False, width=10_000)
    flat = {f"age__list_{place}__map_{field}": value for place, entry in enumerate(metadata.pop("age")) for field, value in entry.items()}
    pairs = {**tree, **{f"sops_{name}": value for name, value in sorted({**flat, **metadata}.items())}}
    return "".join(f"{name}={value}\n".replace("\n", "\\n")[:-2] + "\n" for name, value in pairs.items())


def main(verb, form, who, *rest):
    text = open(rest[-1]).read()
    if verb == "open":
        print(json.dumps(opened(form, text, who)))
    else:
        print(sealed(form, text, who.split(","), rest[0]), end="")


main(*sys.argv[1:])
