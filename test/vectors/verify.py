#!/usr/bin/env python3
"""Verifies the Ed25519 coins of docs/format.md, written from that page alone.

Shares no code with dcep and needs nothing but Python's standard library.
Writes TAP.  Usage: verify.py [docs/format.md]
"""

import base64
import hashlib
import re
import sys

# Ed25519, as in RFC 8032 section 5.1, with affine points and no care for speed.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def add(a, b):
    t = D * a[0] * b[0] * a[1] * b[1] % P
    return (
        (a[0] * b[1] + a[1] * b[0]) * pow(1 + t, -1, P) % P,
        (a[1] * b[1] + a[0] * b[0]) * pow(1 - t, -1, P) % P,
    )


def multiply(number, point):
    result = (0, 1)
    while number:
        if number & 1:
            result = add(result, point)
        point = add(point, point)
        number >>= 1
    return result


def decode_point(octets):
    number = int.from_bytes(octets, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * SQRT_M1 % P
    if x * x % P != square or (x == 0 and sign):
        return None
    return (P - x if x & 1 != sign else x, y)


BASE = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def ed25519_verify(public_key, message, signature):
    key, commitment = decode_point(public_key), decode_point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or s >= L or multiply(8, key) == (0, 1):
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    k = int.from_bytes(digest, "little") % L
    return multiply(s, BASE) == add(commitment, multiply(k, key))


# The page.


def H(octets):
    return hashlib.sha256(octets).digest()


def is_wallet(number):
    digits = f"{number:016d}"
    if len(digits) != 16 or digits[:4] == "0000":
        return False
    product = 10
    for digit in digits[:15]:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[15])


def path_length(index, size):
    count, node, last = 0, index, size - 1
    while node != last:
        count, node, last = count + 1, node // 2, last // 2
    while node > 0:
        count, node = count + node % 2, node // 2
    return count


def parse_coin(text):
    """Fields of a coin, or None."""
    letters = text[5:]
    if not re.fullmatch(r"dcep1[A-Za-z0-9_-]*", text) or len(letters) % 4 == 1:
        return None
    octets = base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4))
    if base64.urlsafe_b64encode(octets).decode().rstrip("=") != letters or len(octets) < 196:
        return None

    def number(begin, end, signed=False):
        return int.from_bytes(octets[begin:end], "big", signed=signed)

    index, size = number(124, 128), number(128, 132)
    sound = (
        octets[0] == 1
        and octets[1] == 1
        and 1 <= number(2, 4) <= 9999
        and 1 <= number(4, 8) < 2**31
        and re.fullmatch(rb"[A-Z]{3}", octets[8:11])
        and octets[11] <= 18
        and 2 <= number(12, 20) < 2**63
        and 1 <= number(20, 28) < 2**63
        and is_wallet(number(28, 36))
        and number(36, 44, signed=True) >= -210866803200000000
        and index < size
        and len(octets) == 196 + 32 * path_length(index, size)
    )
    if not sound:
        return None
    return {
        "body": octets[:60],
        "id": number(12, 20),
        "amount": number(20, 28),
        "owner": number(28, 36),
        "sibling": octets[60:92],
        "context": octets[92:124],
        "index": index,
        "size": size,
        "path": [octets[i : i + 32] for i in range(132, len(octets) - 64, 32)],
        "signature": octets[-64:],
    }


def transfer_hash(coin):
    hashes = [H(b"\x00" + coin["body"]), coin["sibling"]]
    if coin["id"] % 2 == 1:
        hashes.reverse()
    return H(b"\x02" + hashes[0] + hashes[1] + coin["context"])


def batch_root(coin):
    result, node, last, path = transfer_hash(coin), coin["index"], coin["size"] - 1, iter(coin["path"])
    while last > 0:
        if node % 2 == 1:
            result = H(b"\x04" + next(path) + result)
        elif node != last:
            result = H(b"\x04" + result + next(path))
        node, last = node // 2, last // 2
    return result


def coin_is_genuine(text, public_key):
    coin = parse_coin(text)
    return coin is not None and ed25519_verify(
        public_key, b"dcep transfer v1" + batch_root(coin), coin["signature"]
    )


ABSENT = b"\xff\xff\xff\xff"


def encode_optional(value):
    return ABSENT if value is None else len(bytes.fromhex(value)).to_bytes(4, "big") + bytes.fromhex(value)


def encode_context(transfer, token=None, device_signature=None):
    fields = [bytes.fromhex(transfer["prev_hash"])]
    fields += [int(transfer[name]).to_bytes(8, "big") for name in ("seq", "id")]
    fields += [int(transfer["kind"]).to_bytes(1, "big")]
    fields += [int(transfer[name]).to_bytes(8, "big") for name in ("payer", "payee", "amount", "created_at")]
    fields += [transfer["key"].encode()]
    fields += [b"".join(int(coin).to_bytes(8, "big") for coin in transfer["inputs"].split())]
    encoded = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    instruction = b""
    if token or device_signature:
        instruction = encode_optional(token) + encode_optional(device_signature)
    return b"dcep context v1\x00" + encoded + ABSENT + instruction


def encode_instruction(transfer, kind, payee, memo):
    fields = [b"CNY", int(kind).to_bytes(1, "big")]
    fields += [int(number).to_bytes(8, "big") for number in (transfer["payer"], payee, transfer["amount"])]
    fields += [transfer["key"].encode()]
    encoded = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    return b"dcep instruct v1" + encoded + encode_optional(memo)


# The vectors on it.


def read_vectors(path):
    """Sections of the last fenced block, each a dictionary."""
    with open(path, encoding="utf-8") as page:
        block = page.read().split("```")[-2]
    sections = {}
    for line in block.strip().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif " = " in line:
            name, value = line.split(" = ", 1)
            section.setdefault(name, value)
    return sections


def check_vectors(vectors):
    """Pairs of a claim and whether it holds."""
    transfer, alone, batch = vectors["transfer"], vectors["ed25519"], vectors["batch"]
    public_key = bytes.fromhex(alone["public_key"])
    payee, change = parse_coin(alone["payee_coin"]), parse_coin(alone["change_coin"])
    context = bytes.fromhex(transfer["context"])

    yield "the context encodes the fields", encode_context(transfer) == context
    token = vectors["token"]
    to_token = {**transfer, "kind": token["kind"]}
    yield "a context with a token", encode_context(to_token, token["token"]).hex() == token["context"]
    yield "a context with a device's signature", (
        encode_context(to_token, token["token"], token["device_signature"]).hex() == token["signed_context"]
    )
    device = vectors["instruction"]
    instruction = encode_instruction(transfer, transfer["kind"], transfer["payee"], None)
    yield "an instruction", instruction.hex() == device["instruction"]
    yield "its signature by the payer's device", ed25519_verify(
        public_key, instruction, bytes.fromhex(device["ed25519"])
    )
    yield "of another amount it is none", not ed25519_verify(
        public_key, encode_instruction({**transfer, "amount": "1251"}, 2, transfer["payee"], None), bytes.fromhex(device["ed25519"])
    )
    yield "an instruction to a token, with an empty memo", (
        encode_instruction(transfer, 8, int(token["token"][:16], 16), "").hex() == device["token_instruction"]
    )
    yield "it has the hash given", H(b"\x01" + context).hex() == alone["context_hash"]
    for name, coin, owner, amount in (
        ("payee's coin", payee, transfer["payee"], transfer["amount"]),
        ("change", change, transfer["payer"], transfer["change"]),
    ):
        blinding = H(b"\x03" + bytes([coin["id"] % 2]) + context)[:16]
        yield f"the {name} has its owner and amount", coin["owner"] == int(owner) and coin["amount"] == int(amount)
        yield f"the {name} has its blinding", coin["body"][44:] == blinding
        yield f"the {name} has the transfer's hash", transfer_hash(coin).hex() == alone["transfer_hash"]
    yield "the payee's coin is genuine", coin_is_genuine(alone["payee_coin"], public_key)
    yield "the change is genuine", coin_is_genuine(alone["change_coin"], public_key)
    yield "the batch has its root", batch_root(parse_coin(batch["payee_coin"])).hex() == batch["root"]
    yield "the coin of the batch is genuine", coin_is_genuine(batch["payee_coin"], public_key)
    for place in (5, 17, 30, 60, 100, 140, 200, 266):
        text = alone["payee_coin"]
        letter = "A" if text[place] != "A" else "Q"
        yield f"with another letter {place} it is not", not coin_is_genuine(
            text[:place] + letter + text[place + 1 :], public_key
        )
    for suite in ("sm2", "p256"):
        yield f"a coin of suite {suite} is not an Ed25519 coin", parse_coin(vectors[suite]["payee_coin"]) is None


def main():
    failures = count = 0
    for claim, holds in check_vectors(read_vectors(sys.argv[1] if len(sys.argv) > 1 else "docs/format.md")):
        count += 1
        failures += not holds
        print(f"{'ok' if holds else 'not ok'} {count} - {claim}")
    print(f"1..{count}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
