#!/usr/bin/env python3
"""Verifies the Ed25519 coins, the log and the bundles of docs/format.md, written from that page alone.

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


# The log.


def leaf_hash(octets):
    return H(b"\x00" + octets)


def inner_hash(left, right):
    return H(b"\x01" + left + right)


def inclusion_root(leaf, index, size, path):
    """Root that a proof of inclusion leads to, by RFC 9162 section 2.1.3.2; None where the proof has a wrong length."""
    result, node, last, hashes = leaf, index, size - 1, list(path)
    while last > 0:
        if node % 2 == 1 or node != last:
            if not hashes:
                return None
            result = inner_hash(hashes.pop(0), result) if node % 2 == 1 else inner_hash(result, hashes.pop(0))
        node, last = node // 2, last // 2
    return result if not hashes and index < size else None


def is_consistent(old, old_root, size, root, path):
    """A proof of consistency, by RFC 9162 section 2.1.4.2, for 0 < old < size."""
    hashes = list(path)
    if old & (old - 1) == 0:
        hashes.insert(0, old_root)
    node, last = old - 1, size - 1
    while node % 2 == 1:
        node, last = node // 2, last // 2
    old_result = result = hashes.pop(0)
    for other in hashes:
        if last == 0:
            return False
        if node % 2 == 1 or node == last:
            old_result, result = inner_hash(other, old_result), inner_hash(other, result)
            while node % 2 == 0 and node != 0:
                node, last = node // 2, last // 2
        else:
            result = inner_hash(result, other)
        node, last = node // 2, last // 2
    return (old_result, result, last) == (old_root, root, 0)


def parse_verifier_key(text):
    """Name, key id, type and public key; None where the id is not theirs."""
    name, digits, encoded = text.split("+", 2)
    octets = base64.b64decode(encoded, validate=True)
    key_id = H(name.encode() + b"\n" + octets)[:4]
    return (name, key_id, octets[0], octets[1:]) if key_id.hex() == digits else None


def note_signed(note, verifier_key):
    """Has a key of a log, or of a witness, signed the note?"""
    name, key_id, kind, public_key = parse_verifier_key(verifier_key)
    end = note.rindex("\n\n") + 1
    text = note[:end].encode()
    for line in note[end + 1 :].splitlines():
        dash, signer, encoded = line.split(" ")
        proof = base64.b64decode(encoded, validate=True)
        if dash != "\u2014" or signer != name or proof[:4] != key_id:
            continue
        if kind == 4:
            head = f"cosignature/v1\ntime {int.from_bytes(proof[4:12], 'big')}\n".encode()
            if ed25519_verify(public_key, head + text, proof[12:]):
                return True
        elif ed25519_verify(public_key, text, proof[4:]):
            return True
    return False


def payment_hash(head, change, context):
    """transfer_hash of a payment that is shown whole, of a kind that mints a coin for its payee."""
    fields, at = [], 16
    while at < len(context):
        length = int.from_bytes(context[at : at + 4], "big")
        length = 0 if length == 0xFFFFFFFF else length
        fields.append(context[at + 4 : at + 4 + length])
        at += 4 + length
    transfer, payer, payee, amount, created_at = (fields[i] for i in (2, 4, 5, 6, 7))
    coins = []
    for which, owner, worth in ((0, payee, amount), (1, payer, change.to_bytes(8, "big"))):
        number = (2 * int.from_bytes(transfer, "big") + which).to_bytes(8, "big")
        blinding = H(b"\x03" + bytes([which]) + context)[:16]
        body = head + number + worth + owner + created_at + blinding
        coins.append(H(b"\x00" + body) if int.from_bytes(worth, "big") > 0 else H(b"\x00"))
    return H(b"\x02" + coins[0] + coins[1] + H(b"\x01" + context))


def bundle_is_sound(text, log_key, witness_key):
    """Verifies a bundle signed with Ed25519, its checkpoint cosigned by the witness."""
    lines, note = text.split("\n\n", 1)
    words = [line.split(" ") for line in lines.split("\n")]
    if words.pop(0) != ["dcep", "receipt", "v1"]:
        return False
    transfer = int(words.pop(0)[1])
    _, letters, exponent = words.pop(0)
    _, issuer, number, suite, encoded = words.pop(0)
    public_key = base64.b64decode(encoded, validate=True)
    _, index, size = words.pop(0)
    index, size = int(index), int(size)
    path = [base64.b64decode(words.pop(0)[1], validate=True) for _ in range(path_length(index, size))]
    signature = base64.b64decode(words.pop(0)[1], validate=True)
    view, *shown = words.pop(0)
    if view == "payment":
        head = bytes([1, 1]) + int(issuer).to_bytes(2, "big") + int(number).to_bytes(4, "big")
        head += letters.encode() + bytes([int(exponent)])
        hashed = payment_hash(head, int(shown[0]), base64.b64decode(shown[1], validate=True))
    elif view == "coin":
        coin = parse_coin(shown[0])
        if coin is None or coin["id"] != 2 * transfer or (coin["index"], coin["size"], coin["path"]) != (index, size, path):
            return False
        hashed = transfer_hash(coin)
    else:
        hashed = base64.b64decode(shown[0], validate=True)
    root, node, last = hashed, index, size - 1
    for sibling in path:
        while node % 2 == 0 and node == last:
            node, last = node // 2, last // 2
        root = H(b"\x04" + sibling + root) if node % 2 == 1 else H(b"\x04" + root + sibling)
        node, last = node // 2, last // 2
    if suite != "ed25519" or not ed25519_verify(public_key, b"dcep transfer v1" + root, signature):
        return False
    if words.pop(0) != ["c2sp.org/tlog-proof@v1"]:
        return False
    place = int(words.pop(0)[1])
    proof = [base64.b64decode(line[0], validate=True) for line in words]
    origin, tree_size, tree_root = note.split("\n")[:3]
    return (
        inclusion_root(leaf_hash(hashed), place, int(tree_size), proof) == base64.b64decode(tree_root, validate=True)
        and origin == parse_verifier_key(log_key)[0]
        and note_signed(note, log_key)
        and note_signed(note, witness_key)
    )


# The vectors on it.


def read_vectors(path):
    """Sections of the last fenced block, each a dictionary; lines of one name after the first as a list beside it."""
    with open(path, encoding="utf-8") as page:
        block = page.read().split("```")[-2]
    sections = {}
    for line in block.strip().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif " = " in line:
            name, value = line.split(" = ", 1)
            section.setdefault(name, value)
            section.setdefault(name + "s", []).append(value)
    return sections


def check_log(vectors):
    """The same for the log."""
    log, checkpoint, cosignature = vectors["log"], vectors["checkpoint"], vectors["cosignature"]
    leaf, root, old_root = (bytes.fromhex(log[name]) for name in ("leaf", "root", "old_root"))
    size, index, old = (int(log[name]) for name in ("size", "index", "old_size"))
    inclusion = [bytes.fromhex(line) for line in log["inclusions"]]
    consistency = [bytes.fromhex(line) for line in log["consistencys"]]
    yield "the leaf is of the transfer", leaf == leaf_hash(bytes.fromhex(vectors["ed25519"]["transfer_hash"]))
    yield "the proof of inclusion leads to the root", inclusion_root(leaf, index, size, inclusion) == root
    yield "for another place it does not", inclusion_root(leaf, index + 1, size, inclusion) != root
    yield "the proof of consistency leads to both roots", is_consistent(old, old_root, size, root, consistency)
    yield "to another root it does not", not is_consistent(old, root, size, root, consistency)
    text, log_key, witness_key = (
        checkpoint["text"].replace("\\n", "\n"),
        checkpoint["verifier_key"],
        cosignature["verifier_key"],
    )
    note = text + "\n" + (checkpoint["signature"] + cosignature["signature"]).replace("\\n", "\n")
    public_key = parse_verifier_key(log_key)[3]
    yield "the log is named after its key", text.startswith("dcep/cny/" + H(public_key).hex()[:16] + "\n")
    yield "the checkpoint has size and root", text.split("\n")[1:3] == [log["size"], base64.b64encode(root).decode()]
    yield "the log has signed it", note_signed(note, log_key)
    yield "the witness has cosigned it", note_signed(note, witness_key)
    yield "of another supply neither is true", not any(
        note_signed(note.replace("supply CNY 2 15", "supply CNY 2 16"), key) for key in (log_key, witness_key)
    )
    for view in ("payment", "coin", "hash"):
        bundle = vectors["bundle"][view].replace("\\n", "\n")
        yield f"the bundle of view {view} is sound", bundle_is_sound(bundle, log_key, witness_key)
        yield f"without its cosignature that of view {view} is not", not bundle_is_sound(
            bundle.replace("\u2014 witness.example", "\u2014 another.example"), log_key, witness_key
        )
    payment = vectors["bundle"]["payment"].replace("\\n", "\n")
    yield "of another change it is not", not bundle_is_sound(
        payment.replace("payment 350", "payment 351"), log_key, witness_key
    )
    yield "at another place it is not", not bundle_is_sound(payment.replace("index 4", "index 5"), log_key, witness_key)


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
    yield from check_log(vectors)
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
