/* The request: what PAM knows of a login, as one frame. */
#define _GNU_SOURCE
#include "call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { MAX_AUTH_INFO = 4096, MAX_VALUE = 512 };

const char *item_of(const struct call *call, int item)
{
    const void *value = NULL;

    return pam_get_item(call->pamh, item, &value) == PAM_SUCCESS && value != NULL ? value : "";
}

/* Add key=value NUL, cut at the limit; nothing if the value is empty. */
static int put(struct call *call, const char *key, const char *value, size_t limit)
{
    struct frame *frame = &call->frame;

    if (*value == '\0')
        return 0;
    return frame_put(frame, key, strlen(key)) || frame_put(frame, "=", 1)
        || frame_put(frame, value, strnlen(value, limit)) || frame_put(frame, "", 1);
}

static int put_number(struct call *call, const char *key, unsigned long number)
{
    char text[24];

    snprintf(text, sizeof(text), "%lu", number);
    return put(call, key, text, sizeof(text));
}

/* sudo replaces getenv() by one that reads the environment sudo itself has made. In a host that does not, the value
 * stands in `environ`: then it is the caller's own word and is not sent. The daemon checks that the host is sudo. */
static const char *sudo_command(void)
{
    static const char key[] = "SUDO_COMMAND=";
    const char *command = getenv("SUDO_COMMAND");

    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        if (strncmp(*entry, key, sizeof(key) - 1) == 0 && *entry + sizeof(key) - 1 == command)
            return "";
    }
    return command == NULL ? "" : command;
}

/* Never cut: half a key would have another fingerprint. */
static const char *ssh_auth_info(const struct call *call)
{
    const char *info = pam_getenv(call->pamh, "SSH_AUTH_INFO_0");

    return info == NULL || strlen(info) > MAX_AUTH_INFO ? "" : info;
}

int write_request(struct call *call, const char *user, int flags)
{
    const char *service = item_of(call, PAM_SERVICE);
    unsigned char random[8];

    if (*service == '\0' || strlen(service) > MAX_VALUE || getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -1;
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(call->id + 2 * i, 3, "%02x", random[i]);
    frame_start(&call->frame, 'A');
    return put(call, "v", "1", 1) || put(call, "id", call->id, sizeof(call->id)) || put(call, "user", user, MAX_USER)
        || put(call, "service", service, MAX_VALUE) || put(call, "rhost", item_of(call, PAM_RHOST), MAX_VALUE)
        || put(call, "tty", item_of(call, PAM_TTY), MAX_VALUE) || put(call, "ruser", item_of(call, PAM_RUSER), MAX_VALUE)
        || put_number(call, "uid", getuid()) || put_number(call, "pid", (unsigned long)getpid())
        || put_number(call, "flags", (unsigned int)flags) || put_number(call, "timeout", (unsigned long)call->seconds)
        || put(call, "ssh_auth_info", ssh_auth_info(call), MAX_AUTH_INFO)
        || put(call, "command", sudo_command(), MAX_VALUE);
}
