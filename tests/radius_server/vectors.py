"""Packets with known right answers: from the RFCs, and our own, which pyrad and FreeRADIUS have verified.

The secret of all of them is ``SECRET``. Two misprints of RFC 2865 and RFC 5997 are put right: the length of State in
``CHALLENGE_ANSWER`` (the printed form is ``STATE_OVERRUN``) and the code of ``ACCOUNTING_STATUS_REPLY``.
"""

from typing import NamedTuple

SECRET = b"xyzzy5461"


class Pair(NamedTuple):
    """A request and the reply to it."""

    name: str
    request: bytes
    reply: bytes


def _hex(text: str) -> bytes:
    return bytes.fromhex("".join(text.split()))


PAP = _hex("""
    010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee0406c0a80110
    050600000003""")
PAP_ACCEPT = _hex("0200002686fe220e7624ba2a1005f6bf9b55e0b20606000000010f06000000000e06c0a80103")
CHAP = _hex("""
    010100472aee86f08d0d55969ca5978e0d3367a20108666c6f707379031316e97557c316185895f293ff63440772750406c0a801
    10050600000014060600000002070600000001""")
CHAP_ACCEPT = _hex("""
    0201003815efbc7dab26cfa3dc34d9c03c8601a40606000000020706000000010806fffffffe0a06000000020d0600000001
    0c06000005dc""")
CHALLENGED = _hex("""
    01020039f3a47a1f6a6d76710b947ab93041a03901076d6f707379021233657573778289b570885e15084825c50406c0a801
    10050600000007""")
CHALLENGE = _hex("""
    0b02004e36f3c8764ae8c71157403c0c71ff9c4512304368616c6c656e67652033323736393433302e2020456e7465722072
    6573706f6e73652061742070726f6d70742e180a3332373639343330""")
CHALLENGE_ANSWER = _hex("""
    01030043b122556d428a13d0d6253807c457ecf001076d6f7073790212692c1f205fc081b919b95195f561a5810406c0
    a8011005060000000718 0a3332373639343330""")
CHALLENGE_REJECT = _hex("03030014a42f4fca45916c4e09c8340f9e746aa0")
STATUS = _hex("0cda00268a54f4686fb394c52866e302185d062350125a665e2e1e8411f3e243822097c84fa3")
STATUS_REPLY = _hex("02da0014ef0d552a4bf2d693ec2b6fe8b5411d66")
ACCOUNTING_STATUS = _hex("0cb30026925f6b66dd5fed571fcb1db7ad3882605012e8d6eabda910875cd91fdade26367858")
ACCOUNTING_STATUS_REPLY = _hex("05b300140f6f92145f107e2f504e860a4860669c")
STATUS_WITH_NAS = _hex("0c47002cbf58de56ae408ad3b70c8513f9b03fbe0406c00002105012852d6fec61e7ed74b8e32dac2f2a5fb2")
STATUS_WITH_NAS_REPLY = _hex("""
    0247003446f43e62fd0354424cbbebfd6d214e06122052414449555320536572766572207570203220646179732c20
    31383a3430""")

RFC_PAIRS = [
    Pair("RFC 2865 section 7.1", PAP, PAP_ACCEPT),
    Pair("RFC 2865 section 7.2", CHAP, CHAP_ACCEPT),
    Pair("RFC 2865 section 7.3, challenge", CHALLENGED, CHALLENGE),
    Pair("RFC 2865 section 7.3, reject", CHALLENGE_ANSWER, CHALLENGE_REJECT),
    Pair("RFC 5997 section 6.1", STATUS, STATUS_REPLY),
    Pair("RFC 5997 section 6.2", ACCOUNTING_STATUS, ACCOUNTING_STATUS_REPLY),
    Pair("RFC 5997 section 6.3", STATUS_WITH_NAS, STATUS_WITH_NAS_REPLY),
]

# Identifier 0x42, nemo / arctangent, NAS 192.168.1.16 port 3, from 203.0.113.7, Proxy-State one and two.
GOLDEN = _hex("""
    014200610f403f9473978057bd83d5cb98f4227a50123d03e4aa1165179029d0ad09e21c0a1901066e656d6f02120dbe708d93
    d413ce3196e43f782a0aee0406c0a801100506000000031f0d3230332e302e3131332e3721056f6e65210574776f""")
GOLDEN_ACCEPT = _hex("""
    0242003a127ab411056f8b1261a6ce9505b641c85012fc228ec3faac3995840f9aaedcecd78c21056f6e65210574776f
    120a417070726f766564""")
GOLDEN_REJECT = _hex("""
    03420038c8a407a31ff1050f5eaaa018c5a35d1550125c162e31b292853720766398d4b7423821056f6e65210574776f
    120844656e696564""")
GOLDEN_CHALLENGE = _hex("""
    0b420066b2623a2ca03e68761e5fae1859c9190b501250045b9fd8973ee876a96a86d2d864ba21056f6e65210574
    776f120c456e74657220636f6465181e7067312e41414543417751464267634943516f4c4441304f447841521b060000003c4c0600000000""")
GOLDEN_STATE = b"pg1.AAECAwQFBgcICQoLDA0ODxAR"
# Identifier 0x43, nemo / 123456, with the State of the challenge.
GOLDEN_ANSWER = _hex("""
    01430062101112131415161718191a1b1c1d1e1f501210cb1bcc8401355280c1db34577bf46301066e656d6f0212ff67
    11aad29f7025c43c394cc64b61d70406c0a80110181e7067312e41414543417751464267634943516f4c4441304f44784152""")
GOLDEN_ANSWER_ACCEPT = _hex(
    "02430030c83010f264f9e4bebca7d5257f163a905012e02368ba14cba0b0b4c581e237add017120a417070726f766564"
)
# Identifier 0x44, EAP-Response/Identity with EAP identifier 7.
EAP = _hex("""
    0144003d202122232425262728292a2b2c2d2e2f50128f79d31376dd3ddbbdb74db1194c2be201066e656d6f0406c0a801104f0b02
    070009016e656d6f""")
EAP_REJECT = _hex("0344002ccc4a8c12f828269178df3b6709a5d8795012895b3195b7d158545a285b498bc5445b4f0604070004")
# An MS-CHAPv2 request of Ident 5: identifier 0x45, authenticator 30..3f, the response otherwise zero.
MS_CHAP = _hex("""
    01450066303132333435363738393a3b3c3d3e3f5012b9d3acadbef74da502f33da00ddcdd1601066e656d6f1a3a000001371934
    0500000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000""")
MS_CHAP_REJECT = _hex("""
    03450045dcc88476e29e96894c38dbba919eee955012e7f0027e48472bbedc99ffd980a096351209557365205041501a
    1600000137021005453d36393120523d3020563d33""")
OUR_STATUS_REPLY = _hex("02da00267e6d7a5f5dfa87b519bef260a6f15081501257566a4a4a4c690f8e18b73ae7a7f65f")

OUR_PAIRS = [
    Pair("accept", GOLDEN, GOLDEN_ACCEPT),
    Pair("reject", GOLDEN, GOLDEN_REJECT),
    Pair("challenge", GOLDEN, GOLDEN_CHALLENGE),
    Pair("accept after the challenge", GOLDEN_ANSWER, GOLDEN_ANSWER_ACCEPT),
    Pair("EAP reject", EAP, EAP_REJECT),
    Pair("MS-CHAP reject", MS_CHAP, MS_CHAP_REJECT),
    Pair("status", STATUS, OUR_STATUS_REPLY),
]

# User-Password under the authenticator of GOLDEN, and what it uncovers to.
PASSWORDS = [
    (_hex("6ccc13f9f2ba74ab5fe2e43f782a0aee"), b""),
    (_hex("1c0fb78a81cd1bd93be2e43f782a0aee"), "pässword".encode()),
    (_hex("0fad7510f2ba74ab5fe2e43f782a0aee"), b"caf\xe9"),
    (_hex("0dcc71f9f2ba74ab5fe2e43f782a0aee"), b"a\0b"),
    (_hex("1fa56b8d97df1a863d9b905a555a7d8a"), b"sixteen-byte-pwd"),
    (_hex("0fa3618b97d9008b378d964c1d0a688ff81cf1b33baf98c92f84d55320a86e24"), b"correct horse battery"),
    (_hex("0dbe708d93d413ce3196e43f782a0aee"), b"arctangent"),
]

A = bytes(range(16))
"""The authenticator of the broken packets."""

TWO_MESSAGE_AUTHENTICATORS = _hex("""
    0100003e000102030405060708090a0b0c0d0e0f501284d76d870b3796c5920334da7f37a41b01066e
    656d6f501211111111111111111111111111111111""")
TWO_CREDENTIALS = _hex("""
    01000051000102030405060708090a0b0c0d0e0f5012d1a4183631ed7f1caf12f8ca217be94701066e656d6f0212
    3801eae8ce164afc53c96a316a88996b0313011ac53b97da43d3d222b7603706618211""")
STATE_OVERRUN = CHALLENGE_ANSWER[:57] + bytes((24, 16)) + CHALLENGE_ANSWER[59:]

GOLDEN_BAD_BIT = GOLDEN[:25] + bytes((GOLDEN[25] ^ 1,)) + GOLDEN[26:]
GOLDEN_UNSIGNED = GOLDEN[:2] + (len(GOLDEN) - 18).to_bytes(2, "big") + GOLDEN[4:20] + GOLDEN[38:]


class Broken(NamedTuple):
    """A packet that must get no answer, and the word for why."""

    reason: str
    packet: bytes


def _packet(header: str, body: bytes = b"") -> bytes:
    return bytes.fromhex(header) + A + body


BROKEN = [
    Broken("too_short", bytes.fromhex("01000013") + A[:15]),
    Broken("too_short", bytes.fromhex("0100000a") + A[:6]),
    Broken("unexpected_code", _packet("00000014")),
    Broken("unexpected_code", _packet("35000014")),
    Broken("unexpected_code", _packet("ff000014")),
    Broken("unexpected_code", PAP_ACCEPT),
    Broken("unexpected_code", CHALLENGE_REJECT),
    Broken("unexpected_code", ACCOUNTING_STATUS_REPLY),
    Broken("unexpected_code", CHALLENGE),
    Broken("length_out_of_range", _packet("01000013")),
    Broken("datagram_cut", _packet("01000064")),
    Broken("length_out_of_range", _packet("01001001", bytes(4077))),
    Broken("attribute_cut", _packet("01000015", b"\xff")),
    Broken("attribute_type_zero", _packet("01000016", b"\x00\x02")),
    Broken("attribute_too_short", _packet("01000016", b"\x01\x00")),
    Broken("attribute_too_short", _packet("01000016", b"\x01\x01")),
    Broken("attribute_overrun", _packet("01000016", b"\x01\x0a")),
    Broken("attribute_too_short", _packet("0100001a", b"\x01\x04hi\x02\x00")),
    Broken("attribute_overrun", _packet("0100001a", b"\x01\x04hi\x04\x0a")),
    Broken("message_authenticator_length", _packet("01000019", b"\x50\x05\x00\x00\x00")),
    Broken("wrong_message_authenticator", GOLDEN_BAD_BIT),
    Broken("message_authenticator_missing", _packet("0c000014")),
    Broken("message_authenticator_missing", _packet("0c000019", b"\x01\x05bob")),
    Broken("message_authenticator_missing", _packet("01000018", b"\x4f\x04\x01\x01")),
    Broken("no_credential", _packet("01000019", b"\x01\x05bob")),
    Broken("too_many_attributes", _packet("0100026f", b"\x21\x03\x61" * 201)),
    Broken("two_message_authenticators", TWO_MESSAGE_AUTHENTICATORS),
    Broken("two_credentials", TWO_CREDENTIALS),
    Broken("attribute_overrun", STATE_OVERRUN),
    Broken("proxy_state_unsigned", GOLDEN_UNSIGNED),
]
