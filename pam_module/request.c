/* The request: what PAM knows of a login, as one frame. */
#include "call.h"

#include <sys/random.h>

enum { MAX_AUTH_INFO = 4096, MAX_VALUE = 512 };

const char *item_of(const struct call *call, int item) {
    const void *value = NULL;

    return pam_get_item(call->pamh, item, &value) == PAM_SUCCESS && value != NULL ? value : "";
}

/* Add key=value NUL, cut at the limit; nothing if the value is empty. */
static int put(struct call *call, const char *key, const char *value, size_t limit) {
    if (*value == '\0')
        return 0;
    return frame_put(&call->frame, key, strlen(key)) || frame_put(&call->frame, "=", 1)
        || frame_put(&call->frame, value, strnlen(value, limit)) || frame_put(&call->frame, "", 1);
}

static int put_number(struct call *call, const char *key, long long number) {
    char text[24];

    snprintf(text, sizeof(text), "%lld", number);
    return put(call, key, text, sizeof(text));
}

/* sudo replaces getenv() by one that reads the environment sudo itself has made. In a host that does not, the value
 * stands in `environ`: then it is the caller's own word and is not sent. The daemon checks that the host is sudo. */
static const char *sudo_command(void) {
    static const char key[] = "SUDO_COMMAND=";
    const char *command = getenv("SUDO_COMMAND");

    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        if (strncmp(*entry, key, sizeof(key) - 1) == 0 && *entry + sizeof(key) - 1 == command)
            return "";
    }
    return command == NULL ? "" : command;
}

/* Never cut: half a key would have another fingerprint. */
static const char *ssh_auth_info(const struct call *call) {
    const char *info = pam_getenv(call->pamh, "SSH_AUTH_INFO_0");

    return info == NULL || strlen(info) > MAX_AUTH_INFO ? "" : info;
}

int write_request(struct call *call, const char *user, int flags) {
    const char *service = item_of(call, PAM_SERVICE);
    unsigned long long id;

    if (*service == '\0' || strlen(service) > MAX_VALUE || getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
        return -1;
    snprintf(call->id, sizeof(call->id), "%016llx", id);
    frame_start(&call->frame, 'A');
    return put(call, "v", "1", 1) || put(call, "id", call->id, MAX_VALUE) || put(call, "user", user, MAX_VALUE)
        || put(call, "service", service, MAX_VALUE) || put(call, "rhost", item_of(call, PAM_RHOST), MAX_VALUE)
        || put(call, "tty", item_of(call, PAM_TTY), MAX_VALUE)
        || put(call, "ruser", item_of(call, PAM_RUSER), MAX_VALUE)
        || put_number(call, "uid", getuid()) || put_number(call, "pid", getpid())
        || put_number(call, "flags", (unsigned int)flags) || put_number(call, "timeout", call->seconds)
        || put(call, "ssh_auth_info", ssh_auth_info(call), MAX_AUTH_INFO)
        || put(call, "command", sudo_command(), MAX_VALUE);
}
