/*
 * pam_pushgate.so: hands a PAM login to the pushgate daemon and returns the daemon's answer.
 *
 * This runs inside sshd, sudo and su as root, so it does as little as possible: it sends the PAM items over a unix
 * socket, shows the text that comes back, and returns one PAM code. It reads no file, starts nothing, keeps nothing
 * between calls, and the environment decides nothing. Whoever cannot be asked is refused.
 *
 *     module to daemon    A  key=value NUL ...     r  answer to a prompt     x  why we go away
 *     daemon to module    I  text   E  error       P  prompt, echo off       Q  prompt, echo on
 *                         R  exactly one byte: the PAM code; always last
 *
 * frames.c reads and writes frames, request.c makes the A frame, socket.c finds the daemon, watch.c waits.
 *
 * Options: socket=PATH  timeout=SECONDS  daemon_uid=UID  debug
 */
#define _GNU_SOURCE
#include "call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include <security/pam_ext.h>

#define EXPORTED __attribute__((visibility("default")))

enum {
    MAX_TEXT = PAM_MAX_MSG_SIZE - 1, /* some hosts copy a message into a buffer of PAM_MAX_MSG_SIZE */
    MAX_ANSWER = 511,
    MAX_FRAMES = 64,
    MAX_PROMPTS = 3,
    DEFAULT_SECONDS = 75, /* sshd gives up after LoginGraceTime, 120 s */
    MAX_SECONDS = 3600,
};

static void complain(const struct call *call, const char *what)
{
    pam_syslog(call->pamh, LOG_AUTHPRIV | LOG_ERR, "%s: %s", call->id, what);
}

/* ---- Options ---- */

/* Returns -1 unless the text is digits alone and the number within the limit. */
static long long parse_number(const char *text, long long limit)
{
    char *end;
    /* Digits first: strtoll() also takes blanks and signs. A number that is too large becomes the largest. */
    long long number = *text >= '0' && *text <= '9' ? strtoll(text, &end, 10) : -1;

    return number >= 0 && *end == '\0' && number <= limit ? number : -1;
}

/* Returns 0 for an option that is unknown or has a wrong value. */
static int parse_option(struct call *call, const char *option)
{
    const size_t room = sizeof(call->address.sun_path);

    if (strncmp(option, "socket=/", 8) == 0)
        return snprintf(call->address.sun_path, room, "%s", option + 7) < (int)room;
    if (strncmp(option, "timeout=", 8) == 0)
        return (call->seconds = parse_number(option + 8, MAX_SECONDS)) > 0;
    /* (uid_t)-1 means "nobody in particular" to the kernel: never accept it. */
    if (strncmp(option, "daemon_uid=", 11) == 0)
        return (call->daemon_uid = parse_number(option + 11, UINT32_MAX - 1LL)) >= 0;
    if (strcmp(option, "debug") == 0)
        return call->debug = 1;
    return 0;
}

static int parse_options(struct call *call, int argc, const char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (!parse_option(call, argv[i])) {
            pam_syslog(call->pamh, LOG_AUTHPRIV | LOG_ERR, "unknown or wrong option: %s", argv[i]);
            return 0;
        }
    }
    return 1;
}

/* ---- The conversation ---- */

/* Tell the daemon why we go. Returns the code to go with. */
static int cancel(struct call *call, const char *why, int code)
{
    frame_start(&call->frame, 'x');
    frame_put(&call->frame, why, strlen(why));
    send_frame(call);
    return code;
}

/* Leave because nobody waits any more, or because time is over. */
static int give_up(struct call *call, const char *why)
{
    complain(call, why);
    return cancel(call, why, strcmp(why, "timeout") == 0 ? PAM_AUTH_ERR : PAM_ABORT);
}

static int fail(const struct call *call, const char *what, int code)
{
    complain(call, what);
    return code;
}

/* A host may answer every question with the login password (sshd's password method does): it never leaves as a code. */
static int is_login_password(const struct call *call, const char *answer, size_t length)
{
    const volatile char *password = item_of(call, PAM_AUTHTOK);
    int difference = 0;

    if (strlen((const char *)password) != length)
        return 0;
    for (size_t i = 0; i < length; i++)
        difference |= password[i] ^ answer[i];
    return difference == 0;
}

/* Send what was typed, or why nothing is sent. Returns PAM_SUCCESS to go on waiting, otherwise the code to leave with. */
static int send_answer(struct call *call, int code, const char *answer, size_t length)
{
    if (now_ms() >= call->deadline)
        return give_up(call, "timeout");
    /* Nothing that a stack could take for success or for "leave me out" may come from the host. */
    if (code != PAM_SUCCESS || answer == NULL || length > MAX_ANSWER)
        return cancel(call, "conversation", code == PAM_ABORT || code == PAM_BUF_ERR ? code : PAM_CONV_ERR);
    frame_start(&call->frame, 'r');
    if (!is_login_password(call, answer, length))
        frame_put(&call->frame, answer, length);
    return send_frame(call) == 0 ? PAM_SUCCESS : fail(call, "cannot send an answer", PAM_AUTHINFO_UNAVAIL);
}

/* Show the text of the frame. sudo always sets PAM_SILENT: obeying it would show nothing. */
static int show(struct call *call, int style, char **answer)
{
    int code;

    /* The host's own code runs now: Ctrl-C at its prompt and SIGTERM do what the host wants. */
    watch_release(&call->watch);
    code = pam_prompt(call->pamh, style, answer, "%s", frame_text(&call->frame, MAX_TEXT));
    watch_hold(&call->watch);
    return code;
}

/* Ask the question of the frame, and send what is typed. */
static int ask(struct call *call, int style)
{
    char *answer = NULL;
    int code = show(call, style, &answer);
    size_t length = answer == NULL ? 0 : strlen(answer);

    code = send_answer(call, code, answer, length);
    if (answer != NULL)
        explicit_bzero(answer, length);
    free(answer);
    return code;
}

/* Only these leave the module; the daemon cannot make it return anything else. */
static int checked_result(const struct call *call)
{
    static const unsigned char allowed[] = {PAM_SUCCESS,      PAM_SERVICE_ERR, PAM_AUTH_ERR, PAM_AUTHINFO_UNAVAIL,
                                            PAM_USER_UNKNOWN, PAM_MAXTRIES,    PAM_IGNORE,   PAM_ABORT};
    const unsigned char result = call->frame.bytes[FRAME_HEADER];

    if (frame_length(&call->frame) == 1 && memchr(allowed, result, sizeof(allowed)) != NULL)
        return result;
    return fail(call, "the daemon sent an unknown result", PAM_SERVICE_ERR);
}

/* Read one whole frame. Returns PAM_SUCCESS, or the code to leave with. */
static int read_frame(struct call *call)
{
    struct frame *frame = &call->frame;
    int missing;

    for (frame->used = 0; (missing = frame_missing(frame)) > 0;) {
        const char *why = watch_wait(&call->watch, call->deadline);
        ssize_t got;

        if (why != NULL)
            return give_up(call, why);
        got = recv(call->fd, frame->bytes + frame->used, (size_t)missing, MSG_DONTWAIT);
        if (got > 0)
            frame->used += (size_t)got;
        else if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return fail(call, "the daemon went away", PAM_AUTHINFO_UNAVAIL);
    }
    return missing == 0 ? PAM_SUCCESS : fail(call, "the daemon broke the protocol", PAM_SERVICE_ERR);
}

/* Serve the daemon's frames until its result. */
static int converse(struct call *call)
{
    for (int frames = 0, prompts = 0; frames < MAX_FRAMES && prompts <= MAX_PROMPTS; frames++) {
        int code = read_frame(call);
        const char type = (char)call->frame.bytes[0];

        if (code == PAM_SUCCESS && type == 'R')
            return checked_result(call);
        if (code == PAM_SUCCESS && (type == 'I' || type == 'E'))
            show(call, type == 'I' ? PAM_TEXT_INFO : PAM_ERROR_MSG, NULL);
        else if (code == PAM_SUCCESS && ++prompts <= MAX_PROMPTS)
            code = ask(call, type == 'P' ? PAM_PROMPT_ECHO_OFF : PAM_PROMPT_ECHO_ON);
        if (code != PAM_SUCCESS)
            return code;
    }
    return fail(call, "the daemon sent too much", PAM_SERVICE_ERR);
}

/* ---- What PAM calls ---- */

static int authenticate(struct call *call, int flags, int argc, const char **argv)
{
    const char *user = NULL, *problem;
    int code;

    if (!parse_options(call, argc, argv))
        return PAM_SERVICE_ERR;
    call->deadline = now_ms() + call->seconds * 1000;
    code = pam_get_user(call->pamh, &user, NULL);
    if (code == PAM_CONV_AGAIN)
        return PAM_INCOMPLETE;
    /* A name that is too long is refused, never cut: the rest of it could be somebody else. */
    if (code != PAM_SUCCESS || user == NULL || *user == '\0' || strlen(user) > MAX_USER)
        return PAM_USER_UNKNOWN;
    if (write_request(call, user, flags) != 0)
        return fail(call, "the request does not fit", PAM_SERVICE_ERR);
    problem = connect_daemon(call);
    if (problem == NULL && send_frame(call) != 0)
        problem = "cannot send to the daemon";
    if (problem != NULL)
        return fail(call, problem, PAM_AUTHINFO_UNAVAIL);
    watch_start(&call->watch, call->fd, strcmp(item_of(call, PAM_TTY), "ssh") == 0 ? item_of(call, PAM_RHOST) : NULL);
    code = converse(call);
    if (call->debug)
        pam_syslog(call->pamh, LOG_AUTHPRIV | LOG_DEBUG, "%s: result %d", call->id, code);
    return code;
}

EXPORTED int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    struct call call = {.pamh = pamh, .seconds = DEFAULT_SECONDS, .fd = -1};
    int code;

    call.address = (struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "/run/pushgate/pam.sock"};
    watch_init(&call.watch);
    code = authenticate(&call, flags, argc, argv);
    close(call.fd);
    watch_close(&call.watch);
    explicit_bzero(&call.frame, sizeof(call.frame));
    /* Last: a host that a signal ends has nothing of ours left. */
    watch_release(&call.watch);
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
