from push_authority.sealing import Sealer


def test_sealed_code_opens_in_its_place_only() -> None:
    """A sealed code opens under the same key in the same row, and nowhere else."""
    sealer, place = Sealer(bytes(32)), "activation|code_enc|alice"
    sealed = sealer.seal("d2mfr24k8r", place)
    assert b"d2mfr24k8r" not in sealed
    assert sealer.open(sealed, place) == "d2mfr24k8r"
    assert sealer.open(sealed, "activation|code_enc|mallory") is None
    assert Sealer(b"\x01" * 32).open(sealed, place) is None
    assert sealer.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), place) is None
    assert sealer.open(b"\x02" + sealed[1:], place) is None
    assert sealer.open(b"", place) is None


def test_sealing_twice_differs() -> None:
    """The same code sealed twice cannot be recognised."""
    sealer = Sealer(bytes(32))
    assert sealer.seal("d2mfr24k8r", "x") != sealer.seal("d2mfr24k8r", "x")


def test_digest_needs_the_pepper() -> None:
    """A stolen table of digests cannot be searched without the key of this authority."""
    assert Sealer(bytes(32)).digest("d2mfr24k8r") == Sealer(bytes(32)).digest("d2mfr24k8r")
    assert Sealer(bytes(32)).digest("d2mfr24k8r") != Sealer(b"\x01" * 32).digest("d2mfr24k8r")
