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
#include "call.h"

#include <syslog.h>

#include <security/pam_ext.h>

#define EXPORTED __attribute__((visibility("default")))

/* Some hosts copy a text into a buffer of PAM_MAX_MSG_SIZE. */
enum { MAX_TEXT = PAM_MAX_MSG_SIZE - 1, MAX_USER = 256, MAX_ANSWER = 511, MAX_FRAMES = 64, MAX_PROMPTS = 3 };
enum { MAX_SECONDS = 3600, SECONDS = 75 }; /* sshd gives up after LoginGraceTime, 120 s */

/* Leave with a code, and log why. */
static int fail(const struct call *call, int code, const char *why) {
    pam_syslog(call->pamh, LOG_AUTHPRIV | LOG_ERR, "%s: %s", call->id, why);
    return code;
}

/* ---- Options ---- */

/* Returns -1 unless the text is digits alone and the number within the limit. */
static long long parse_number(const char *text, long long limit) {
    char *end;
    /* strtoll() also takes blanks and signs; it makes the largest number of one that is too large. */
    long long number = *text >= '0' && *text <= '9' ? strtoll(text, &end, 10) : -1;

    return number >= 0 && *end == '\0' && number <= limit ? number : -1;
}

/* Returns 0 for an option that is unknown or has a wrong value. */
static int parse_option(struct call *call, const char *option) {
    const size_t room = sizeof(call->daemon.sun_path);

    if (strncmp(option, "socket=/", 8) == 0)
        return snprintf(call->daemon.sun_path, room, "%s", option + 7) < (int)room;
    if (strncmp(option, "timeout=", 8) == 0)
        return (call->seconds = parse_number(option + 8, MAX_SECONDS)) > 0;
    /* (uid_t)-1 means "nobody in particular" to the kernel: never accept it. */
    if (strncmp(option, "daemon_uid=", 11) == 0)
        return (call->daemon_uid = parse_number(option + 11, UINT32_MAX - 1LL)) >= 0;
    return strcmp(option, "debug") == 0 ? call->debug = 1 : 0;
}

/* ---- The conversation ---- */

/* Leave with a code, and tell the daemon why. */
static int cancel(struct call *call, int code, const char *why) {
    frame_start(&call->frame, 'x');
    frame_put(&call->frame, why, strlen(why));
    send_frame(call);
    return fail(call, code, why);
}

/* A host may answer every question with the login password (sshd's password method does): it never leaves as a code. */
static int is_login_password(const struct call *call, const char *answer, size_t length) {
    const char *password = item_of(call, PAM_AUTHTOK);
    volatile int difference = 0;

    if (strlen(password) != length)
        return 0;
    for (size_t i = 0; i < length; i++)
        difference |= password[i] ^ answer[i];
    return difference == 0;
}

/* Show the text of the frame; sudo always sets PAM_SILENT: obeying it would show nothing. The host's own code runs now:
 * Ctrl-C at its prompt, or SIGTERM, does what the host wants. */
static int show(struct call *call, char **answer) {
    static const int styles[] = {
        ['I'] = PAM_TEXT_INFO, ['E'] = PAM_ERROR_MSG, ['P'] = PAM_PROMPT_ECHO_OFF, ['Q'] = PAM_PROMPT_ECHO_ON};
    const char *text = frame_text(&call->frame, MAX_TEXT);

    watch_release(&call->watch);
    const int code = pam_prompt(call->pamh, styles[call->frame.bytes[0]], answer, "%s", text);
    watch_hold(&call->watch);
    return code;
}

/* Send what was typed, or why nothing is sent. Returns PAM_SUCCESS to go on waiting, or the code to leave with. */
static int send_answer(struct call *call, int code, const char *answer, size_t length) {
    if (now_ms() >= call->deadline)
        return cancel(call, PAM_AUTH_ERR, "timeout");
    /* Nothing that a stack could take for success or for "leave me out" may come from the host. */
    if (code != PAM_SUCCESS || answer == NULL || length > MAX_ANSWER)
        return cancel(call, code == PAM_ABORT || code == PAM_BUF_ERR ? code : PAM_CONV_ERR, "conversation");
    frame_start(&call->frame, 'r');
    frame_put(&call->frame, answer, is_login_password(call, answer, length) ? 0 : length);
    return send_frame(call) == 0 ? PAM_SUCCESS : fail(call, PAM_AUTHINFO_UNAVAIL, "the daemon went away");
}

/* Ask the question of the frame, and send the answer. */
static int ask(struct call *call) {
    char *answer = NULL;
    int code = show(call, &answer);
    size_t length = answer == NULL ? 0 : strlen(answer);

    code = send_answer(call, code, answer, length);
    if (answer != NULL)
        explicit_bzero(answer, length);
    free(answer);
    return code;
}

/* Only these leave the module; the daemon cannot make it return anything else. */
static int checked_result(const struct call *call) {
    static const unsigned char allowed[] = {PAM_SUCCESS,      PAM_SERVICE_ERR, PAM_AUTH_ERR, PAM_AUTHINFO_UNAVAIL,
                                            PAM_USER_UNKNOWN, PAM_MAXTRIES,    PAM_IGNORE,   PAM_ABORT};
    int result = call->frame.bytes[FRAME_HEADER];

    if (frame_length(&call->frame) == 1 && memchr(allowed, result, sizeof(allowed)) != NULL)
        return result;
    return fail(call, PAM_SERVICE_ERR, "the daemon sent an unknown result");
}

/* Read one whole frame. Returns PAM_SUCCESS, or the code to leave with. */
static int read_frame(struct call *call) {
    struct frame *frame = &call->frame;
    int missing;

    for (frame->used = 0; (missing = frame_missing(frame)) > 0;) {
        const char *why = watch_wait(&call->watch, call->deadline);

        if (why != NULL)
            return cancel(call, strcmp(why, "timeout") == 0 ? PAM_AUTH_ERR : PAM_ABORT, why);
        const ssize_t got = recv(call->fd, frame->bytes + frame->used, (size_t)missing, MSG_DONTWAIT);
        if (got > 0)
            frame->used += (size_t)got;
        else if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return fail(call, PAM_AUTHINFO_UNAVAIL, "the daemon went away");
    }
    return missing == 0 ? PAM_SUCCESS : fail(call, PAM_SERVICE_ERR, "the daemon broke the protocol");
}

/* Serve the daemon's frames until its result. */
static int converse(struct call *call) {
    for (int frames = 0, prompts = 0; frames < MAX_FRAMES && prompts <= MAX_PROMPTS; frames++) {
        int code = read_frame(call);
        int type = call->frame.bytes[0];

        if (code == PAM_SUCCESS && type == 'R')
            return checked_result(call);
        if (code == PAM_SUCCESS && (type == 'I' || type == 'E'))
            show(call, NULL);
        else if (code == PAM_SUCCESS && ++prompts <= MAX_PROMPTS)
            code = ask(call);
        if (code != PAM_SUCCESS)
            return code;
    }
    return fail(call, PAM_SERVICE_ERR, "the daemon sent too much");
}

/* ---- What PAM calls ---- */

/* Wait for the answer to a request that is sent. */
static int wait_for_result(struct call *call) {
    watch_start(&call->watch, call->fd, item_of(call, PAM_TTY), item_of(call, PAM_RHOST));
    const int code = converse(call);
    close(call->fd);
    explicit_bzero(&call->frame, sizeof(call->frame));
    watch_stop(&call->watch); /* last: now a signal that we held back may end the host */
    if (call->debug)
        pam_syslog(call->pamh, LOG_AUTHPRIV | LOG_DEBUG, "%s: result %d", call->id, code);
    return code;
}

static int authenticate(struct call *call, int flags) {
    const char *user = NULL;
    int code = pam_get_user(call->pamh, &user, NULL);

    /* A name that is too long is refused, never cut: the rest of it could be somebody else. */
    if (code != PAM_SUCCESS || user == NULL || *user == '\0' || strlen(user) > MAX_USER)
        return code == PAM_CONV_AGAIN ? PAM_INCOMPLETE : PAM_USER_UNKNOWN;
    if (write_request(call, user, flags) != 0)
        return fail(call, PAM_SERVICE_ERR, "the request does not fit");
    const char *problem = send_request(call);
    if (problem == NULL)
        return wait_for_result(call);
    close(call->fd);
    return fail(call, PAM_AUTHINFO_UNAVAIL, problem);
}

EXPORTED int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv) {
    struct call call = {.pamh = pamh, .daemon = {AF_UNIX, "/run/pushgate/pam.sock"}, .seconds = SECONDS, .fd = -1};

    for (int i = 0; i < argc; i++) {
        if (!parse_option(&call, argv[i])) {
            pam_syslog(pamh, LOG_AUTHPRIV | LOG_ERR, "unknown or wrong option: %s", argv[i]);
            return PAM_SERVICE_ERR;
        }
    }
    call.deadline = now_ms() + call.seconds * 1000;
    return authenticate(&call, flags);
}

EXPORTED int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv) {
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_SUCCESS;
}

EXPORTED int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
    __attribute__((alias("pam_sm_setcred")));
