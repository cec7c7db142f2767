"""The machine's own libpam, asked in this process."""

import ctypes
from pathlib import Path

from pushgate.doctor.codes import Code

CONVERSATION = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


class PamConv(ctypes.Structure):
    """``struct pam_conv``: whom PAM asks; here nobody answers."""

    _fields_ = (("conv", CONVERSATION), ("appdata", ctypes.c_void_p))


NOBODY = CONVERSATION(lambda *_: int(Code.CONV_ERR))


def authenticate(service: str, folder: Path) -> Code:
    """Run pam_authenticate over a stack in a private folder.

    Only for modules that ask nothing and wait for nothing. Included files need absolute paths: libpam 1.5 looks for
    others in /etc/pam.d, whatever the folder.
    """
    libpam = ctypes.CDLL("libpam.so.0")
    handle, nobody = ctypes.c_void_p(), PamConv(NOBODY, None)
    started = libpam.pam_start_confdir(
        service.encode(), b"root", ctypes.byref(nobody), str(folder).encode(), ctypes.byref(handle)
    )
    assert started == Code.SUCCESS, Code(started).name
    try:
        return Code(libpam.pam_authenticate(handle, 0))
    finally:
        libpam.pam_end(handle, 0)
