/*
 * pam_pushgate.so: hands a PAM login to the pushgate daemon and returns the daemon's answer.
 *
 * This file runs inside sshd, sudo and su as root, so it does as little as possible: it sends the PAM items over
 * a unix socket, shows the text that comes back, and returns one PAM code. It reads no file, starts nothing, keeps
 * nothing between calls, and the environment decides nothing. Whoever cannot be asked is refused.
 *
 * A frame is one type letter, a payload length of two bytes (big endian), and the payload:
 *
 *     module to daemon    A  key=value NUL ...     r  answer to a prompt     x  why we go away
 *     daemon to module    I  text   E  error       P  prompt, echo off       Q  prompt, echo on
 *                         R  exactly one byte: the PAM code; always last
 *
 * Options: socket=PATH  timeout=SECONDS  daemon_uid=UID  debug
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

#define EXPORTED __attribute__((visibility("default")))

enum {
    HEADER = 3,
    MAX_PAYLOAD = 8191,
    MAX_TEXT = PAM_MAX_MSG_SIZE - 1, /* some hosts copy a message into a buffer of PAM_MAX_MSG_SIZE */
    MAX_ANSWER = 511,
    MAX_USER = 256,
    MAX_AUTH_INFO = 4096,
    MAX_VALUE = 512,
    MAX_FRAMES = 64,
    MAX_PROMPTS = 3,
    SEND_SECONDS = 2,
    DEFAULT_SECONDS = 75, /* sshd gives up after LoginGraceTime, 120 s */
    MAX_SECONDS = 3600,
};

/* What ends the wait for bytes of the daemon, beside the bytes themselves. */
enum reading { READ_OK, READ_LOST, READ_LATE };

struct call {
    pam_handle_t *pamh;
    const char *socket_path;
    long long daemon_uid;
    long long seconds;
    int debug;
    int64_t deadline; /* milliseconds of CLOCK_MONOTONIC */
    int fd;
    char id[17];                                 /* for the log of both sides; not secret */
    size_t used;                                 /* bytes of the frame in `out` */
    unsigned char out[HEADER + MAX_PAYLOAD + 1]; /* request and answers */
    unsigned char in[MAX_PAYLOAD + 1];           /* payload of one frame and a closing NUL */
};

static void complain(const struct call *call, const char *what)
{
    pam_syslog(call->pamh, LOG_AUTHPRIV | LOG_ERR, "%s: %s", call->id, what);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- Options ---- */

static int parse_number(const char *text, long long limit, long long *value)
{
    char *end;

    if (*text < '0' || *text > '9')
        return -1;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' && *value <= limit ? 0 : -1;
}

static int parse_option(struct call *call, const char *option)
{
    if (strncmp(option, "socket=/", 8) == 0) {
        call->socket_path = option + 7;
        return strlen(call->socket_path) < sizeof(((struct sockaddr_un *)0)->sun_path) ? 0 : -1;
    }
    if (strncmp(option, "timeout=", 8) == 0)
        return parse_number(option + 8, MAX_SECONDS, &call->seconds) == 0 && call->seconds > 0 ? 0 : -1;
    /* (uid_t)-1 means "nobody in particular" to the kernel: never accept it. */
    if (strncmp(option, "daemon_uid=", 11) == 0)
        return parse_number(option + 11, UINT32_MAX - 1LL, &call->daemon_uid);
    if (strcmp(option, "debug") == 0) {
        call->debug = 1;
        return 0;
    }
    return -1;
}

static int parse_options(struct call *call, int argc, const char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (parse_option(call, argv[i]) != 0) {
            pam_syslog(call->pamh, LOG_AUTHPRIV | LOG_ERR, "unknown or wrong option: %s", argv[i]);
            return -1;
        }
    }
    return 0;
}

/* ---- The request ---- */

/* Append key=value NUL. Returns -1 if it does not fit; nothing is ever half written. */
static int put(struct call *call, const char *key, const char *value, size_t limit)
{
    size_t key_length = strlen(key);
    size_t length = strnlen(value, limit);

    if (call->used + key_length + 1 + length + 1 > HEADER + MAX_PAYLOAD)
        return -1;
    memcpy(call->out + call->used, key, key_length);
    call->used += key_length;
    call->out[call->used++] = '=';
    memcpy(call->out + call->used, value, length);
    call->used += length;
    call->out[call->used++] = '\0';
    return 0;
}

static int put_number(struct call *call, const char *key, unsigned long number)
{
    char text[24];

    snprintf(text, sizeof(text), "%lu", number);
    return put(call, key, text, sizeof(text));
}

/* Optional: absent and empty items are not sent, a long one is cut. */
static int put_item(struct call *call, const char *key, int item)
{
    const void *value = NULL;

    if (pam_get_item(call->pamh, item, &value) != PAM_SUCCESS || value == NULL || *(const char *)value == '\0')
        return 0;
    return put(call, key, value, MAX_VALUE);
}

/* sudo replaces getenv() by one that reads the environment sudo itself has made. In a host that does not, the value
 * stands in `environ`: then it is the caller's own word and is not sent. The daemon checks that the host is sudo. */
static int put_sudo_command(struct call *call)
{
    static const char key[] = "SUDO_COMMAND=";
    const char *command = getenv("SUDO_COMMAND");

    if (command == NULL || *command == '\0')
        return 0;
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        if (strncmp(*entry, key, sizeof(key) - 1) == 0 && *entry + sizeof(key) - 1 == command)
            return 0;
    }
    return put(call, "command", command, MAX_VALUE);
}

/* Never cut: half a key would have another fingerprint. */
static int put_ssh_auth_info(struct call *call)
{
    const char *info = pam_getenv(call->pamh, "SSH_AUTH_INFO_0");

    if (info == NULL || *info == '\0' || strlen(info) > MAX_AUTH_INFO)
        return 0;
    return put(call, "ssh_auth_info", info, MAX_AUTH_INFO);
}

static int make_id(struct call *call)
{
    unsigned char random[8];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -1;
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(call->id + 2 * i, 3, "%02x", random[i]);
    return 0;
}

/* Returns 0, or something else if a key is missing or does not fit. */
static int build_request(struct call *call, const char *user, int flags)
{
    const void *service = NULL;

    if (pam_get_item(call->pamh, PAM_SERVICE, &service) != PAM_SUCCESS || service == NULL
        || *(const char *)service == '\0' || strlen(service) > MAX_VALUE)
        return -1;
    call->used = HEADER;
    return put(call, "v", "1", 1) || put(call, "id", call->id, sizeof(call->id)) || put(call, "user", user, MAX_USER)
        || put(call, "service", service, MAX_VALUE) || put_item(call, "rhost", PAM_RHOST)
        || put_item(call, "tty", PAM_TTY) || put_item(call, "ruser", PAM_RUSER)
        || put_number(call, "uid", (unsigned long)getuid()) || put_number(call, "pid", (unsigned long)getpid())
        || put_number(call, "flags", (unsigned int)flags) || put_number(call, "timeout", (unsigned long)call->seconds)
        || put_ssh_auth_info(call) || put_sudo_command(call);
}

/* ---- The socket ---- */

/* SO_PEERCRED tells who called listen(), not who serves now, and a socket can be renamed by whoever may write its
 * folder: so the folder is checked too. A symbolic link is neither a folder nor a socket here. */
static const char *unsafe_path(const struct call *call)
{
    char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
    struct stat status;
    char *slash;

    snprintf(folder, sizeof(folder), "%s", call->socket_path);
    slash = strrchr(folder, '/');
    slash[slash == folder ? 1 : 0] = '\0';
    if (lstat(folder, &status) != 0 || !S_ISDIR(status.st_mode))
        return "no such socket folder: is the daemon running?";
    if (status.st_uid != call->daemon_uid && status.st_uid != 0)
        return "refused: the socket's folder has the wrong owner";
    if (status.st_mode & (S_IWGRP | S_IWOTH))
        return "refused: others may write to the socket's folder";
    if (lstat(call->socket_path, &status) != 0)
        return "no socket: is the daemon running?";
    if (!S_ISSOCK(status.st_mode))
        return "refused: the socket is not a socket";
    return status.st_uid == call->daemon_uid ? NULL : "refused: the socket has the wrong owner";
}

static int connect_until_deadline(const struct call *call)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", call->socket_path);
    while (connect(call->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        if (errno != EINTR || now_ms() >= call->deadline)
            return -1;
    }
    return 0;
}

static const char *open_socket(struct call *call)
{
    const struct timeval limit = {.tv_sec = SEND_SECONDS};
    const char *problem = unsafe_path(call);
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (problem != NULL)
        return problem;
    call->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (call->fd < 0)
        return "cannot make a socket";
    /* Before connect(): without it connect() waits for ever while the daemon's queue is full. */
    if (setsockopt(call->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0)
        return "cannot limit the time for sending";
    if (connect_until_deadline(call) != 0)
        return "cannot connect: is the daemon running?";
    if (getsockopt(call->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || size != sizeof(peer))
        return "cannot see who the daemon is";
    return peer.uid == call->daemon_uid ? NULL : "refused: the daemon runs as the wrong user";
}

static int send_all(const struct call *call, const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        /* MSG_NOSIGNAL: a SIGPIPE would kill the host. */
        ssize_t sent = send(call->fd, bytes, length, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR && now_ms() < call->deadline)
            continue;
        if (sent <= 0)
            return -1;
        bytes += sent;
        length -= (size_t)sent;
    }
    return 0;
}

/* Send the frame whose payload stands in call->out after the header, and forget it. */
static int send_frame(struct call *call, char type, size_t length)
{
    int result;

    call->out[0] = (unsigned char)type;
    call->out[1] = (unsigned char)(length >> 8);
    call->out[2] = (unsigned char)(length & 0xff);
    result = send_all(call, call->out, HEADER + length);
    explicit_bzero(call->out, HEADER + length);
    return result;
}

static void send_cancel(struct call *call, const char *why)
{
    size_t length = strlen(why);

    memcpy(call->out + HEADER, why, length);
    send_frame(call, 'x', length);
}

static enum reading read_exactly(const struct call *call, unsigned char *bytes, size_t length)
{
    while (length > 0) {
        struct pollfd wait = {.fd = call->fd, .events = POLLIN};
        int64_t left = call->deadline - now_ms();
        ssize_t got;

        if (left <= 0)
            return READ_LATE;
        /* Rounded up, so that the last millisecond is not spent spinning; EINTR only means: look again. */
        if (poll(&wait, 1, (int)left) < 0 && errno != EINTR)
            return READ_LOST;
        got = recv(call->fd, bytes, length, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got <= 0)
            return READ_LOST;
        bytes += got;
        length -= (size_t)got;
    }
    return READ_OK;
}

/* ---- The conversation ---- */

/* A host may answer every question with the login password (sshd's password method does): it never leaves as a code. */
static int is_login_password(const struct call *call, const char *answer, size_t length)
{
    const void *item = NULL;
    const volatile unsigned char *password;
    unsigned char difference = 0;

    if (pam_get_item(call->pamh, PAM_AUTHTOK, &item) != PAM_SUCCESS || item == NULL || strlen(item) != length)
        return 0;
    password = item;
    for (size_t i = 0; i < length; i++)
        difference = (unsigned char)(difference | (password[i] ^ (unsigned char)answer[i]));
    return difference == 0;
}

/* Leave because time is over. */
static int give_up(struct call *call)
{
    complain(call, "no answer in time");
    send_cancel(call, "timeout");
    return PAM_AUTH_ERR;
}

/* Send what was typed, or why nothing is sent. Returns PAM_SUCCESS to go on waiting, otherwise the code to leave with. */
static int send_answer(struct call *call, int code, const char *answer, size_t length)
{
    if (now_ms() >= call->deadline)
        return give_up(call);
    if (code != PAM_SUCCESS || answer == NULL || length > MAX_ANSWER) {
        send_cancel(call, "conversation");
        /* Nothing that a stack could take for success or for "leave me out" may come from the host. */
        return code == PAM_ABORT || code == PAM_BUF_ERR ? code : PAM_CONV_ERR;
    }
    if (is_login_password(call, answer, length))
        length = 0;
    memcpy(call->out + HEADER, answer, length);
    return send_frame(call, 'r', length) == 0 ? PAM_SUCCESS : PAM_AUTHINFO_UNAVAIL;
}

static int ask(struct call *call, int style)
{
    char *answer = NULL;
    int code = pam_prompt(call->pamh, style, &answer, "%s", (const char *)call->in);
    size_t length = answer == NULL ? 0 : strlen(answer);

    code = send_answer(call, code, answer, length);
    if (answer != NULL)
        explicit_bzero(answer, length);
    free(answer);
    return code;
}

/* Only these leave the module; the daemon cannot make it return anything else. */
static int checked_result(const struct call *call, size_t length)
{
    static const unsigned char allowed[] = {PAM_SUCCESS,      PAM_SERVICE_ERR, PAM_AUTH_ERR, PAM_AUTHINFO_UNAVAIL,
                                            PAM_USER_UNKNOWN, PAM_MAXTRIES,    PAM_IGNORE,   PAM_ABORT};

    if (length == 1 && memchr(allowed, call->in[0], sizeof(allowed)) != NULL)
        return call->in[0];
    complain(call, "the daemon sent an unknown result");
    return PAM_SERVICE_ERR;
}

/* Leave because reading ended early. */
static int read_failed(struct call *call, enum reading how)
{
    if (how == READ_LATE)
        return give_up(call);
    complain(call, "the daemon went away");
    return PAM_AUTHINFO_UNAVAIL;
}

/* Serve the daemon's frames until its result. */
static int converse(struct call *call)
{
    for (int frames = 0, prompts = 0; frames < MAX_FRAMES; frames++) {
        unsigned char header[HEADER];
        size_t length, shown;
        enum reading how = read_exactly(call, header, HEADER);

        if (how != READ_OK)
            return read_failed(call, how);
        length = (size_t)header[1] << 8 | header[2];
        if (length > MAX_PAYLOAD || memchr("IEPQR", header[0], 5) == NULL)
            break;
        how = read_exactly(call, call->in, length);
        if (how != READ_OK)
            return read_failed(call, how);
        if (header[0] == 'R')
            return checked_result(call, length);

        shown = length < MAX_TEXT ? length : MAX_TEXT;
        call->in[shown] = '\0';
        /* sudo always sets PAM_SILENT: obeying it would show nothing. */
        if (header[0] == 'I') {
            pam_info(call->pamh, "%s", (const char *)call->in);
        } else if (header[0] == 'E') {
            pam_error(call->pamh, "%s", (const char *)call->in);
        } else if (++prompts <= MAX_PROMPTS) {
            int code = ask(call, header[0] == 'P' ? PAM_PROMPT_ECHO_OFF : PAM_PROMPT_ECHO_ON);

            if (code != PAM_SUCCESS)
                return code;
        } else {
            break;
        }
    }
    complain(call, "the daemon broke the protocol");
    return PAM_SERVICE_ERR;
}

/* ---- What PAM calls ---- */

static int authenticate(struct call *call, int flags, int argc, const char **argv)
{
    const char *user = NULL, *problem;
    int code;

    if (parse_options(call, argc, argv) != 0 || make_id(call) != 0)
        return PAM_SERVICE_ERR;
    call->deadline = now_ms() + call->seconds * 1000;
    code = pam_get_user(call->pamh, &user, NULL);
    if (code == PAM_CONV_AGAIN)
        return PAM_INCOMPLETE;
    /* A name that is too long is refused, never cut: the rest of it could be somebody else. */
    if (code != PAM_SUCCESS || user == NULL || *user == '\0' || strlen(user) > MAX_USER)
        return PAM_USER_UNKNOWN;
    if (build_request(call, user, flags) != 0) {
        complain(call, "the request does not fit");
        return PAM_SERVICE_ERR;
    }
    problem = open_socket(call);
    if (problem == NULL && send_frame(call, 'A', call->used - HEADER) != 0)
        problem = "cannot send to the daemon";
    if (problem != NULL) {
        complain(call, problem);
        return PAM_AUTHINFO_UNAVAIL;
    }
    code = converse(call);
    if (call->debug)
        pam_syslog(call->pamh, LOG_AUTHPRIV | LOG_DEBUG, "%s: result %d", call->id, code);
    return code;
}

EXPORTED int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    struct call call = {.pamh = pamh, .socket_path = "/run/pushgate/pam.sock", .seconds = DEFAULT_SECONDS, .fd = -1};
    int code = authenticate(&call, flags, argc, argv);

    if (call.fd >= 0)
        close(call.fd);
    explicit_bzero(&call, sizeof(call));
    return code;
}

EXPORTED int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_SUCCESS;
}

EXPORTED int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_SUCCESS;
}
