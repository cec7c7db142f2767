"""sshd's side: our drop-in, what sshd makes of all its files, and telling it to read them again."""

import os
import signal
from pathlib import Path

from pam_module.processes import NoProcess, read_process
from pushgate.doctor.machine import Machine
from pushgate.doctor.sshd_config import ConfigLine, config_lines
from pushgate.errors import PushgateError
from pushgate.pamsetup.places import Places
from pushgate.pamsetup.programs import run
from pushgate.pamsetup.recipes import Recipe
from pushgate.text import clean

HEADER = '# Written by "pushgate pam install sshd"; "pushgate pam remove sshd" deletes it.\n'
SPARE = 15
"""Seconds of LoginGraceTime for the key, the password and the network."""
MANY_STARTUPS = 100
UNITS = ("ssh.service", "sshd.service")
MATCHED = {"authenticationmethods", "passwordauthentication", "kbdinteractiveauthentication", "usepam"}
ALIASES = {"challengeresponseauthentication": "kbdinteractiveauthentication"}


def wanted(recipe: Recipe) -> dict[str, str]:
    """Return what sshd has to do for a stack, as ``sshd -T`` prints it."""
    return {
        "usepam": "yes",
        "kbdinteractiveauthentication": "yes",
        "passwordauthentication": "no",
        "authenticationmethods": recipe.methods,
    }


def drop_in(recipe: Recipe) -> str:
    """Write our part of sshd's configuration."""
    return HEADER + (
        "UsePAM yes\n"
        "KbdInteractiveAuthentication yes\n"
        "PasswordAuthentication no\n"
        f"AuthenticationMethods {recipe.methods}\n"
        # Each login that waits for an approval is a connection that is not logged in yet.
        "MaxStartups 100:30:300\n"
    )


def check_configuration(places: Places, recipe: Recipe | None) -> None:
    """Let sshd read its files, and compare what it makes of them with what a stack needs.

    Args:
        places: Where they are.
        recipe: The stack; None if sshd only has to accept the files.

    Raises:
        PushgateError: it refuses them, or another line wins over ours: then naming that line.
    """
    ask_sshd(places, "-t")
    if recipe is None:
        return
    values = effective(places)
    for key, value in wanted(recipe).items():
        if values.get(key) != value:
            raise PushgateError(
                f"sshd would use {key} {values.get(key, '(nothing)')} instead of {value}{first_setting(places, key)}",
                "sshd takes the first value that it reads: change that line, and run this again",
            )


def check_grace_time(places: Places, module_waits: int) -> None:
    """Refuse a LoginGraceTime that would end a login while the person may still answer.

    Args:
        places: Where sshd's files are.
        module_waits: How many seconds the module waits.

    Raises:
        PushgateError: with the value that is needed.
    """
    seconds = int(effective(places).get("logingracetime", "0"))
    if 0 < seconds < module_waits + SPARE:
        raise PushgateError(
            f"sshd ends a login after {seconds} s (LoginGraceTime), but the module waits up to {module_waits} s",
            f"set LoginGraceTime to {module_waits + SPARE} or more, or a shorter login.timeout",
        )


def notes(places: Places, *, allow_root: bool) -> list[PushgateError]:
    """Say who will log in otherwise than before, or not at all, each with what to do.

    Args:
        places: Where sshd's files are.
        allow_root: Whether the daemon asks about root's logins.
    """
    found = [
        PushgateError(
            f"{line.where}: sets {line.key} for its Match block: those logins go their own way",
            "leave it if it is an exemption that you want; otherwise remove it",
        )
        for line in configuration(places)
        if line.conditional and ALIASES.get(line.key, line.key) in MATCHED
    ]
    permitted = effective(places).get("permitrootlogin", "no")
    if permitted != "no" and (permitted != "yes" or not allow_root):
        reason = "PermitRootLogin is not yes" if permitted != "yes" else "pam.services.sshd.allow_root is false"
        hint = "log in as another account and use sudo; docs/pam-setup.md says what else there is"
        found.append(PushgateError(f"root cannot log in with ssh any more: {reason}", hint))
    return found


def startups(places: Places) -> list[str]:
    """Say if another line than ours decides how many logins may wait at once, and it is few."""
    first = effective(places).get("maxstartups", "").partition(":")[0]
    if not first.isdigit() or int(first) >= MANY_STARTUPS:
        return []
    return [f"note: sshd drops waiting logins from {first} on (MaxStartups){first_setting(places, 'maxstartups')}"]


def effective(places: Places) -> dict[str, str]:
    """Ask sshd for the values that it would use for a login to which no Match block applies."""
    pairs = (line.partition(" ") for line in ask_sshd(places, "-T").splitlines())
    values: dict[str, str] = {}
    for key, _, value in pairs:
        values.setdefault(key.lower(), value.strip())
    return values


def ask_sshd(places: Places, option: str) -> str:
    """Run sshd with an option that makes it read its files and end.

    Raises:
        PushgateError: with sshd's own words.
    """
    if not places.sshd.is_file():
        raise PushgateError(f"{places.sshd}: is not there", "install the package openssh-server first")
    # What systemd makes where it runs; sshd refuses to start without it.
    if places.owner == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    done = run([places.sshd, option, "-f", places.sshd_config])
    if done.returncode != 0:
        message = clean("; ".join(done.stderr.split("\n")[:3]).strip("; \r"), 300)
        raise PushgateError(f"sshd refuses its configuration: {message}", "correct it, then run this again")
    return done.stdout


def configuration(places: Places) -> list[ConfigLine]:
    """List every setting in the order in which sshd reads them."""
    return list(config_lines(Machine(sshd_config=places.sshd_config), str(places.sshd_config)))


def first_setting(places: Places, key: str) -> str:
    """Say which line decides over a value: a Match block that holds for everybody wins over all lines outside."""
    lines = configuration(places)
    is_read = not places.drop_in.is_file() or any(line.path == str(places.drop_in) for line in lines)
    named = [line for line in lines if is_read and ALIASES.get(line.key, line.key) == key]
    blocks = [line for line in named if line.conditional and line.value == effective(places).get(key)]
    for line in [*blocks, *(line for line in named if not line.conditional)]:
        return f", because of {line.where}: {clean(line.value, 100)}"
    return f"; {places.sshd_config} does not include {places.drop_in}"


def reload(places: Places) -> str:
    """Let the running sshd read its files again, and say what was done; logins that are open stay.

    Raises:
        PushgateError: it runs and does not take the signal.
    """
    if places.systemd.is_dir():
        for unit in UNITS:
            if run([places.systemctl, "is-active", "--quiet", unit]).returncode == 0:
                # Not in turn: at the start of the machine the unit that calls this is one that sshd waits for.
                done = run([places.systemctl, "--job-mode=ignore-dependencies", "reload", unit])
                if done.returncode != 0:
                    raise PushgateError(
                        f"systemctl reload {unit}: {clean(done.stderr.strip(), 300)}", "journalctl -u ssh"
                    )
                return f"reloaded {unit}"
        return "sshd does not run as a service of systemd: each start reads the new files"
    pid = listener(places)
    if pid is None:
        return "no running sshd found: if there is one, reload it by hand"
    os.kill(pid, signal.SIGHUP)
    return f"reloaded sshd (process {pid})"


def listener(places: Places) -> int | None:
    """Find sshd's listening process by the file that it wrote its number into; None if it is not that any more."""
    try:
        path = Path(effective(places).get("pidfile", "none"))
        pid = int(path.read_text(encoding="ascii").strip())
        process = read_process(pid, places.proc)
    except (OSError, ValueError, NoProcess):
        return None
    is_sshd = Path(process.exe).name == places.sshd.name and process.uids[0] == places.owner
    return pid if is_sshd else None
